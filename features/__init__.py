"""Features: one row of numbers per image.

- `eyecraft.features.handcrafted`: `RawPixels`, `ColorHistogram`, `Sobel`, `RobinsonCompass`, `HOG`; formulas.
- `eyecraft.features.local`: `SIFT`, `DenseSIFT`, `Patches`; many descriptors per image, each with its place.
- `eyecraft.features.words`: `BagOfVisualWords` makes those into one row; `Chi2Map` and `Hellinger` follow it.
- `TrainingSpan`: long rows made short without a loss, so that several can stand side by side.
- `eyecraft.features.learned`: `CNNFeatures`; any layer of a network. Imported when first used, for torch takes seconds.

All are scikit-learn transformers whose samples are images (paths, arrays, PIL images or bytes). `ImageTransformer` is
their base, and yours; `FeatureStore` keeps computed rows on disk.
"""

from typing import TYPE_CHECKING, Any

from ._base import ImageTransformer
from ._store import FeatureStore, open_store
from ._store_index import FeatureStoreWarning
from .handcrafted import (
    HOG,
    ColorHistogram,
    RawPixels,
    RobinsonCompass,
    Sobel,
    hog,
    robinson_compass,
    sobel_gradients,
    sobel_magnitude_angle,
    uoctti,
)
from .local import SIFT, DenseSIFT, Descriptors, Patches
from .span import TrainingSpan
from .words import BagOfVisualWords, Chi2Map, Hellinger

if TYPE_CHECKING:
    from .learned import CNNFeatures, ConvNet, LeNet5
    from .learned.card import ArchitectureCard, describe

__all__ = [
    "HOG",
    "SIFT",
    "ArchitectureCard",
    "BagOfVisualWords",
    "CNNFeatures",
    "Chi2Map",
    "ColorHistogram",
    "ConvNet",
    "DenseSIFT",
    "Descriptors",
    "FeatureStore",
    "FeatureStoreWarning",
    "Hellinger",
    "ImageTransformer",
    "LeNet5",
    "Patches",
    "RawPixels",
    "RobinsonCompass",
    "Sobel",
    "TrainingSpan",
    "describe",
    "hog",
    "open_store",
    "robinson_compass",
    "sobel_gradients",
    "sobel_magnitude_angle",
    "uoctti",
]


def __getattr__(name: str) -> Any:
    if name in {"ArchitectureCard", "describe"}:
        from .learned import card

        return getattr(card, name)
    if name in {"CNNFeatures", "ConvNet", "LeNet5"}:
        from . import learned

        return getattr(learned, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
