"""VLAD: sums of differences; a plain loop is the judge."""

import numpy as np
import pytest
from references import vlad_reference

from eyecraft.features.words.vlad import encode_vlad


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_equals_the_plain_loop(rng, dtype):
    """Per cell, for bytes and floats."""
    descriptors = rng.integers(0, 200, (90, 8)).astype(dtype)
    words = rng.uniform(0, 200, (6, 8)).astype(np.float32)
    cells = rng.integers(0, 3, 90)
    found = encode_vlad(descriptors, words, cells, 4)
    for cell in range(4):
        np.testing.assert_allclose(found[cell], vlad_reference.sums(descriptors[cells == cell], words), rtol=1e-4)


def test_descriptors_around_a_word_cancel():
    """Left and right of a word: nothing remains."""
    words = np.array([[10.0], [90.0]], np.float32)
    assert encode_vlad(np.array([[8.0], [12.0], [91.0]]), words, np.zeros(3, int), 1).ravel().tolist() == [0, 1]
