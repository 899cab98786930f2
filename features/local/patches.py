"""Patches: the pixels themselves as local descriptors, for codebooks learned from raw images (Coates and Ng 2011)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from eyecraft.features._checks import check_choice, check_flag, check_number, check_pair, check_whole

from ._descriptors import Descriptors, on_grid
from ._local import LocalDescriptor


class Patches(LocalDescriptor):
    """Square patches of pixels on a regular grid.

    Parameters
    ----------
    patch_size : int or (int, int), default=6
        Height and width in pixels.
    step : int, default=1
        Distance between patches in pixels.
    color : {"rgb", "gray"}, default="rgb"
        What a patch holds.
    normalize : bool, default=True
        Subtract each patch's mean and divide by its standard deviation (contrast normalisation).
    regularization : float, default=10.0
        Added to the variance, in squared grey levels (0 to 255), before dividing: patches with less contrast than this
        are not blown up to full contrast.
    max_side, max_height : int or None, default=128 and None
        Images with a longer side or a greater height, in pixels, are shrunk to it first: patches of a few pixels say
        little about large pictures.
    n_jobs : int or None, default=None
        Threads in `transform`.

    Notes
    -----
    An image has ``(floor((height - patch_height) / step) + 1) * (floor((width - patch_width) / step) + 1)`` patches,
    none if it is smaller than one. Each has ``patch_height * patch_width * channels`` numbers. What the step leaves
    over is shared by both ends. ZCA whitening is learned with the codebook: ``BagOfVisualWords(Patches(), whiten="zca",
    encoding="triangle")``. Without normalisation, patches are grey levels in [0, 1], and those
    of a flat image are descriptors like others, unless it is black.

    References
    ----------
    .. [1] A. Coates, H. Lee, A. Ng, "An analysis of single-layer networks in unsupervised feature learning", AISTATS
       2011. https://proceedings.mlr.press/v15/coates11a.html

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import Patches
    >>> Patches(patch_size=6).describe(np.zeros((32, 32, 3), dtype=np.uint8))
    Descriptors(729 of length 108, image 32 x 32)
    """

    def __init__(
        self,
        *,
        patch_size: int | Sequence[int] = 6,
        step: int = 1,
        color: Literal["rgb", "gray"] = "rgb",
        normalize: bool = True,
        regularization: float = 10.0,
        max_side: int | None = 128,
        max_height: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.patch_size = patch_size
        self.step = step
        self.color = color
        self.normalize = normalize
        self.regularization = regularization
        self.max_side = max_side
        self.max_height = max_height
        self.n_jobs = n_jobs

    @property
    def _color(self) -> Literal["gray", "rgb"]:  # type: ignore[override]
        return self.color

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_pair("patch_size", self.patch_size, unit="pixels")
        check_whole("step", self.step, at_least=1, unit="pixels")
        check_choice("color", self.color, ("rgb", "gray"))
        check_flag("normalize", self.normalize)
        check_number("regularization", self.regularization, above=0, why="It keeps flat patches from becoming noise.")

    def _length(self) -> int:
        height, width = check_pair("patch_size", self.patch_size)
        return height * width * (3 if self.color == "rgb" else 1)

    def _compute(self, pixels: np.ndarray) -> Descriptors:
        tall, wide = check_pair("patch_size", self.patch_size)
        size = (pixels.shape[0], pixels.shape[1])
        rows, columns = _corners(size[0], tall, self.step), _corners(size[1], wide, self.step)
        if len(rows) == 0 or len(columns) == 0:
            rows, columns = rows[:0], columns[:0]
            values = np.zeros((0, self._length()), np.float32)
        else:
            cube = pixels if pixels.ndim == 3 else pixels[:, :, None]
            windows = sliding_window_view(cube, (tall, wide), axis=(0, 1))[rows][:, columns]
            values = windows.transpose(0, 1, 3, 4, 2).reshape(-1, self._length()).astype(np.float32)
            values = normalize_contrast(values, self.regularization) if self.normalize else values / np.float32(255)
        return on_grid(values, rows + (tall - 1) / 2, columns + (wide - 1) / 2, (tall * wide) ** 0.5, size)


def normalize_contrast(patches: np.ndarray, regularization: float) -> np.ndarray:
    """Return ``(p - mean(p)) / sqrt(var(p) + regularization)`` for each patch p (Coates 2011, section 3.1.1).

    Parameters
    ----------
    patches : ndarray of shape (n, length), float32
    regularization : float
        In squared units of the patches.

    Returns
    -------
    normalized : ndarray of shape (n, length), float32
    """
    centred = patches - patches.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", centred, centred)[:, None] / np.float32(max(patches.shape[1] - 1, 1))
    return centred / np.sqrt(variance + np.float32(regularization))


def _corners(length: int, patch: int, step: int) -> np.ndarray:
    """Return the first pixels of the patches along one side."""
    room = length - patch
    return np.arange(0) if room < 0 else (room % step) // 2 + step * np.arange(room // step + 1)
