"""The spatial pyramid: one pooling at the finest grid equals a histogram per cell."""

import numpy as np
import pytest
from references import pyramid_reference

from eyecraft.features.words.pyramid import finest_cells, locate, pool_up

PYRAMIDS = [
    [(1, 1)],
    [(1, 1), (2, 2), (4, 4)],
    [(2, 2), (4, 4)],
    [(1, 1), (3, 1)],
    [(1, 1), (2, 2), (3, 1)],
    [(2, 3)],
    [(i, i) for i in range(1, 6)],
    [(4, 4), (5, 5), (7, 3)],
]


@pytest.mark.parametrize("pyramid", PYRAMIDS, ids=str)
@pytest.mark.parametrize("image_size", [(37, 53), (240, 300), (6, 6)])
def test_equals_a_histogram_per_cell(rng, pyramid, image_size):
    """Identical counts, also where cells are no whole number of pixels."""
    words = rng.integers(0, 11, 400)
    x = rng.integers(0, image_size[1], 400).astype(np.float32)
    y = rng.integers(0, 2 * image_size[0] - 1, 400).astype(np.float32) / 2
    cells = finest_cells(pyramid)
    located = locate(x, y, image_size, cells)
    finest = np.bincount(located * 11 + words, minlength=cells.n_cells * 11).reshape(-1, 11)
    found = np.concatenate([level.ravel() for level in pool_up(finest, cells)])
    np.testing.assert_array_equal(found, pyramid_reference.histograms(words, x, y, image_size, 11, pyramid))


def test_max_pooling_takes_the_largest_of_the_cells(rng):
    """Coarser cells hold the maxima of the finer ones; further axes stay."""
    finest = rng.normal(size=(16, 3, 2))
    whole, quarters, same = pool_up(finest, finest_cells([(1, 1), (2, 2), (4, 4)]), "max")
    np.testing.assert_array_equal(same, finest)
    np.testing.assert_array_equal(whole[0], finest.max(0))
    np.testing.assert_array_equal(quarters[1], finest.reshape(4, 4, 3, 2)[:2, 2:].max((0, 1)))


def test_cells_end_where_those_of_a_grid_do():
    """No border more than the grids have, also where they do not nest."""
    assert finest_cells([(1, 1), (2, 2), (3, 1)]).shape == (4, 2)
    assert finest_cells([(i, i) for i in range(1, 6)]).shape == (10, 10)
    assert finest_cells([(4, 4), (5, 5), (7, 7)]).n_cells == 14 * 14


def test_places_at_the_very_border_lie_in_the_image():
    """Half a pixel beyond the first and last pixel centres is still the first and last cell."""
    located = locate(np.array([-0.5, 9.5]), np.array([-0.5, 9.5]), (10, 10), finest_cells([(4, 4)]))
    assert located.tolist() == [0, 15]


@pytest.mark.parametrize("height", [49, 93, 98, 161, 300])
def test_a_place_on_the_border_of_two_cells_belongs_to_the_lower(height):
    """Exactly, whatever the image's height: no rounding decides."""
    y = np.arange(height * 8, dtype=np.float32) / 8 - 0.5
    located = locate(np.zeros_like(y), y, (height, 10), finest_cells([(4, 1)]))
    np.testing.assert_array_equal(located, [i * 4 // (height * 8) for i in range(height * 8)])
