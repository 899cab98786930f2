"""Normalisation steps: scopes, order, level weights, zeros."""

import numpy as np
import pytest

from eyecraft.features.words.normalize import normalize_levels


@pytest.fixture
def levels(rng):
    """Return two levels, 1 and 4 cells of 3 words; one cell is empty."""
    found = [rng.uniform(1, 5, (1, 3)), rng.uniform(1, 5, (4, 3))]
    found[1][2] = 0
    return found


@pytest.mark.parametrize(("norm", "order"), [("l1", 1), ("l2", 2)])
def test_each_scope_has_unit_norm(levels, norm, order):
    """Whole row, each level, each cell."""
    row = normalize_levels(levels, (norm,), None)
    assert np.linalg.norm(row, order) == pytest.approx(1, abs=1e-6)
    by_level = normalize_levels(levels, (f"level:{norm}",), None)
    np.testing.assert_allclose([np.linalg.norm(by_level[:3], order), np.linalg.norm(by_level[3:], order)], 1, rtol=1e-6)
    cells = normalize_levels(levels, (f"cell:{norm}",), None).reshape(5, 3)
    np.testing.assert_allclose(np.linalg.norm(cells, order, axis=1), [1, 1, 1, 0, 1], rtol=1e-6)


def test_power_keeps_the_sign():
    """Signed square roots."""
    assert normalize_levels([np.array([[-9.0, 4.0, 0.0]])], ("power",), None).tolist() == [-3, 2, 0]


def test_intra_normalises_each_word(rng):
    """Every word of every cell has unit norm (All about VLAD)."""
    row = normalize_levels([rng.normal(size=(2, 3, 4))], ("intra",), None)
    np.testing.assert_allclose(np.linalg.norm(row.reshape(6, 4), axis=1), 1, rtol=1e-6)


def test_level_weights_come_before_the_whole_row(levels):
    """Lazebnik's weights change the shares of the levels; the row keeps its norm."""
    row = normalize_levels(levels, ("level:l1", "l1"), (1, 3))
    np.testing.assert_allclose([row[:3].sum(), row[3:].sum()], [0.25, 0.75], rtol=1e-6)
    bare = normalize_levels(levels, (), (1, 3))
    np.testing.assert_allclose(bare, np.concatenate([levels[0].ravel(), 3 * levels[1].ravel()]), rtol=1e-6)


def test_zeros_stay_zeros():
    """Nothing to normalise, nothing divided by zero."""
    for steps in (("l1",), ("power", "cell:l2", "l2"), ("intra", "level:l1", "l2")):
        assert not normalize_levels([np.zeros((4, 3, 2))], steps, None).any()
