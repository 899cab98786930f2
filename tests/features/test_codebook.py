"""k-means: plain means and scikit-learn as judges."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from eyecraft.features.words.codebook import kmeans, lloyd_round
from eyecraft.features.words.nearest import nearest_words


def clouds(rng: np.random.Generator, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Three tight clouds far apart, and their centres."""
    centres = np.array([[0, 0], [100, 0], [0, 100]], float)
    return np.concatenate([centre + rng.normal(size=(n, 2)) for centre in centres]), centres


def test_three_clouds_give_three_words(rng):
    """The words are the clouds' means, whatever the seed."""
    points, centres = clouds(rng)
    for seed in range(5):
        words = kmeans(points.astype(np.float32), 3, seed=seed).words
        order = nearest_words(centres, words)
        assert sorted(order) == [0, 1, 2]
        np.testing.assert_allclose(words[order], centres, atol=0.6)


def test_a_round_of_lloyd_is_assignment_and_mean(rng):
    """Moved words are the means of their descriptors; the distortion is that of the words before."""
    points = rng.integers(0, 256, (700, 16)).astype(np.uint8)
    words = points[:9].astype(np.float32)
    moved, distortion = lloyd_round(points, words)
    squares = ((points[:, None].astype(float) - words) ** 2).sum(-1)
    assert distortion == pytest.approx(squares.min(1).mean(), rel=1e-5)
    labels = squares.argmin(1)
    np.testing.assert_allclose(moved, [points[labels == k].mean(0) for k in range(9)], rtol=1e-5)


def test_equals_scikit_learn_from_the_same_start(rng):
    """Ten rounds from the same words end at the same distortion."""
    points = rng.normal(size=(1500, 12)).astype(np.float32)
    start = points[:30].copy()
    found = kmeans(points, 30, init=start, max_iter=11, tol=0)
    judge = KMeans(30, init=start, n_init=1, max_iter=10, tol=0, algorithm="lloyd").fit(points)
    assert found.distortion == pytest.approx(judge.inertia_ / len(points), rel=1e-4)


def test_kmeans_plus_plus_starts_better_than_random(rng):
    """Spread-out first words have less distortion than random ones, before any round."""
    points = np.concatenate([rng.normal(scale=s, size=(200, 8)) for s in (0.1, 1, 10)]).astype(np.float32)
    first = {
        init: np.mean([kmeans(points, 20, init=init, max_iter=1, seed=seed).distortion for seed in range(5)])
        for init in ("random", "k-means++")
    }
    assert first["k-means++"] < first["random"]


def test_an_empty_word_moves_to_the_farthest_descriptor():
    """A word nobody is near to gets the descriptor that is worst off."""
    points = np.array([[0.0], [1.0], [10.0]], np.float32)
    moved, _ = lloyd_round(points, np.array([[0.5], [-500.0]], np.float32))
    assert moved[1, 0] == 10.0


def test_equal_descriptors_are_no_error():
    """Fewer different descriptors than words: the rest are copies."""
    words = kmeans(np.full((20, 3), 7, np.uint8), 4).words
    np.testing.assert_array_equal(words, 7)


def test_the_seed_decides(rng):
    """Equal seeds, equal words; other seeds, others."""
    points = rng.normal(size=(300, 5)).astype(np.float32)
    one, same, other = (kmeans(points, 10, seed=seed).words for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_fewer_descriptors_than_words_names_both_numbers():
    """The error says how many there are, how many are wanted and what to lower."""
    with pytest.raises(ValueError, match=r"50 words .* from 20 descriptors: lower `n_words` to at most 20"):
        kmeans(np.zeros((20, 4), np.uint8), 50)
