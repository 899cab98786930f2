"""The data set object: what it holds, how it shows itself, and its fingerprint."""

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from eyecraft.data import Dataset

PIXELS = np.arange(4 * 6 * 6, dtype=np.uint8).reshape(4, 6, 6)
SPLIT = [(np.array([0, 1]), np.array([2, 3]))]


def stack(**changes):
    """Make a small data set of pixels."""
    return Dataset(**{"images": PIXELS, "labels": np.array(["b", "a", "b", "b"]), "name": "few"} | changes)


def files(folder, contents=b"abcdef"):
    """Make a data set of two files in *folder*."""
    paths = []
    for i, label in enumerate("ab"):
        path = folder / label / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents + label.encode())
        paths.append(str(path))
    return Dataset(images=np.array(paths), labels=np.array(["a", "b"]), name="files")


def test_it_tells_what_it_holds():
    """One line with counts, sizes and split; a table in notebooks, safe against markup in names."""
    found = stack(splits=SPLIT, skipped=(("x<y>.jpg", "empty"),), n_ignored=7, licence="MIT & more")
    assert repr(found) == (
        "Dataset 'few': 4 images of 6 x 6 pixels in 2 classes, 1 to 3 a class; official split 2 train, 2 test; "
        "1 broken file skipped; 7 other files ignored"
    )
    assert "MIT &amp; more" in found._repr_html_()
    assert "x&lt;y&gt;.jpg: empty" in found._repr_html_()
    assert "2 official splits" in repr(stack(splits=SPLIT * 2))
    assert len(found) == 4


def test_summary_counts_each_class():
    """One row a class, in the order of `class_names`, with both sides of the official split."""
    summary = stack(splits=SPLIT, class_names=("b", "a", "c")).summary()
    assert summary.index.tolist() == ["b", "a", "c"]
    assert summary["n_images"].tolist() == [3, 1, 0]
    assert summary["n_train"].tolist() == [1, 1, 0]
    assert summary["n_test"].tolist() == [2, 0, 0]
    assert list(stack().summary().columns) == ["n_images"]


def test_parts_of_it():
    """`subset` keeps the order asked for, `head` that of the data set; neither keeps the split."""
    part = stack(splits=SPLIT).subset([3, 0])
    np.testing.assert_array_equal(part.images, PIXELS[[3, 0]])
    assert part.splits is None
    assert stack().head(1).labels.tolist() == ["b", "a"]
    with pytest.raises(ValueError, match="n_per_class must be at least 1; got 0"):
        stack().head(0)


def test_it_is_frozen_and_survives_pickling():
    """No field can be assigned; a copy has the same fingerprint."""
    found = stack()
    with pytest.raises(FrozenInstanceError):
        found.name = "other"
    copy = pickle.loads(pickle.dumps(found))
    assert copy.fingerprint == found.fingerprint
    assert copy.class_names == ("a", "b")


def test_fingerprint_of_pixels():
    """Pixels, shape, type and labels count; the name does not."""
    base = stack()
    assert stack(name="other").fingerprint == base.fingerprint
    others = [
        stack(images=PIXELS + 1),
        stack(images=PIXELS.reshape(4, 4, 9)),
        stack(images=PIXELS.astype(np.uint16)),
        stack(labels=np.array(["a", "a", "b", "b"])),
        base.subset([0, 1, 2]),
    ]
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 6


def test_fingerprint_of_files_is_the_same_on_every_machine(tmp_path):
    """It follows the contents, not the place or the time; frozen, because reports quote it."""
    one, other = files(tmp_path / "here"), files(tmp_path / "over" / "there")
    assert one.fingerprint == other.fingerprint == "ed0a966cfe9f22b34a54fdfeb1404401"
    assert files(tmp_path / "changed", b"abcdeg").fingerprint != one.fingerprint


def test_fingerprint_of_large_files(tmp_path):
    """Of large files both ends and the size count."""
    base = bytearray(200_000)
    prints = []
    for position in (None, 0, -1):
        changed = bytearray(base)
        if position is not None:
            changed[position] = 1
        prints.append(files(tmp_path / str(position), bytes(changed)).fingerprint)
    prints.append(files(tmp_path / "longer", bytes(base) + b"\x00").fingerprint)
    assert len(set(prints)) == 4


def test_images_and_labels_must_match():
    """The error gives the numbers."""
    with pytest.raises(ValueError, match=r"one label for each image; got 4 images, labels \(2,\)"):
        stack(labels=np.array(["a", "b"]))
    with pytest.raises(ValueError, match=r"labels must be among class_names; found also \['b'\]"):
        stack(class_names=("a",))
