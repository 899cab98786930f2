"""Folders of images: layouts, broken files, and what is said about folders that are no data set."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyecraft.data import ImageReadError, load_folder, read_image


def make(root, *names):
    """Write a small image under each name below *root*."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), "teal").save(path)
    return root


def below(root, found):
    """List the images of a data set relative to *root*, with forward slashes."""
    return [os.path.relpath(path, root).replace(os.sep, "/") for path in found.images]


def test_one_folder_per_class(tmp_path):
    """Labels are folder names, order is that of names, deeper folders belong to their class."""
    root = make(tmp_path / "pets", "dog/2.png", "dog/1.jpg", "cat/b/c/3.gif", "cat/a.webp")
    found = load_folder(root)
    assert below(root, found) == ["cat/a.webp", "cat/b/c/3.gif", "dog/1.jpg", "dog/2.png"]
    assert found.labels.tolist() == ["cat", "cat", "dog", "dog"]
    assert (found.name, found.class_names, found.splits, found.n_ignored) == ("pets", ("cat", "dog"), None, 0)
    assert all(Path(path).is_absolute() for path in found.images)
    assert load_folder(str(root), name="mine").name == "mine"


@pytest.mark.parametrize("test_name", ["test", "val", "valid", "validation", "Test"])
def test_official_split_is_kept(tmp_path, test_name):
    """train/ and test/ become one data set with the split as index arrays."""
    root = make(
        tmp_path, "train/a/1.png", "train/a/2.png", "train/b/1.png", f"{test_name}/a/3.png", f"{test_name}/b/2.png"
    )
    found = load_folder(root)
    [(train, test)] = found.splits
    assert [below(root, found)[i] for i in train] == ["train/a/1.png", "train/a/2.png", "train/b/1.png"]
    assert [below(root, found)[i] for i in test] == [f"{test_name}/a/3.png", f"{test_name}/b/2.png"]
    assert found.class_names == ("a", "b")


def test_with_three_parts_validation_images_are_for_training(tmp_path):
    """Only test/ is tested on."""
    root = make(tmp_path, *(f"{part}/{label}/1.png" for part in ("train", "val", "test") for label in "ab"))
    found = load_folder(root)
    [(train, test)] = found.splits
    names = ["train/a/1.png", "val/a/1.png", "train/b/1.png", "val/b/1.png"]
    assert [below(root, found)[i] for i in train] == names
    assert len(test) == 2


def test_classes_may_be_called_train_and_test(tmp_path):
    """Without class folders inside, train/ is a class like any other: the railway kind."""
    found = load_folder(make(tmp_path, "train/1.png", "test/1.png", "bus/1.png"))
    assert found.class_names == ("bus", "test", "train")
    assert found.splits is None


def test_what_is_no_image_is_ignored_and_counted(tmp_path):
    """Hidden files, notes, stray files without a suffix (Caltech's `tmp`), and images outside a class."""
    root = make(tmp_path, "a/1.png", "b/1.png", "a/._1.png", ".hidden/1.png", "loose.png", "b/.git/1.png")
    (root / "a" / "tmp").write_text("stray")
    (root / "a" / "Thumbs.db").write_bytes(b"\x00")
    (root / "readme.txt").write_text("hello")
    (root / "empty").mkdir()
    found = load_folder(root)
    assert below(root, found) == ["a/1.png", "b/1.png"]
    assert found.n_ignored == 5
    assert found.skipped == ()
    assert found.empty_classes == ("empty",)
    assert "no readable image in 'empty'" in repr(found)


def test_names_in_any_language(tmp_path):
    """Paths and labels may hold any character, and can be read."""
    found = load_folder(make(tmp_path, "кот/фото 1.png", "犬/写真.jpg"))
    assert found.labels.tolist() == ["кот", "犬"]
    assert read_image(found.images[1]).shape == (8, 8, 3)


def break_some(root):
    """Add six broken files to a data set of two classes."""
    make(root, "a/1.png", "b/1.png", "a/cut.jpg", "a/cut.png", "b/cut.webp")
    for name in ("a/cut.jpg", "a/cut.png", "b/cut.webp"):
        data = (root / name).read_bytes()
        (root / name).write_bytes(data[:-9])
    (root / "a/text.jpg").write_text("I am no picture")
    (root / "b/empty.png").write_bytes(b"")
    (root / "b/phone.heic").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00")
    return root


def test_broken_files_are_all_found_before_anything_is_computed(tmp_path):
    """One error names them, with the reasons and their number."""
    with pytest.raises(ImageReadError) as caught:
        load_folder(break_some(tmp_path))
    message = str(caught.value).replace(os.sep, "/")
    assert message.startswith("6 of 8 image files in ")
    assert "a/cut.jpg: the JPEG file is cut off" in message
    assert "a/cut.png: the PNG file is cut off" in message
    assert "a/text.jpg: it is no image: found text: 'I am no picture'" in message
    assert "b/empty.png: it is no image: found an empty file (0 bytes)" in message
    assert "... and 1 more" in message
    assert "on_error='skip'" in message


def test_broken_files_can_be_skipped(tmp_path):
    """They are listed with their reasons, and every other file can be read."""
    found = load_folder(break_some(tmp_path), on_error="skip")
    assert below(tmp_path, found) == ["a/1.png", "b/1.png"]
    names = [Path(path).name for path, _ in found.skipped]
    assert names == ["cut.jpg", "cut.png", "text.jpg", "cut.webp", "empty.png", "phone.heic"]
    assert "HEIC" in found.skipped[-1][1]
    assert "6 broken files skipped" in repr(found)


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges on Windows")
def test_links_are_followed_once(tmp_path):
    """A linked folder counts, a circle of links ends, a dangling link is a broken file."""
    make(tmp_path / "store", "x/1.png")
    root = make(tmp_path / "set", "a/1.png")
    (root / "b").symlink_to(tmp_path / "store" / "x")
    (root / "a" / "circle").symlink_to(root / "a")
    assert below(root, load_folder(root)) == ["a/1.png", "b/1.png"]
    (root / "a" / "gone.png").symlink_to(root / "nowhere.png")
    with pytest.raises(ImageReadError, match=r"gone.png: the file cannot be opened: No such file"):
        load_folder(root)


def test_missing_folder(tmp_path):
    """The error says how far the path exists."""
    with pytest.raises(FileNotFoundError, match="the path exists as far as") as caught:
        load_folder(tmp_path / "a" / "b")
    assert repr(str(tmp_path)) in str(caught.value)


def test_a_file_instead_of_a_folder(tmp_path):
    """An archive is to be unpacked."""
    (tmp_path / "pets.zip").write_bytes(b"PK")
    with pytest.raises(
        NotADirectoryError, match=r"is a file. Unpack the archive first. Expected one sub-folder per class"
    ):
        load_folder(tmp_path / "pets.zip")


def test_folders_without_images(tmp_path):
    """Empty, without a class folder, only other files, only broken files: each is told apart."""
    with pytest.raises(ValueError, match=r"found no images to learn from in .*: it is empty. Expected one sub-folder"):
        load_folder(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match="sub-folders: 0, entries in all: 1, but no image files"):
        load_folder(tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="sub-folders: 1, entries in all: 2, but no image files"):
        load_folder(tmp_path)
    make(tmp_path, "1.png", "2.png")
    with pytest.raises(ValueError, match="images directly in it: 2, which leaves them without a label"):
        load_folder(tmp_path)
    (tmp_path / "1.png").unlink()
    (tmp_path / "2.png").unlink()
    (tmp_path / "a" / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match="image files there: 1, all of them broken"):
        load_folder(tmp_path, on_error="skip")


def test_a_single_class(tmp_path):
    """Where the classes lie one level deeper, that folder is proposed."""
    make(tmp_path, "cat/1.png")
    with pytest.raises(ValueError, match=r"at least two classes are needed .* has one, 'cat'. Expected one sub-folder"):
        load_folder(tmp_path)
    make(tmp_path / "cat", "tabby/1.png", "tom/1.png")
    with pytest.raises(ValueError, match=r"holds sub-folders such as 'tabby': is .*cat' meant\?"):
        load_folder(tmp_path)


def test_a_class_whose_files_are_all_broken_is_named(tmp_path):
    """It is among the classes without a readable image; with only one class left, the error names both."""
    make(tmp_path, "a/1.png", "b/1.png", "c/1.png")
    (tmp_path / "b" / "1.png").write_bytes(b"")
    found = load_folder(tmp_path, on_error="skip")
    assert (found.class_names, found.empty_classes) == (("a", "c"), ("b",))
    (tmp_path / "c" / "1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"has one, 'a'; no readable image is in 'b', 'c'\."):
        load_folder(tmp_path, on_error="skip")


def test_parts_under_other_names_are_suspected(tmp_path):
    """training/ and testing/ with the same folders inside are hardly two classes."""
    make(tmp_path, *(f"{part}/{label}/1.png" for part in ("training", "testing") for label in ("cup", "ewer")))
    with pytest.warns(UserWarning, match=r"classes \('testing', 'training'\).* \('cup', 'ewer'\).* train and test"):
        assert load_folder(tmp_path).class_names == ("testing", "training")


def test_a_class_to_be_tested_must_be_learned(tmp_path):
    """The error names the classes missing from train/."""
    make(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png")
    with pytest.raises(ValueError, match=r"no training images of 'c' \(1 of 3 classes\)"):
        load_folder(tmp_path)


def test_bad_on_error(tmp_path):
    """Only two words are known."""
    with pytest.raises(ValueError, match="on_error must be 'raise' or 'skip'; got 'ignore'"):
        load_folder(tmp_path, on_error="ignore")


def test_caltech_loads_fast(real_data):
    """All 6,599 files are looked through in less than the time of decoding them, and the next time in far less."""
    for seconds in (5.0, 1.5):
        start = time.process_time()
        found = load_folder(real_data / "caltech-101")
        assert time.process_time() - start < seconds
    assert (len(found), len(found.class_names)) == (6599, 102)
    assert np.unique(found.labels, return_counts=True)[1].min() == 31
