"""Soft assignment: shares by a Gaussian kernel; the plain formula is the judge."""

import numpy as np
import pytest
from references import soft_reference

from eyecraft.features.words.soft import encode_soft


@pytest.mark.parametrize("n_neighbors", [1, 3, 12])
@pytest.mark.parametrize("pooling", ["sum", "max"])
def test_equals_the_plain_formula(rng, n_neighbors, pooling):
    """A few words or all of them, either pooling."""
    descriptors, words = rng.normal(size=(60, 7)), rng.normal(size=(12, 7)).astype(np.float32)
    cells = rng.integers(0, 3, 60)
    found = encode_soft(descriptors, words, cells, 3, pooling, n_neighbors=n_neighbors, sigma=0.8)
    codes = soft_reference.codes(descriptors, words, n_neighbors, 0.8)
    expected = [getattr(codes[cells == cell], pooling)(axis=0) for cell in range(3)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_narrow_kernel_is_hard_assignment_and_a_wide_one_shares_evenly(rng):
    """The two ends of the kernel's width."""
    descriptors, words = rng.normal(size=(30, 4)), rng.normal(size=(5, 4)).astype(np.float32)
    cells = np.zeros(30, int)
    narrow = encode_soft(descriptors, words, cells, 1, "sum", n_neighbors=5, sigma=1e-3)
    nearest = ((descriptors[:, None] - words) ** 2).sum(-1).argmin(1)
    np.testing.assert_allclose(narrow[0], np.bincount(nearest, minlength=5), atol=1e-5)
    wide = encode_soft(descriptors, words, cells, 1, "sum", n_neighbors=5, sigma=1e4)
    np.testing.assert_allclose(wide[0], 6, rtol=1e-4)


def test_far_from_all_words_nothing_underflows():
    """Every descriptor has one vote, however far it lies."""
    words = np.array([[0.0], [1.0]], np.float32)
    found = encode_soft(np.array([[1000.0]]), words, np.zeros(1, int), 1, "sum", n_neighbors=2, sigma=1.0)
    np.testing.assert_allclose(found.sum(), 1)
