"""SIFT keypoints: blobs found at their own scale, each described in its own orientation (Lowe 2004), by OpenCV."""

import cv2
import numpy as np

from eyecraft.features._checks import check_choice, check_flag, check_number, check_whole

from ._dense_sift_kernel import BYTE_SCALE, N_NUMBERS
from ._descriptors import Descriptors
from ._local import ImageError, LocalDescriptor

_WINDOW = 6.0  # width of the described square over OpenCV's keypoint size: four cells of 1.5 sizes


class SIFT(LocalDescriptor):
    """Keypoints and their SIFT descriptors.

    Parameters
    ----------
    n_keypoints : int or None, default=None
        Keep at most this many per image, those of the highest contrast; None keeps all.
    contrast_threshold : float, default=0.04
        Blobs of less contrast are dropped; lower finds more.
    edge_threshold : float, default=10.0
        Blobs stretched along an edge by more than this ratio of curvatures are dropped; higher finds more.
    sigma : float, default=1.6
        Blur of the first octave in pixels.
    root : bool, default=False
        RootSIFT; see `DenseSIFT`.
    dtype : {"uint8", "float32"}, default="uint8"
        As for `DenseSIFT`: bytes (unit vectors times 512) or unit vectors.
    max_side, max_height : int or None, default=1024 and None
        Images with a longer side or a greater height, in pixels, are shrunk to it first. None does not shrink: OpenCV
        then takes about 230 bytes a pixel, 11 GB for 8,000 x 6,000.
    n_jobs : int or None, default=None
        Threads in `transform`.

    Notes
    -----
    The number of keypoints depends on the image; on a flat, tiny or one-pixel-wide image it is 0, and the set empty.
    Where a place has several orientations, each is a keypoint of its own. About 0.3 s per megapixel on one thread.

    The extractor differs from OpenCV in that no more than ``n_keypoints`` ever come back (OpenCV lets ties through),
    ordered from the highest contrast down.

    References
    ----------
    .. [1] D. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60, 2004.
       doi:10.1023/B:VISI.0000029664.99615.94

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.features import SIFT
    >>> SIFT().describe(np.zeros((50, 80), dtype=np.uint8))
    Descriptors(0 of length 128, image 50 x 80)
    """

    def __init__(
        self,
        *,
        n_keypoints: int | None = None,
        contrast_threshold: float = 0.04,
        edge_threshold: float = 10.0,
        sigma: float = 1.6,
        root: bool = False,
        dtype: str = "uint8",
        max_side: int | None = 1024,
        max_height: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_keypoints = n_keypoints
        self.contrast_threshold = contrast_threshold
        self.edge_threshold = edge_threshold
        self.sigma = sigma
        self.root = root
        self.dtype = dtype
        self.max_side = max_side
        self.max_height = max_height
        self.n_jobs = n_jobs

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.n_keypoints is not None:
            check_whole("n_keypoints", self.n_keypoints, at_least=1, why="None keeps all.")
        check_number("contrast_threshold", self.contrast_threshold, at_least=0)
        check_number("edge_threshold", self.edge_threshold, above=0)
        check_number("sigma", self.sigma, above=0, unit="pixels")
        check_flag("root", self.root)
        check_choice("dtype", self.dtype, ("uint8", "float32"))

    def _length(self) -> int:
        return N_NUMBERS

    def _compute(self, pixels: np.ndarray) -> Descriptors:
        finder = cv2.SIFT.create(
            nfeatures=self.n_keypoints or 0,
            contrastThreshold=float(self.contrast_threshold),
            edgeThreshold=float(self.edge_threshold),
            sigma=float(self.sigma),
        )
        try:
            keypoints, values = finder.detectAndCompute(pixels, None)
        except cv2.error as error:
            height, width = pixels.shape
            raise ImageError(
                f"OpenCV finds no SIFT keypoints in an image of {height} x {width} pixels (height x width): "
                f"{' '.join(str(error).split())}. Where memory is short, lower `max_side` (now {self.max_side})"
            ) from None
        if not keypoints:
            keypoints, values = (), np.zeros((0, N_NUMBERS), np.float32)
        responses = np.array([point.response for point in keypoints])
        order = np.argsort(-responses, kind="stable")[: self.n_keypoints]
        places = np.array([(*point.pt, point.size, point.angle) for point in keypoints], np.float32).reshape(-1, 4)
        x, y, size, angle = places[order].T.copy()
        return Descriptors(self._stored(values[order]), x, y, _WINDOW * size, angle, pixels.shape[:2])

    def _stored(self, values: np.ndarray) -> np.ndarray:
        """Return OpenCV's descriptors, whole numbers up to 255 in float32, as the parameters want them."""
        if self.root:
            values = np.sqrt(values / np.maximum(values.sum(axis=1, keepdims=True), 1)) * BYTE_SCALE
        if self.dtype == "uint8":
            return np.minimum(np.rint(values), 255).astype(np.uint8)
        length = np.linalg.norm(values, axis=1, keepdims=True)
        return np.divide(values, length, out=np.zeros_like(values), where=length > 0)
