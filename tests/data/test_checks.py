"""One look at a data set: broken files, uneven classes, copies and leaks are all said."""

import numpy as np
import pytest

from eyecraft.data import Dataset
from eyecraft.data.checks import check_dataset


@pytest.fixture
def pictures(rng):
    """Sixteen images of noise; the last is a copy of the first."""
    images = rng.integers(0, 256, (16, 24, 24), dtype=np.uint8)
    images[15] = images[0]
    return images


def values(check):
    """Return the findings by name."""
    return dict(zip(check.frame()["check"], check.frame()["value"], strict=True))


def test_says_what_is_wrong(pictures):
    """Imbalance, a copy across classes and across the split, each counted."""
    labels = ["cat"] * 12 + ["dog"] * 4
    splits = [(np.arange(0, 12), np.arange(12, 16))]
    found = check_dataset(Dataset(pictures, labels, "pets", splits=splits, skipped=(("a.jpg", "empty"),)))
    assert values(found) == {
        "unreadable images": 1,
        "images of the smallest class": 4,
        "largest class over smallest": 3,
        "near-duplicate pairs within a class": 0,
        "near-duplicate pairs across classes": 1,
        "images beyond one of each group": 1,
        "test images leaked from training": 1,
    }
    fine = dict(zip(found.frame()["check"], found.frame()["fine"], strict=True))
    assert [name for name, good in fine.items() if good] == ["near-duplicate pairs within a class"]
    assert "! largest class over smallest: 3 ('cat' has 12, 'dog' 4; read the mean per-class" in repr(found)
    assert "1 of 4 in 1 split" in repr(found)
    assert "a.jpg" in repr(found)


def test_clean_data_has_nothing_to_say(rng):
    """Even classes of different images are fine throughout, and no split means no row on leakage."""
    found = check_dataset(rng.integers(0, 256, (20, 24, 24), dtype=np.uint8), ["a", "b"] * 10)
    assert found.frame()["fine"].all()
    assert "test images leaked from training" not in values(found)
    assert len(found.leakage) == 0
    assert found.classes().to_numpy().tolist() == [["a", 10, 0.5], ["b", 10, 0.5]]


def test_unreadable_files_are_named(image_files, tmp_path):
    """A file that cannot be decoded is named with its path and the others are looked at."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    found = check_dataset([*image_files(3), str(broken)], ["a", "a", "b", "b"])
    assert [name for name, _ in found.unreadable] == [str(broken)]
    assert values(found)["unreadable images"] == 1


def test_given_splits_and_an_absent_class(pictures):
    """Splits may be given; a class name without an image has 0 images and an infinite ratio, not a division by zero."""
    labels = ["cat"] * 8 + ["dog"] * 8
    found = check_dataset(
        Dataset(pictures, labels, "pets", class_names=("cat", "dog", "emu")), splits=([15, 14], [0, 1])
    )
    assert found.leakage["n_leaked"].tolist() == [1]
    assert values(found)["images of the smallest class"] == 0
    assert values(found)["largest class over smallest"] == float("inf")
    assert "inf" in repr(found)


def test_needs_labels(pictures):
    """Images alone are refused."""
    with pytest.raises(ValueError, match="y must hold one label for each image; got None"):
        check_dataset(pictures)
