"""Pictures made worse by a known amount: moved, turned, scaled, lit, blurred, compressed or covered.

Every perturbation is a pure function of an RGB image, a level and a generator of random numbers that decides what the
level leaves open (which way a shift goes, where a patch lies). What a move uncovers is filled by reflection, as black
borders would add edges that no real picture has; content that shrinks is surrounded by its mirror images.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from eyecraft.features._checks import check_choice, check_number

Pixels = NDArray[np.uint8]

_COVER = 128  # gray level of the patch that covers a part
_BORDER = cv2.BORDER_REFLECT_101


@dataclass(frozen=True)
class Perturbation:
    """One way of making an image worse.

    Parameters
    ----------
    kind : str
        Its name.
    unit : str
        What its level counts.
    neutral : float
        The level that changes nothing.
    levels : tuple of float
        The levels used unless told, mildest first.
    low, high : float
        The levels it accepts.
    about : str
        What it does.
    """

    kind: str
    unit: str
    neutral: float
    levels: tuple[float, ...]
    low: float
    high: float
    about: str
    apply: Callable[[Pixels, float, np.random.Generator], Pixels]

    def check(self, level: Any) -> None:
        """Raise ``ValueError`` unless the level is one that this perturbation accepts."""
        check_number(f"level of {self.kind}", level, at_least=self.low, at_most=self.high, unit=self.unit)


def shift(image: Pixels, level: float, rng: np.random.Generator) -> Pixels:
    """Move the content by *level* % of the shorter side in a random direction."""
    angle, length = rng.uniform(0, 2 * math.pi), level / 100 * min(image.shape[:2])
    matrix = np.array([[1, 0, length * math.cos(angle)], [0, 1, length * math.sin(angle)]])
    return _warped(image, matrix)


def rotation(image: Pixels, level: float, rng: np.random.Generator) -> Pixels:
    """Turn the content about the centre by *level* degrees, to a random side."""
    return _warped(image, cv2.getRotationMatrix2D(_centre(image), level * rng.choice((-1, 1)), 1.0))


def scale(image: Pixels, level: float, rng: np.random.Generator) -> Pixels:
    """Enlarge or, as likely, shrink the content about the centre by the factor *level*; the frame stays."""
    factor = level if rng.random() < 0.5 else 1 / level
    return _warped(image, cv2.getRotationMatrix2D(_centre(image), 0.0, factor))


def brightness(image: Pixels, level: float, rng: np.random.Generator) -> Pixels:
    """Add or, as likely, subtract *level* % of the range of gray levels."""
    return _rounded(image + rng.choice((-1, 1)) * 255.0 * level / 100)


def contrast(image: Pixels, level: float, rng: np.random.Generator) -> Pixels:
    """Multiply each channel's deviation from its mean by *level*."""
    mean = image.mean(axis=(0, 1))
    return _rounded(mean + level * (image - mean))


def noise(image: Pixels, level: float, rng: np.random.Generator) -> Pixels:
    """Add Gaussian noise with a standard deviation of *level* gray levels, independent in pixels and channels."""
    return _rounded(image + rng.normal(0.0, level, image.shape))


def blur(image: Pixels, level: float, rng: np.random.Generator) -> Pixels:
    """Blur with a Gaussian whose standard deviation is *level* % of the shorter side."""
    sigma = level / 100 * min(image.shape[:2])
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=_BORDER) if sigma >= 0.05 else image.copy()


def jpeg(image: Pixels, level: float, rng: np.random.Generator) -> Pixels:
    """Compress as JPEG with quality *level* and decode again."""
    written, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, round(level)])
    if not written:
        raise ValueError(f"an image of {image.shape[0]} x {image.shape[1]} pixels cannot be compressed as JPEG")
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])


def occlusion(image: Pixels, level: float, rng: np.random.Generator) -> Pixels:
    """Cover *level* % of the area with a gray patch of the image's shape at a random place."""
    height, width = image.shape[:2]
    side = math.sqrt(level / 100)
    tall, wide = round(side * height), round(side * width)
    top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    covered = image.copy()
    covered[top : top + tall, left : left + wide] = _COVER
    return covered


PERTURBATIONS: Mapping[str, Perturbation] = MappingProxyType(
    {
        one.kind: one
        for one in (
            Perturbation("shift", "% of the shorter side", 0, (2, 5, 10, 15, 20), 0, 50, "moved", shift),
            Perturbation("rotation", "degrees", 0, (5, 10, 20, 30, 45), 0, 180, "turned", rotation),
            Perturbation("scale", "factor", 1, (1.1, 1.25, 1.5, 1.75, 2), 1, 8, "enlarged or shrunk", scale),
            Perturbation("brightness", "% of the range", 0, (5, 10, 20, 30, 40), 0, 100, "lighter, darker", brightness),
            Perturbation("contrast", "factor", 1, (0.8, 0.6, 0.4, 0.2, 0.1), 0, 1, "flattened", contrast),
            Perturbation("noise", "gray levels (sd)", 0, (5, 10, 20, 40, 60), 0, 255, "Gaussian noise added", noise),
            Perturbation("blur", "% of the shorter side (sd)", 0, (0.5, 1, 2, 3, 5), 0, 50, "blurred", blur),
            Perturbation("jpeg", "JPEG quality", 100, (80, 50, 25, 10, 5), 1, 100, "compressed", jpeg),
            Perturbation("occlusion", "% of the area", 0, (5, 10, 20, 30, 50), 0, 100, "partly covered", occlusion),
        )
    }
)
"""Every kind of perturbation by name, with the unit and the usual levels."""


def perturb(image: Any, kind: str, level: float, random_state: Any = 0) -> Pixels:
    """Make one image worse by a known amount.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB pixels, as `eyecraft.data.read_image` gives them; left as they are.
    kind : str
        "shift" (% of the shorter side), "rotation" (degrees), "scale" (factor), "brightness" (% of the range),
        "contrast" (factor), "noise" (standard deviation in gray levels), "blur" (standard deviation in % of the shorter
        side), "jpeg" (quality) or "occlusion" (% of the area).
    level : float
        How much, in that unit; 1 is neutral for "scale" and "contrast", 100 for "jpeg", 0 for the others. The neutral
        level gives the image back unchanged.
    random_state : int, sequence of int, or Generator, default=0
        Decides what the level leaves open: the direction of a shift, the side a picture is turned to, whether it gets
        larger or smaller, lighter or darker, the noise, the place of the patch.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        A new image of the same size.

    Raises
    ------
    ValueError
        *image* is not RGB uint8, *kind* is unknown or *level* out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from eyecraft.pipelines.robustness import perturb
    >>> image = np.full((2, 2, 3), 100, dtype=np.uint8)
    >>> int(perturb(image, "brightness", 20, random_state=3)[0, 0, 0]) in (49, 151)
    True
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} of shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"`image` must be RGB uint8 of shape (height, width, 3); got {found}. read_image gives that")
    if 0 in image.shape:
        raise ValueError(f"`image` must have at least one pixel; got shape {image.shape}")
    check_choice("kind", kind, PERTURBATIONS)
    PERTURBATIONS[kind].check(level)
    if level == PERTURBATIONS[kind].neutral:
        return image.copy()
    return PERTURBATIONS[kind].apply(image, float(level), np.random.default_rng(random_state))


def _warped(image: Pixels, matrix: Any) -> Pixels:
    height, width = image.shape[:2]
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=_BORDER))


def _centre(image: Pixels) -> tuple[float, float]:
    return (image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2


def _rounded(values: NDArray[Any]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
