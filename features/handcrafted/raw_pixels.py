"""The pixels themselves, after bringing every image to one small size: the floor any other feature has to beat."""

from typing import Any, Literal

import numpy as np

from eyecraft.features._base import ImageTransformer
from eyecraft.features._checks import check_choice

_CHANNELS = {"gray": [""], "rgb": ["_red", "_green", "_blue"]}


def pixel_values(image: np.ndarray) -> np.ndarray:
    """Return the ``uint8`` pixels of *image* as ``float32`` in 0 .. 1, row by row, channels last."""
    return image.astype(np.float32).ravel() / np.float32(255)


class RawPixels(ImageTransformer):
    """Gray levels or colours of a small version of the image.

    Parameters
    ----------
    image_size : int, (height, width) or None, default=(32, 32)
        Size every image is brought to; None takes them as they are, which needs images of one size.
    color : {"gray", "rgb"}, default="gray"
        Luma (ITU-R 601) or the three channels.
    n_jobs : int, default=None
        Threads, as in joblib.
    store : bool, str or path, default=None
        Feature store to keep the rows in.

    Attributes
    ----------
    n_features_out_ : int
        ``height * width``, times 3 for "rgb".

    Notes
    -----
    1. Values are in 0 .. 1 and otherwise untouched: no mean is taken away and contrast is not evened out; put a
       `~sklearn.preprocessing.StandardScaler` behind if you want that.
    2. Images are shrunk by averaging over areas, so small sizes do not alias. Proportions are not kept.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import RawPixels
    >>> image = np.array([[0, 51], [102, 255]], np.uint8)
    >>> pixels = RawPixels(image_size=None)
    >>> print(pixels.fit_transform([image]), *pixels.get_feature_names_out())
    [[0.  0.2 0.4 1. ]] pixel_r0_c0 pixel_r0_c1 pixel_r1_c0 pixel_r1_c1
    """

    def __init__(
        self,
        *,
        image_size: int | tuple[int, int] | None = (32, 32),
        color: Literal["gray", "rgb"] = "gray",
        n_jobs: int | None = None,
        store: Any = None,
    ) -> None:
        self.image_size = image_size
        self.color = color
        self.n_jobs = n_jobs
        self.store = store

    @property
    def _color(self) -> Literal["gray", "rgb"]:  # type: ignore[override]
        return self.color

    def _check_parameters(self) -> None:
        check_choice("color", self.color, _CHANNELS)

    def _extract(self, image: np.ndarray) -> np.ndarray:
        return pixel_values(image)

    def _n_features(self, height: int, width: int) -> int:
        return height * width * len(_CHANNELS[self.color])

    def _feature_names(self, height: int, width: int) -> list[str]:
        channels = _CHANNELS[self.color]
        return [f"pixel_r{r}_c{c}{channel}" for r in range(height) for c in range(width) for channel in channels]
