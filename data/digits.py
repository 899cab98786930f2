"""The handwritten digits that come with scikit-learn: a data set that needs no download."""

import numpy as np

from .dataset import Dataset


def load_digits() -> Dataset:
    """Load scikit-learn's 1,797 handwritten digits, 8 x 8 pixels, gray.

    Returns
    -------
    Dataset
        `images` `(1797, 8, 8)` uint8, white strokes on black, the original 0..16 scaled to 0..255; labels "0" to "9".

    References
    ----------
    E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
    https://doi.org/10.24432/C50P49.

    Examples
    --------
    >>> from eyecraft.data import load_digits
    >>> load_digits().images.shape
    (1797, 8, 8)
    """
    from sklearn.datasets import load_digits as load

    bunch = load()
    return Dataset(
        images=np.rint(bunch.images * (255 / 16)).astype(np.uint8),
        labels=bunch.target.astype(np.str_),
        name="digits",
        licence="CC BY 4.0",
        citation=(
            "E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, "
            "UCI Machine Learning Repository, https://doi.org/10.24432/C50P49"
        ),
        source="scikit-learn (test part of the UCI set)",
    )
