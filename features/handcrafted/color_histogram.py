"""Which colours an image holds, and roughly where: a joint histogram of three channels in every cell of a grid.

After Swain and Ballard's colour indexing [1]_: the channels are cut into bins together, so that "red and bright" is a
bin of its own, not the product of "red" and "bright".

Where we differ: the original opponent axes are replaced by RGB, HSV or Lab, the histogram is taken per cell of a grid,
and counts become shares of the cell's pixels, so images of any size compare.
"""

from typing import Any

import cv2
import numpy as np
from numba import njit

from eyecraft.features._base import ImageTransformer
from eyecraft.features._checks import check_choice, check_pair, check_whole

from ._grid import cell_edges, cell_names
from ._images import colour_uint8

# Per space: OpenCV's 8-bit conversion from RGB, how many levels each channel has in it, and the channels' letters.
_SPACES = {
    "rgb": (None, (256, 256, 256), tuple("rgb")),
    "hsv": (cv2.COLOR_RGB2HSV, (180, 256, 256), tuple("hsv")),
    "lab": (cv2.COLOR_RGB2LAB, (256, 256, 256), tuple("lab")),
}


def color_histogram(
    image: Any, bins: tuple[int, int, int] = (8, 8, 8), space: str = "rgb", grid: int | tuple[int, int] = (1, 1)
) -> np.ndarray:
    """Count the colours of an image in every cell of a grid.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        RGB image; a gray one (height, width) stands for three equal channels.
    bins : int or (int, int, int), default=8
        Bins per channel, equally wide.
    space : {"rgb", "hsv", "lab"}, default="rgb"
        Colour space, see `ColorHistogram`.
    grid : int or (rows, columns), default=(1, 1)
        Cells the image is cut into.

    Returns
    -------
    histograms : ndarray of shape (rows, columns, bins[0], bins[1], bins[2]), float32
        Share of the cell's pixels in each bin; every cell adds up to 1.

    Raises
    ------
    ValueError
        *image* is no ``uint8`` image or smaller than the grid, or a parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features.handcrafted import color_histogram
    >>> red = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    >>> histogram = color_histogram(red, bins=(2, 2, 2))
    >>> print(histogram.shape, histogram[0, 0, 1, 0, 0])
    (1, 1, 2, 2, 2) 1.0
    """
    bins = _checked_bins(bins, space)
    grid = check_pair("grid", grid, at_least=1, unit="cells")
    pixels = colour_uint8(image, "color_histogram")
    if pixels.shape[0] < grid[0] or pixels.shape[1] < grid[1]:
        raise ValueError(
            f"`color_histogram` needs a pixel in each of the {grid[0]} x {grid[1]} cells of its grid; the image has "
            f"{pixels.shape[0]} x {pixels.shape[1]} pixels. Enlarge the image or choose a coarser grid."
        )
    conversion, levels, _ = _SPACES[space]
    values = pixels if conversion is None else cv2.cvtColor(pixels, conversion)
    rows, columns = (cell_edges(length, n) for length, n in zip(pixels.shape[:2], grid, strict=True))
    counts = np.zeros((*grid, int(np.prod(bins))), np.int64)
    _count(values, _bin_tables(bins, levels), rows, columns, counts)
    shares = counts / counts.sum(axis=2, keepdims=True)
    return shares.reshape(*grid, *bins).astype(np.float32)


def _checked_bins(bins: Any, space: str) -> tuple[int, int, int]:
    """Return the bins of the three channels; raise ``ValueError`` for what cannot be."""
    check_choice("space", space, _SPACES)
    try:
        first, second, third = (bins, bins, bins) if np.ndim(bins) == 0 else bins
    except ValueError:
        raise ValueError(
            f"`bins` must be a whole number or three of them, one per channel of {space!r}; got {bins!r}"
        ) from None
    for n in (first, second, third):
        check_whole("bins", n, at_least=1, at_most=256, why="An 8-bit channel has no more levels.")
    return first, second, third


def _bin_tables(bins: tuple[int, int, int], levels: tuple[int, int, int]) -> np.ndarray:
    """Return what each of 256 levels of each channel adds to the number of the joint bin: shape (3, 256)."""
    strides = (bins[1] * bins[2], bins[2], 1)
    level = np.arange(256)
    return np.stack([np.minimum(level * n // top, n - 1) * s for n, top, s in zip(bins, levels, strides, strict=True)])


@njit(nogil=True, cache=True)
def _count(values, tables, rows, columns, counts):  # type: ignore[no-untyped-def]
    for r in range(len(rows) - 1):
        for c in range(len(columns) - 1):
            cell = counts[r, c]
            for y in range(rows[r], rows[r + 1]):
                for x in range(columns[c], columns[c + 1]):
                    a, b, d = values[y, x, 0], values[y, x, 1], values[y, x, 2]
                    cell[tables[0, a] + tables[1, b] + tables[2, d]] += 1


class ColorHistogram(ImageTransformer):
    """Joint histogram of three colour channels in every cell of a grid.

    Parameters
    ----------
    bins : int or (int, int, int), default=8
        Bins per channel, 1 .. 256; one number stands for all three.
    space : {"rgb", "hsv", "lab"}, default="rgb"
        Colour space of the bins, in OpenCV's 8-bit form. "hsv": hue 0 .. 179 (half degrees; red starts the first bin,
        and gray has hue 0), saturation and value 0 .. 255. "lab": lightness scaled to 0 .. 255, a and b shifted by 128.
    grid : int or (rows, columns), default=(1, 1)
        Cells the image is cut into.
    image_size : int or (height, width), default=None
        Bring every image to this size first; None takes images as they are, whatever their sizes.
    n_jobs : int, default=None
        Threads, as in joblib.
    store : bool, str or path, default=None
        Feature store to keep the rows in.

    Attributes
    ----------
    n_features_out_ : int
        ``rows * columns * bins[0] * bins[1] * bins[2]``.

    Notes
    -----
    1. Each cell is l1-normalised: its numbers are shares of its pixels and add up to 1, whatever the image, flat ones
       included. `Sobel` and `HOG` give zeros for a flat image; here its colour is the answer.
    2. Gray images are taken as colour images with three equal channels.
    3. Costs about 2 ms per megapixel on one core in RGB.

    References
    ----------
    .. [1] M. J. Swain and D. H. Ballard, "Color indexing", International Journal of Computer Vision 7(1), 1991, 11-32.
       :doi:`10.1007/BF00130487`

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import ColorHistogram
    >>> blue = np.full((4, 4, 3), (0, 0, 200), np.uint8)
    >>> histogram = ColorHistogram(bins=(6, 2, 2), space="hsv")
    >>> row = histogram.fit_transform([blue])[0]
    >>> print(histogram.get_feature_names_out()[row.argmax()], row.max())
    color_r0_c0_h4_s1_v1 1.0
    """

    _color = "rgb"

    def __init__(
        self,
        *,
        bins: int | tuple[int, int, int] = 8,
        space: str = "rgb",
        grid: int | tuple[int, int] = (1, 1),
        image_size: int | tuple[int, int] | None = None,
        n_jobs: int | None = None,
        store: Any = None,
    ) -> None:
        self.bins = bins
        self.space = space
        self.grid = grid
        self.image_size = image_size
        self.n_jobs = n_jobs
        self.store = store

    def _bins(self) -> tuple[int, int, int]:
        return _checked_bins(self.bins, self.space)

    def _check_parameters(self) -> None:
        self._bins()
        check_pair("grid", self.grid, at_least=1, unit="cells")

    def _smallest_image(self) -> tuple[int, int]:
        return check_pair("grid", self.grid)

    def _extract(self, image: np.ndarray) -> np.ndarray:
        return color_histogram(image, self._bins(), self.space, self.grid).ravel()

    def _n_features(self, height: int, width: int) -> int:
        rows, columns = check_pair("grid", self.grid)
        return rows * columns * int(np.prod(self._bins()))

    def _feature_names(self, height: int, width: int) -> list[str]:
        a, b, c = _SPACES[self.space][2]
        shape = self._bins()
        joint = [f"{a}{i}_{b}{j}_{c}{k}" for i, j, k in np.ndindex(*shape)]
        return cell_names("color", check_pair("grid", self.grid), joint)
