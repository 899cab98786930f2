"""The embedded digits."""

import numpy as np
from sklearn.datasets import load_digits as original

from eyecraft.data import load_digits, read_image


def test_digits_are_scikit_learns_digits():
    """The values 0..16 become 0..255 and the labels strings; nothing else changes."""
    digits, bunch = load_digits(), original()
    assert digits.images.dtype == np.uint8
    assert (digits.images.min(), digits.images.max()) == (0, 255)
    assert np.abs(digits.images / 255 * 16 - bunch.images).max() < 0.04
    assert digits.labels.astype(int).tolist() == bunch.target.tolist()
    assert digits.class_names == tuple("0123456789")
    assert "10.24432" in digits.citation
    assert read_image(digits.images[0]).shape == (8, 8, 3)
