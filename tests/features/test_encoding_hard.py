"""Hard assignment: counts of the nearest words per cell."""

import numpy as np

from eyecraft.features.words.hard import encode_hard

WORDS = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], np.float32)


def test_counts_per_cell():
    """Five descriptors in two cells, counted by hand."""
    descriptors = np.array([[1, 1], [9, 1], [8, 0], [0, 9], [1, 0]], np.uint8)
    found = encode_hard(descriptors, WORDS, np.array([0, 0, 0, 1, 1]), 3, "sum")
    assert found.tolist() == [[1, 2, 0], [1, 0, 1], [0, 0, 0]]
    assert found.dtype == np.float32


def test_max_pooling_tells_presence():
    """Two votes for a word are as good as one."""
    descriptors = np.array([[9, 1], [8, 0], [0, 9]], np.uint8)
    assert encode_hard(descriptors, WORDS, np.zeros(3, int), 1, "max").tolist() == [[0, 1, 1]]
