"""Bags of visual words: sets of local descriptors made into one row of numbers per image.

`BagOfVisualWords` learns a codebook from the training images (`codebook`: k-means; `fisher`: a Gaussian mixture),
encodes the descriptors of an image with it (`hard`, `soft`, `llc`, `triangle`, `vlad`, `fisher`, one file each), pools
the codes over the cells of a `pyramid` and normalises them (`normalize`). `Chi2Map` and `Hellinger` follow it in a
pipeline, so that a linear classifier acts like one with a kernel for histograms. The functions in those files work on
arrays and can be used alone.
"""

from .bovw import BagOfVisualWords
from .chi2 import Chi2Map, Hellinger

__all__ = ["BagOfVisualWords", "Chi2Map", "Hellinger"]
