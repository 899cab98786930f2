"""Near duplicates: copies are found, strangers are not, and the pairs across a split are counted."""

import time

import cv2
import numpy as np
import pytest
from sklearn.model_selection import GroupKFold

from eyecraft.data import Dataset
from eyecraft.data._looks import close_pairs, likeness, perceptual_hash
from eyecraft.data.duplicates import near_duplicates


def scene(seed, size=(96, 128)):
    """Return a smooth invented picture."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)


def jpeg(image):
    """Return the image compressed hard."""
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], 1)


EDITS = {
    "copy": lambda image: image.copy(),
    "jpeg": jpeg,
    "half the size": lambda image: cv2.resize(image, (64, 48), interpolation=cv2.INTER_AREA),
    "darker": lambda image: (0.7 * image).astype(np.uint8),
    "noise": lambda image: cv2.add(image, np.random.default_rng(0).integers(0, 30, image.shape, dtype=np.uint8)),
    "gray": lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
}


@pytest.mark.parametrize("edit", EDITS)
def test_finds_edited_copies(edit):
    """Of twenty pictures and one edited copy, exactly that pair is found."""
    images = [scene(seed) for seed in range(20)]
    found = near_duplicates([*images, EDITS[edit](images[7])])
    assert found.pairs.tolist() == [[7, 20]]
    assert found.frame()["correlation"].iloc[0] > 0.97
    assert "same_class" not in found.frame()


def test_thumbnails_cut_false_alarms():
    """Two pictures whose hashes are close by construction, but whose pixels are not, are no pair."""
    image = scene(1)
    flat = np.full_like(image, 90)
    flat[40, 60] = 93  # the hash sees signs of frequencies, however small
    loose = near_duplicates([image, scene(2), flat], max_distance=32, min_correlation=0)
    strict = near_duplicates([image, scene(2), flat], max_distance=32)
    assert len(strict) == 0 < len(loose)


def test_flat_images_are_alike_by_their_level():
    """Gray 100 twice is a pair, gray 100 and gray 200 is none."""
    flat = [np.full((20, 20), level, dtype=np.uint8) for level in (100, 200, 101)]
    assert near_duplicates(flat).pairs.tolist() == [[0, 2]]
    assert perceptual_hash(np.full((32, 32), 7, dtype=np.uint8)) == 0


def test_close_pairs_equal_plain_loop(rng):
    """Blocks give what comparing two by two gives, across block borders too."""
    hashes = rng.integers(0, 2**63, 4200, dtype=np.uint64)
    hashes[[5, 2047, 2048, 4199]] = hashes[17] ^ np.array([0, 1, 3, 7], dtype=np.uint64)
    first, second = close_pairs(hashes, 3)
    some = [5, 17, 2047, 2048, 4199]
    plain = {(a, b) for a in some for b in some if a < b and (int(hashes[a]) ^ int(hashes[b])).bit_count() <= 3}
    assert plain <= set(zip(first.tolist(), second.tolist(), strict=True))
    assert all((int(hashes[a]) ^ int(hashes[b])).bit_count() <= 3 for a, b in zip(first, second, strict=True))
    assert len(close_pairs(hashes[:1], 64)[0]) == 0


def test_likeness_is_correlation(rng):
    """The likeness of pictures with contrast is Pearson's correlation."""
    pictures = rng.integers(0, 256, (2, 32, 32), dtype=np.uint8)
    expected = np.corrcoef(pictures.reshape(2, -1))[0, 1]
    assert likeness(pictures, np.array([0]), np.array([1]))[0] == pytest.approx(expected, abs=1e-5)


def test_groups_keep_copies_together():
    """Linked pairs share a group, and GroupKFold then leaks nothing."""
    images = [scene(0), scene(1), scene(0), jpeg(scene(0)), scene(2), scene(1), scene(3), scene(4)]
    found = near_duplicates(images, list("aabbabab"))
    assert found.groups.tolist() == [0, 1, 0, 0, 2, 1, 3, 4]
    splits = list(GroupKFold(4).split(images, groups=found.groups))
    assert found.leakage(splits)["n_leaked"].tolist() == [0, 0, 0, 0]
    frame = found.frame()
    assert dict(zip(zip(frame["first"], frame["second"], strict=True), frame["same_class"], strict=True)) == {
        (0, 2): False,
        (0, 3): False,
        (2, 3): True,
        (1, 5): False,
    }
    assert "4 pairs among 8 images, 2 groups of up to 3; 3 across classes" in repr(found)


def test_leakage_counts_images_not_pairs():
    """A test image with two copies in training counts once; copies within training count for nothing."""
    images = [scene(0), scene(0), scene(0), scene(1), scene(1), scene(2)]
    found = near_duplicates(images, list("aabbba"))
    table = found.leakage([([0, 1, 3], [2, 4, 5]), ([0, 1, 2], [3, 4, 5])])
    assert table["n_leaked"].tolist() == [2, 0]
    assert table["share"].tolist() == pytest.approx([2 / 3, 0])
    assert table["n_other_class"].tolist() == [1, 0]
    assert found.leaked([0, 1, 3], [2, 4, 5]).to_numpy().tolist() == [[2, 0], [2, 1], [4, 3]]


def test_unreadable_images_are_named_not_fatal(image_files, tmp_path):
    """A broken file is listed with its reason and is a group of its own."""
    paths = image_files(3)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    found = near_duplicates([*paths, str(broken), str(broken)])
    assert [position for position, _ in found.unreadable] == [3, 4]
    assert "broken.png" in found.unreadable[0][1]
    assert len(found) == 0
    assert found.groups.tolist() == [0, 1, 2, 3, 4]


def test_threads_give_the_same():
    """Reading in threads changes nothing."""
    images = [scene(seed % 5) for seed in range(12)]
    one, two = near_duplicates(images), near_duplicates(images, n_jobs=2)
    np.testing.assert_array_equal(one.pairs, two.pairs)


def test_ten_thousand_hashes_are_quick(rng):
    """All pairs of 10,000 take well under the seconds that reading the images takes."""
    hashes = rng.integers(0, 2**63, 10_000, dtype=np.uint64)
    start = time.perf_counter()
    close_pairs(hashes, 12)
    assert time.perf_counter() - start < 10, "0.3 s on an idle machine"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: near_duplicates(x, max_distance=40), "max_distance must be a whole number from 0 to 32; got 40"),
        (lambda x: near_duplicates(x, min_correlation="high"), "min_correlation must be a number from 0 to 1"),
        (lambda x: near_duplicates(x, ["a"]), "one label for each of the 2 images; got shape"),
        (lambda x: near_duplicates(x).leakage(([0], [2])), "split 0 must hold positions from 0 to 1; got 0 to 2"),
        (lambda x: near_duplicates(x).leakage(([0, 1], [])), "split 0 has no test image"),
        (lambda x: near_duplicates(x).leakage("official"), "splits must be"),
        (lambda x: near_duplicates(x).leakage([]), "splits must be"),
    ],
)
def test_bad_input(call, message):
    """Says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        call([scene(0), scene(1)])


def test_real_pictures(real_data):
    """Two Caltech-101 files known to be the same drawing are found; a class of photographs gives few pairs."""
    from eyecraft.data import load_folder

    dataset = load_folder(real_data / "caltech-101", on_error="skip")
    chosen = dataset.subset(np.flatnonzero(np.isin(dataset.labels, ["metronome", "airplanes"])))
    assert isinstance(chosen, Dataset)
    frame = near_duplicates(chosen).frame()
    assert (frame["first_label"] == "metronome").sum() >= 3
    assert frame["same_class"].all()
    assert (frame["first_label"] == "airplanes").sum() <= 5
