"""Dense SIFT: gradient histograms of overlapping windows on a grid, at several scales.

Each window is 4 x 4 cells of 8 orientations, 128 numbers: where the edges are, roughly, and which way they run. Source:
Lowe 2004 for the descriptor, Lazebnik 2006 and VLFeat's PHOW for the grid and the scales. Layout and orientation order
are those of OpenCV's SIFT, so the two can be mixed; the borders and the contrast threshold are VLFeat's.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np

from eyecraft.features._checks import check_choice, check_flag, check_number, check_whole, is_flag

from ._dense_sift_kernel import CELLS, N_NUMBERS, dense_sift, grid
from ._descriptors import Descriptors, join, on_grid
from ._local import LocalDescriptor

MAGNIFICATION = 6.0  # cell width over smoothing sigma (VLFeat's PHOW)
_GREY_LEVELS = 255.0
_OPPONENTS = (np.array([[1, 1, 1], [1, -1, 1], [1, 0, -2]]) / np.sqrt([3, 2, 6])).astype(np.float32)


class DenseSIFT(LocalDescriptor):
    """SIFT descriptors on a regular grid.

    Parameters
    ----------
    step : int, default=4
        Distance between grid points in pixels.
    bin_sizes : sequence of int, default=(4, 6, 8, 10)
        Widths of a cell in pixels, one per scale; a window is four cells wide. The 16 x 16 patch of Lazebnik 2006 is
        ``bin_sizes=(4,)``. Even widths put grid points on pixels.
    color : {"gray", "opponent"}, default="gray"
        What is described: the grey image, or three channels one after the other, intensity, red against green and
        yellow against blue (OpponentSIFT, van de Sande 2010), each with its own threshold and unit length. A descriptor
        of colour has 384 numbers.
    window : {"gaussian", "flat"}, default="gaussian"
        "gaussian" weights every gradient by its distance from the centre, as Lowe does; "flat" weights whole cells,
        about a third faster, and differs little (median cosine 0.998).
    window_size : float, default=2.0
        Standard deviation of that Gaussian in cells: half the window's width in Lowe's work, 1.5 in VLFeat's PHOW.
    contrast_threshold : float, default=0.005
        Windows with a mean gradient below this (grey values in [0, 1] per pixel) give zeros, and are kept. Normalising
        them instead would turn noise into structure.
    smoothing : bool or float, default=True
        Gaussian blur before each scale: True for sigma = cell width / 6, a number for cell width / number, False for
        none.
    root : bool, default=False
        RootSIFT (Arandjelovic 2012): square roots of the l1-normalised descriptor, so that the Euclidean distance
        between descriptors becomes the Hellinger distance.
    dtype : {"uint8", "float32"}, default="uint8"
        "uint8" holds the unit vector times 512, rounded, at most 255, in a quarter of the memory; "float32" the unit
        vector.
    max_side, max_height : int or None, default=512 and None
        Images with a longer side or a greater height, in pixels, are shrunk to it first; none is enlarged. None does
        not shrink.
    n_jobs : int or None, default=None
        Threads in `transform`.

    Notes
    -----
    Along a side of ``n`` pixels a scale has ``floor((n - 1 - 3 * bin_size) / step) + 1`` grid points, none if ``n <=
    3 * bin_size``: all cell centres lie inside the image. Descriptors come scale by scale, in each row by row; their
    128 numbers run over cell row, cell column and orientation, the orientation counter-clockwise from the right in
    eighths of a turn.

    Where we differ:

    1. From VLFeat: orientations run counter-clockwise, as in OpenCV; every scale has its own grid, centred in the
       image; the flat window's cells are weighted by the Gaussian's mean under the cell's own interpolation.
    2. From OpenCV: gradients beyond the border repeat those at it, where OpenCV leaves them out; the blur is cell
       width / 6, not 1.6; unit length is restored before rounding, never after.

    One thread describes about 2 million windows a second (0.15 s per megapixel at the defaults).

    References
    ----------
    .. [1] D. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60, 2004.
       doi:10.1023/B:VISI.0000029664.99615.94
    .. [2] S. Lazebnik, C. Schmid, J. Ponce, "Beyond bags of features", CVPR 2006. doi:10.1109/CVPR.2006.68
    .. [3] A. Vedaldi, B. Fulkerson, "VLFeat", ACM Multimedia 2010. doi:10.1145/1873951.1874249
    .. [4] R. Arandjelovic, A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
       doi:10.1109/CVPR.2012.6248018
    .. [5] K. van de Sande, T. Gevers, C. Snoek, "Evaluating color descriptors for object and scene recognition", TPAMI
       32, 2010. doi:10.1109/TPAMI.2009.154

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import DenseSIFT
    >>> image = np.zeros((40, 60), dtype=np.uint8)
    >>> image[:, 30:] = 200
    >>> found = DenseSIFT(step=8, bin_sizes=(4,)).describe(image)
    >>> found
    Descriptors(24 of length 128, image 40 x 60)
    >>> centre = found.values[np.argmin(abs(found.x - 30))].reshape(4, 4, 8)
    >>> set(np.argmax(centre[:, 1:3], axis=2).ravel().tolist())  # the edge is bright to its right: orientation 0
    {0}
    """

    def __init__(
        self,
        *,
        step: int = 4,
        bin_sizes: Sequence[int] = (4, 6, 8, 10),
        color: str = "gray",
        window: str = "gaussian",
        window_size: float = 2.0,
        contrast_threshold: float = 0.005,
        smoothing: bool | float = True,
        root: bool = False,
        dtype: str = "uint8",
        max_side: int | None = 512,
        max_height: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.step = step
        self.bin_sizes = bin_sizes
        self.color = color
        self.window = window
        self.window_size = window_size
        self.contrast_threshold = contrast_threshold
        self.smoothing = smoothing
        self.root = root
        self.dtype = dtype
        self.max_side = max_side
        self.max_height = max_height
        self.n_jobs = n_jobs

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_whole("step", self.step, at_least=1, unit="pixels")
        if not isinstance(self.bin_sizes, Sequence | np.ndarray) or len(self.bin_sizes) == 0:
            raise ValueError(f"`bin_sizes` must be a sequence such as (4, 6, 8, 10), pixels; got {self.bin_sizes!r}")
        for bin_size in self.bin_sizes:
            check_whole("bin_sizes", bin_size, at_least=2, unit="pixels", why="Smaller cells hold no gradient.")
        check_choice("color", self.color, ("gray", "opponent"))
        check_choice("window", self.window, ("gaussian", "flat"))
        check_number("window_size", self.window_size, above=0, unit="cells")
        check_flag("root", self.root)
        check_choice("dtype", self.dtype, ("uint8", "float32"))
        check_number("contrast_threshold", self.contrast_threshold, at_least=0)
        if not is_flag(self.smoothing):
            check_number("smoothing", self.smoothing, above=0, why="It divides the cell width; False does not smooth.")

    @property
    def _color(self) -> Literal["gray", "rgb"]:  # type: ignore[override]
        return "gray" if self.color == "gray" else "rgb"

    def _length(self) -> int:
        return N_NUMBERS if self.color == "gray" else 3 * N_NUMBERS

    def _compute(self, pixels: np.ndarray) -> Descriptors:
        channels = [pixels] if self.color == "gray" else opponent_channels(pixels)
        found = [join([self._one_scale(one, bin_size) for bin_size in self.bin_sizes]) for one in channels]
        if len(found) == 1:
            return found[0]
        return dataclasses.replace(found[0], values=np.concatenate([one.values for one in found], axis=1))

    def _one_scale(self, pixels: np.ndarray, bin_size: int) -> Descriptors:
        values = dense_sift(
            smooth(pixels, self._sigma(bin_size)),
            bin_size,
            self.step,
            gaussian=self.window == "gaussian",
            sigma=self.window_size,
            threshold=self.contrast_threshold * _GREY_LEVELS,
            root=self.root,
            as_bytes=self.dtype == "uint8",
        )
        height, width = pixels.shape
        rows, columns = (_centres(length, bin_size, self.step) for length in (height, width))
        if not len(values):
            rows = columns = rows[:0]
        return on_grid(values, rows, columns, CELLS * bin_size, (height, width))

    def _sigma(self, bin_size: int) -> float:
        if is_flag(self.smoothing):
            return bin_size / MAGNIFICATION if self.smoothing else 0.0
        return bin_size / self.smoothing


def opponent_channels(pixels: np.ndarray) -> np.ndarray:
    """Return intensity, red against green, and yellow against blue: RGB turned to axes at right angles.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), uint8

    Returns
    -------
    channels : ndarray of shape (3, height, width), float32
        ``(R + G + B) / sqrt(3)``, ``(R - G) / sqrt(2)`` and ``(R + G - 2 B) / sqrt(6)``.
    """
    return np.ascontiguousarray(np.moveaxis(pixels.astype(np.float32) @ _OPPONENTS, -1, 0))


def smooth(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Blur by a Gaussian cut off at 4 sigma, the border repeated.

    Parameters
    ----------
    pixels : ndarray of shape (height, width), uint8 or float32
    sigma : float
        In pixels; 0 only converts.

    Returns
    -------
    smoothed : ndarray of shape (height, width), float32
    """
    if sigma == 0:
        return pixels.astype(np.float32)
    radius = math.ceil(4 * sigma)
    bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    bell = (bell / bell.sum()).astype(np.float32)
    blurred: Any = cv2.sepFilter2D(pixels, cv2.CV_32F, bell, bell, borderType=cv2.BORDER_REPLICATE)
    return blurred


def _centres(length: int, bin_size: int, step: int) -> np.ndarray:
    """Return the coordinates of the windows' centres along one side."""
    first, n = grid(length, bin_size, step)
    return first + (CELLS - 1) / 2 * bin_size + step * np.arange(n)
