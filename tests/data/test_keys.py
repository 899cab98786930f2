"""Keys: the same for the same picture, another after any change, quick for files."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from eyecraft.data import ImageReadError, image_key, read_image


def test_a_file_is_known_by_path_size_and_time(tmp_path, monkeypatch):
    """Relative and absolute path give one key, in which a change of time or size shows."""
    path = tmp_path / "a.png"
    path.write_bytes(b"1234")
    os.utime(path, ns=(5, 7))
    assert image_key(path) == image_key(str(path)) == f"{path}|4|7"
    monkeypatch.chdir(tmp_path)
    assert image_key("a.png") == image_key(path)
    os.utime(path, ns=(5, 8))
    assert image_key(path) == f"{path}|4|8"


def test_arrays_are_known_by_contents():
    """Value, type and shape all count; memory layout does not."""
    base = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert image_key(base) == image_key(np.asfortranarray(base)) == image_key(base.copy())
    changed = base.copy()
    changed[0, 0] += 1
    others = [changed, base.reshape(4, 3), base.astype(np.uint16), base[:, :, np.newaxis], base.tobytes()]
    keys = {image_key(other) for other in [base, *others]}
    assert len(keys) == 6


def test_pil_images_are_known_by_pixels(tmp_path):
    """An image in memory and the same one from a lossless file have one key."""
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    image.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        assert image_key(opened) == image_key(image)
    assert image_key(image) != image_key(image.transpose(Image.Transpose.ROTATE_90))
    assert read_image(image).shape == (4, 4, 3)


def test_ten_thousand_files_take_a_tenth_of_a_second(tmp_path):
    """About five microseconds a file; the best of three, for other programs may be running."""
    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    paths = [str(path)] * 10_000
    best = min(_seconds(paths) for _ in range(3))
    assert best < 0.2  # 0.05 s on an idle machine


def _seconds(paths):
    start = time.process_time()
    for path in paths:
        image_key(path)
    return time.process_time() - start


def test_keys_of_what_is_no_picture(tmp_path):
    """Missing files and strange objects get the reader's own errors."""
    with pytest.raises(ImageReadError, match="no such file"):
        image_key(tmp_path / "nothing.png")
    with pytest.raises(ImageReadError, match="found NoneType"):
        image_key(None)
    with pytest.raises(ImageReadError, match="found dtype object"):
        image_key(np.array(["a.png"], dtype=object))
