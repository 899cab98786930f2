"""The nearest words: plain distances in double precision are the judge, on both ways to compute them."""

import os
import subprocess
import sys

import numpy as np
import pytest

from eyecraft.features.words import _byte_words
from eyecraft.features.words._prepared import PreparedWords
from eyecraft.features.words.nearest import nearest_few, nearest_words

WAYS = [
    pytest.param(
        True,
        marks=pytest.mark.skipif(not _byte_words.POSSIBLE, reason="runs where the processor has AVX-512 VNNI"),
        id="bytes",
    ),
    pytest.param(False, id="matrices"),
]


@pytest.fixture(params=WAYS)
def by_bytes(request, monkeypatch):
    """Descriptors of bytes go through whole numbers, or not."""
    monkeypatch.setattr(_byte_words, "POSSIBLE", request.param)
    return request.param


def squares(descriptors, words):
    """Return all squared distances."""
    return ((descriptors[:, None].astype(float) - words) ** 2).sum(-1)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(("n", "n_words"), [(1, 1), (7, 3), (513, 40), (2000, 257)])
def test_equals_plain_distances(rng, by_bytes, dtype, n, n_words):
    """Chunk borders, odd sizes and types do not matter."""
    points = rng.integers(0, 256, (n, 24)).astype(dtype)
    words = rng.uniform(0, 255, (n_words, 24)).astype(np.float32)
    distances = squares(points, words)
    found = nearest_words(points, words)
    np.testing.assert_allclose(distances[np.arange(n), found], distances.min(1), rtol=1e-5)
    assert (found == distances.argmin(1)).mean() > 0.999


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("n_words", [5, 31, 32, 33, 64, 65, 100])
def test_the_few_nearest_come_sorted(rng, by_bytes, dtype, n_words):
    """The words come nearest first, also where they do not fill whole blocks."""
    descriptors, words = rng.integers(0, 9, (50, 8)).astype(dtype), rng.normal(4, 3, (n_words, 8)).astype(np.float32)
    neighbors, gaps = nearest_few(descriptors, words, 5)
    np.testing.assert_array_equal(neighbors, squares(descriptors, words).argsort(1)[:, :5])
    np.testing.assert_allclose(gaps, np.sort(squares(descriptors, words), 1)[:, :5], rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(not _byte_words.POSSIBLE, reason="runs where the processor has AVX-512 VNNI")
@pytest.mark.parametrize("spread", [0.0, 1e-4, 1e-3, 1.0, 60.0, 1e4])
@pytest.mark.parametrize("few", [1, 7])
def test_bytes_are_exact_however_near_words_are_to_each_other(rng, spread, few):
    """Rounding the words never decides: neighbours are those of double precision, for crowded words and far ones."""
    descriptors = rng.integers(0, 256, (200, 128), dtype=np.uint8)
    words = (rng.integers(0, 256, 128) + spread * rng.normal(size=(150, 128))).astype(np.float32)
    neighbors, gaps = nearest_few(descriptors, words, few)
    distances = squares(descriptors, words)
    np.testing.assert_array_equal(neighbors, np.argsort(distances, axis=1, kind="stable")[:, :few])
    np.testing.assert_allclose(gaps, np.sort(distances, axis=1)[:, :few], rtol=1e-6)


@pytest.mark.parametrize("setting", ["NUMBA_CPU_NAME=generic", "NUMBA_ENABLE_AVX=0", "NUMBA_DISABLE_JIT=1"])
def test_where_numba_may_not_use_the_instruction_matrices_do(setting, tmp_path):
    """The instruction is written only where numba compiles for a processor that has it."""
    code = (
        "import numpy as np; from eyecraft.features.words.nearest import nearest_words; "
        "print(nearest_words(np.full((2, 8), 9, np.uint8), np.array([[0.0] * 8, [8.0] * 8])).tolist())"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), **dict([setting.split("=")])}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert told.stdout.strip() == "[1, 1]"


def test_of_equal_words_the_first_is_taken(by_bytes):
    """Ties are settled by order, also across the blocks in which words are looked at."""
    words = np.array([[5.0], [1.0], [1.0]], np.float32)
    assert nearest_words(np.array([[0.0], [1.0]]), words).tolist() == [1, 1]
    many = np.full((200, 4), 9.0, np.float32)
    many[[17, 40, 130]] = 3.0
    neighbors, _ = nearest_few(np.full((2, 4), 3, np.uint8), many, 4)
    assert neighbors.tolist() == [[17, 40, 130, 0]] * 2


def test_many_neighbours_come_sorted_too(rng, by_bytes):
    """Also where it is cheaper to sort than to insert."""
    descriptors, words = rng.integers(0, 256, (300, 16), dtype=np.uint8), rng.uniform(0, 255, (200, 16))
    neighbors, gaps = nearest_few(descriptors, words, 150)
    expected = np.sort(squares(descriptors, words), axis=1)[:, :150]
    np.testing.assert_allclose(np.take_along_axis(squares(descriptors, words), neighbors, 1), expected, rtol=1e-4)
    np.testing.assert_allclose(gaps, expected, rtol=1e-3)


def test_lengths_must_agree(by_bytes):
    """Nothing is read beyond a descriptor."""
    with pytest.raises(ValueError, match="descriptors of 64 numbers cannot be compared with words of 128"):
        nearest_words(np.zeros((5, 64), np.uint8), np.zeros((3, 128), np.float32))


def test_prepared_words_are_the_same_words(rng, by_bytes):
    """And what was prepared is kept."""
    descriptors, words = rng.integers(0, 256, (30, 16), dtype=np.uint8), rng.uniform(0, 255, (20, 16))
    prepared = PreparedWords(words)
    for _ in range(2):
        np.testing.assert_array_equal(nearest_words(descriptors, prepared), nearest_words(descriptors, words))
    assert prepared.panels is prepared.panels


def test_no_descriptors_have_no_words(by_bytes):
    """An empty set stays empty."""
    assert nearest_words(np.zeros((0, 4), np.uint8), np.ones((3, 4), np.float32)).shape == (0,)


def test_parts_of_a_larger_array_will_do(rng, by_bytes):
    """Descriptors that do not lie together in memory are the same descriptors."""
    descriptors, words = rng.integers(0, 256, (40, 16), dtype=np.uint8), rng.uniform(0, 255, (20, 8))
    part = descriptors[::3, 4:12]
    np.testing.assert_array_equal(nearest_words(part, words), nearest_words(part.copy(), words))
