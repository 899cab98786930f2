"""Triangle encoding; the plain formula is the judge."""

import numpy as np
import pytest
from references import triangle_reference

from eyecraft.features.words.triangle import encode_triangle


@pytest.mark.parametrize("pooling", ["sum", "max"])
def test_equals_the_plain_formula(rng, pooling):
    """Also across the chunks that the scores come in."""
    descriptors, words = rng.normal(size=(300, 9)), rng.normal(size=(20, 9)).astype(np.float32)
    cells = rng.integers(0, 4, 300)
    found = encode_triangle(descriptors, words, cells, 4, pooling)
    codes = triangle_reference.codes(descriptors, words)
    expected = [getattr(codes[cells == cell], pooling)(axis=0) for cell in range(4)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_about_half_of_the_words_stay_silent(rng):
    """What is farther than average counts nothing."""
    words = rng.normal(size=(100, 9)).astype(np.float32)
    code = encode_triangle(rng.normal(size=(1, 9)), words, np.zeros(1, int), 1, "sum")
    assert 0.3 < (code == 0).mean() < 0.7
