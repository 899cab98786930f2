"""LLC: weights that rebuild descriptors; a linear system per descriptor is the judge."""

import numpy as np
import pytest
from references import llc_reference

from eyecraft.features.words.llc import encode_llc, llc_weights


@pytest.mark.parametrize("pooling", ["sum", "max"])
@pytest.mark.parametrize(("n_neighbors", "dtype"), [(1, np.float32), (5, np.uint8), (9, np.float32)])
def test_equals_the_plain_solution(rng, pooling, n_neighbors, dtype):
    """Any number of neighbours, bytes or floats, either pooling."""
    descriptors = rng.integers(0, 200, (80, 16)).astype(dtype)
    words = rng.uniform(0, 200, (70, 16)).astype(np.float32)
    cells = rng.integers(0, 2, 80)
    found = encode_llc(descriptors, words, cells, 2, pooling, n_neighbors=n_neighbors, beta=1e-4)
    codes = llc_reference.codes(descriptors, words, n_neighbors, 1e-4)
    expected = np.array([getattr(codes[cells == cell], pooling)(axis=0) for cell in range(2)])
    np.testing.assert_allclose(found, np.maximum(expected, 0) if pooling == "max" else expected, atol=2e-3)


def test_weights_sum_to_one_and_rebuild_what_lies_between_words():
    """A descriptor in the middle of two words is half of each."""
    words = np.array([[0.0, 0.0], [10.0, 0.0], [500.0, 500.0]], np.float32)
    weights = llc_weights(np.array([[5.0, 0.0], [2.0, 0.0]]), words, np.array([[0, 1], [0, 1]], np.int32), 1e-6)
    np.testing.assert_allclose(weights, [[0.5, 0.5], [0.8, 0.2]], atol=1e-3)


def test_a_descriptor_that_is_its_words_has_equal_weights():
    """No covariance to invert: no NaN."""
    weights = llc_weights(np.ones((1, 3)), np.ones((4, 3), np.float32), np.arange(4, dtype=np.int32)[None], 1e-4)
    np.testing.assert_allclose(weights, 0.25)
