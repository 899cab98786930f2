"""Sobel's gradient: how strongly and in which direction the gray level rises at every pixel.

Two 3x3 masks, a central difference across and a 1, 2, 1 smoothing along, give the horizontal and vertical slope [1]_;
their length is the strength of an edge, their angle its direction.

Where we differ: values are not divided by 8 (as in OpenCV; scikit-image divides by 4), borders are reflected without
repeating the edge pixel, and the angle comes from a polynomial that is within 2e-6 radians of ``arctan2``.
"""

from typing import Any

import cv2
import numpy as np
from numba import njit
from numpy import float32, int16, int32

from eyecraft.features._base import ImageTransformer
from eyecraft.features._checks import check_choice, check_pair, check_whole

from ._grid import cell_names, check_norm, normalised, pooled_histograms, pooled_means
from ._images import gray_uint8

#: Central difference across, smoothing along: the masks, correlated with the image.
SOBEL_ACROSS = np.outer([1, 2, 1], [-1, 0, 1])
SOBEL_DOWN = SOBEL_ACROSS.T

# Odd minimax polynomial for arctan on [0, 1], fitted by linear programming: error below 2e-6 radians.
_ATAN = tuple(map(float32, (0.99997721, -0.33262375, 0.19354341, -0.1164241, 0.05263587, -0.01171211)))
_HALF_TURN, _QUARTER_TURN, _ONE, _NONE = float32(np.pi), float32(np.pi / 2), float32(1), float32(0)


def sobel_gradients(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """Compute the horizontal and vertical Sobel gradient.

    Parameters
    ----------
    image : ndarray of shape (height, width), uint8
        Gray image.

    Returns
    -------
    gx, gy : ndarrays of shape (height, width), int16
        Rise to the right and rise downwards, -1020 .. 1020; divide by 8 for gray levels per pixel. The same numbers as
        ``cv2.Sobel(image, cv2.CV_16S, 1, 0)`` and ``cv2.Sobel(image, cv2.CV_16S, 0, 1)``.

    Raises
    ------
    ValueError
        *image* is no gray ``uint8`` image.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features.handcrafted import sobel_gradients
    >>> ramp = np.tile(np.arange(0, 50, 10, dtype=np.uint8), (3, 1))
    >>> gx, gy = sobel_gradients(ramp)  # 10 gray levels per pixel, times 8; the border is a mirror
    >>> print(gx[1], gy.any())
    [ 0 80 80 80  0] False
    """
    pixels = gray_uint8(image, "sobel_gradients")
    gx, gy = np.empty(pixels.shape, np.int16), np.empty(pixels.shape, np.int16)
    _gradients(_with_border(pixels), gx, gy)
    return gx, gy


def sobel_magnitude_angle(image: Any) -> tuple[np.ndarray, np.ndarray]:
    """Compute length and direction of the Sobel gradient.

    Parameters
    ----------
    image : ndarray of shape (height, width), uint8
        Gray image.

    Returns
    -------
    magnitude : ndarray of shape (height, width), float32
        ``hypot(gx, gy)`` of `sobel_gradients`, correctly rounded.
    angle : ndarray of shape (height, width), float32
        ``arctan2(gy, gx)`` in radians, -pi .. pi, within 2e-6; 0 points right, pi / 2 down. 0 where there is no
        gradient.

    Raises
    ------
    ValueError
        *image* is no gray ``uint8`` image.

    Notes
    -----
    ``gx**2 + gy**2`` is below 2**24, hence exact in ``float32``, and the square root is rounded correctly: no larger
    type could give a better ``float32``. One pass over the image, about 1.2 ms per megapixel on one core.

    References
    ----------
    .. [1] I. Sobel and G. Feldman, "A 3x3 isotropic gradient operator for image processing", talk at the Stanford
       Artificial Intelligence Project, 1968; see also I. Sobel, "History and definition of the Sobel operator", 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features.handcrafted import sobel_magnitude_angle
    >>> step = np.zeros((6, 5), np.uint8)
    >>> step[3:] = 100  # bright below: the gray level rises downwards
    >>> magnitude, angle = sobel_magnitude_angle(step)
    >>> print(magnitude[2, 2], np.degrees(angle[2, 2]))
    400.0 90.0
    """
    pixels = gray_uint8(image, "sobel_magnitude_angle")
    magnitude, angle = np.empty(pixels.shape, np.float32), np.empty(pixels.shape, np.float32)
    _magnitude_angle(_with_border(pixels), magnitude, angle)
    return magnitude, angle


def nearest_orientation(gx: np.ndarray, gy: np.ndarray, n: int, *, signed: bool) -> np.ndarray:
    """Return which of *n* evenly spread directions each gradient is nearest to.

    Parameters
    ----------
    gx, gy : ndarrays of shape (height, width), int16
        Gradients.
    n : int
        Number of directions. Number k points to ``k * 180 / n`` degrees, or ``k * 360 / n`` where *signed*.
    signed : bool
        Tell dark-to-bright from bright-to-dark.

    Returns
    -------
    nearest : ndarray of shape (height, width), uint8
        The first of equally near ones; 0 where there is no gradient.
    """
    # Rounding makes mirror images of a direction equal to the last bit, so that ties are ties; the error of 1e-12 is
    # far below the 5e-4 by which whole-number gradients that are not tied differ in their products.
    angles = np.arange(n) * ((2 if signed else 1) * np.pi / n)
    nearest = np.empty(gx.shape, np.uint8)
    _nearest(gx, gy, np.round(np.cos(angles), 12), np.round(np.sin(angles), 12), signed, nearest)
    return nearest


def _with_border(pixels: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(pixels, 1, 1, 1, 1, cv2.BORDER_REFLECT_101)


@njit(nogil=True, cache=True)
def _gradients(padded, gx, gy):  # type: ignore[no-untyped-def]
    for y in range(gx.shape[0]):
        above, here, below = padded[y], padded[y + 1], padded[y + 2]
        for x in range(gx.shape[1]):
            falling = int16(int16(below[x + 2]) - int16(above[x]))
            rising = int16(int16(above[x + 2]) - int16(below[x]))
            across = int16(2 * int16(int16(here[x + 2]) - int16(here[x])))
            down = int16(2 * int16(int16(below[x + 1]) - int16(above[x + 1])))
            gx[y, x] = falling + rising + across
            gy[y, x] = falling - rising + down


@njit(nogil=True, cache=True, error_model="numpy")
def _magnitude_angle(padded, magnitude, angle):  # type: ignore[no-untyped-def]
    c0, c1, c2, c3, c4, c5 = _ATAN
    for y in range(magnitude.shape[0]):
        above, here, below = padded[y], padded[y + 1], padded[y + 2]
        for x in range(magnitude.shape[1]):
            falling = int32(int32(below[x + 2]) - int32(above[x]))
            rising = int32(int32(above[x + 2]) - int32(below[x]))
            across = int32(2 * int32(int32(here[x + 2]) - int32(here[x])))
            down = int32(2 * int32(int32(below[x + 1]) - int32(above[x + 1])))
            gx = float32(int32(falling + rising + across))
            gy = float32(int32(falling - rising + down))
            magnitude[y, x] = np.sqrt(gx * gx + gy * gy)
            wide, high = abs(gx), abs(gy)
            t = min(wide, high) / max(max(wide, high), _ONE)
            s = t * t
            turn = t * (c0 + s * (c1 + s * (c2 + s * (c3 + s * (c4 + s * c5)))))
            turn = _QUARTER_TURN - turn if high > wide else turn
            turn = _HALF_TURN - turn if gx < _NONE else turn
            angle[y, x] = -turn if gy < _NONE else turn


@njit(nogil=True, cache=True)
def _nearest(gx, gy, cosines, sines, signed, nearest):  # type: ignore[no-untyped-def]
    width = gx.shape[1]
    best = np.empty(width)
    for y in range(gx.shape[0]):
        best[:] = 0
        nearest[y] = 0
        for k in range(len(cosines)):
            for x in range(width):
                along = gx[y, x] * cosines[k] + gy[y, x] * sines[k]
                along = along if signed else abs(along)
                nearest[y, x] = k if along > best[x] else nearest[y, x]
                best[x] = max(best[x], along)


class Sobel(ImageTransformer):
    """Edge strength and direction after Sobel, pooled over a grid.

    Parameters
    ----------
    output : {"histogram", "map"}, default="histogram"
        "histogram": per cell a histogram of gradient directions, every pixel weighted by its magnitude. "map": the mean
        magnitude of each cell, a small picture of where the edges are.
    grid : int or (rows, columns), default=(4, 4)
        Cells the image is cut into.
    orientations : int, default=8
        Directions of a histogram, 2 .. 180; a pixel votes for the nearest one. Direction k is centred on
        ``k * 180 / orientations`` degrees (0 points right, 90 down), so that vertical edges, and with an even number
        horizontal ones, lie in the middle of a bin.
    signed : bool, default=False
        Tell dark-to-bright from bright-to-dark: directions then spread over 360 degrees.
    norm : {"l2", "l1"} or None, default="l2"
        Divide all numbers of the image by their length or sum, so that contrast does not matter; None keeps the mean
        magnitude per pixel (0 .. 1443).
    image_size : int or (height, width), default=None
        Bring every image to this size first; None takes images as they are, whatever their sizes.
    n_jobs : int, default=None
        Threads, as in joblib.
    store : bool, str or path, default=None
        Feature store to keep the rows in.

    Attributes
    ----------
    n_features_out_ : int
        ``rows * columns * orientations``, or ``rows * columns`` for a map.

    See Also
    --------
    sobel_gradients : The two gradients themselves.
    sobel_magnitude_angle : Their length and angle.
    HOG : Histograms with normalisation in overlapping blocks.

    Notes
    -----
    1. ``orientations`` and ``signed`` have no effect on a map.
    2. Of two equally near directions the first gets the vote.
    3. Where the cells do not share the pixels evenly, they differ by one row or column; means make up for it.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import Sobel
    >>> step = np.zeros((8, 8), np.uint8)
    >>> step[4:] = 200  # a horizontal edge: the gray level rises downwards, at 90 degrees
    >>> sobel = Sobel(grid=1, orientations=4)
    >>> row = sobel.fit_transform([step])[0]
    >>> print(sobel.get_feature_names_out()[row.argmax()], row.round(3))
    sobel_r0_c0_o2 [0. 0. 1. 0.]
    """

    def __init__(
        self,
        *,
        output: str = "histogram",
        grid: int | tuple[int, int] = (4, 4),
        orientations: int = 8,
        signed: bool = False,
        norm: str | None = "l2",
        image_size: int | tuple[int, int] | None = None,
        n_jobs: int | None = None,
        store: Any = None,
    ) -> None:
        self.output = output
        self.grid = grid
        self.orientations = orientations
        self.signed = signed
        self.norm = norm
        self.image_size = image_size
        self.n_jobs = n_jobs
        self.store = store

    def _check_parameters(self) -> None:
        check_choice("output", self.output, ("histogram", "map"))
        check_pair("grid", self.grid, at_least=1, unit="cells")
        check_whole("orientations", self.orientations, at_least=2, at_most=180)
        check_norm(self.norm)

    def _smallest_image(self) -> tuple[int, int]:
        return check_pair("grid", self.grid)

    def _extract(self, image: np.ndarray) -> np.ndarray:
        grid = check_pair("grid", self.grid)
        magnitude, _ = sobel_magnitude_angle(image)
        if self.output == "map":
            return normalised(pooled_means(magnitude, grid), self.norm)
        bins = nearest_orientation(*sobel_gradients(image), self.orientations, signed=bool(self.signed))
        return normalised(pooled_histograms(magnitude, bins, grid, self.orientations), self.norm)

    def _n_features(self, height: int, width: int) -> int:
        return len(self._feature_names(height, width))

    def _feature_names(self, height: int, width: int) -> list[str]:
        grid = check_pair("grid", self.grid)
        if self.output == "map":
            return [f"sobel_r{r}_c{c}" for r in range(grid[0]) for c in range(grid[1])]
        return cell_names("sobel", grid, [f"o{k}" for k in range(self.orientations)])
