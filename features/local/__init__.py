"""Local descriptors: what an image looks like around many places, one vector and one position for each.

`DenseSIFT` on a grid at several scales, the strongest for recognition; `SIFT` at keypoints, which follow objects when
they move, turn or grow; `Patches`, the pixels themselves. Each turns an image into `Descriptors`, a set whose size
depends on the image; `eyecraft.features.words` turns such sets into rows of one length.
"""

from ._descriptors import Descriptors
from .dense_sift import DenseSIFT
from .patches import Patches
from .sift import SIFT

__all__ = ["SIFT", "DenseSIFT", "Descriptors", "Patches"]
