"""Strict decoding of JPEG files: sound files of every kind pass, what is missing or changed is told."""

import io
import itertools

import cv2
import numpy as np
import pytest
from PIL import Image

from eyecraft.data import ImageReadError, read_image
from eyecraft.data._jpeg import decode_jpeg

RNG = np.random.default_rng(0)
SMOOTH = cv2.resize(RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8), (117, 83), interpolation=cv2.INTER_CUBIC)
NOISE = RNG.integers(0, 256, (61, 45, 3), dtype=np.uint8)
RESTARTS = ({}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 3})


def encode(pixels, mode="RGB", **options):
    """Return the bytes of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def scan_start(data):
    """Return where the compressed data of the first scan begin."""
    return data.index(b"\xff\xda") + 16


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_sound_files_pass(mode, progressive):
    """All samplings, qualities, restarts and tables that Pillow writes, and sizes that fill no whole block."""
    images = (SMOOTH, NOISE[:17, :33], SMOOTH[:1, :1])
    for pixels, subsampling, quality, restarts in itertools.product(images, (0, 1, 2), (5, 95), RESTARTS):
        options = {"subsampling": subsampling, "quality": quality, "optimize": quality == 95, **restarts}
        data = encode(pixels, mode, progressive=progressive, **options)
        gray = decode_jpeg(data, "GRAY")
        assert (gray is None and mode == "CMYK") or gray.shape == (*pixels.shape[:2], 1)
        if mode != "CMYK":
            with Image.open(io.BytesIO(data)) as image:
                np.testing.assert_array_equal(decode_jpeg(data), image.convert("RGB"))


@pytest.mark.parametrize("restarts", RESTARTS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_end_marker_does_not_hide_what_is_missing(mode, restarts):
    """A file cut off inside its scan and closed again: other decoders fill the rest with gray."""
    data = encode(SMOOTH, mode, quality=90, **restarts)
    for share in (0.3, 0.5, 0.8):
        start = scan_start(data)
        at = start + int(share * (len(data) - start))
        with pytest.raises(ValueError, match="the JPEG file is damaged: its image data are cut off"):
            decode_jpeg(data[:at].rstrip(b"\xff") + b"\xff\xd9")


def test_the_reader_names_the_file_and_prints_nothing(tmp_path, capfd):
    """A hole in the midst of a file, and a file cut to a third with an end marker."""
    data = bytearray(encode(NOISE, "L", quality=80))
    at = scan_start(data) + 700
    data[at : at + 300] = bytes(300)
    (tmp_path / "hole.jpg").write_bytes(data)
    (tmp_path / "cut.jpg").write_bytes(encode(SMOOTH, quality=90)[:1500] + b"\xff\xd9")
    for name in ("hole.jpg", "cut.jpg"):
        with pytest.raises(ImageReadError, match=rf"{name}': the JPEG file is damaged: its image data"):
            read_image(tmp_path / name)
    assert capfd.readouterr().err == ""


def test_a_few_bytes_too_many_are_no_damage():
    """Some programs leave a few bytes behind the image data; hundreds are codes of blocks that have no place."""
    data = encode(SMOOTH, "L", quality=80)
    more = bytes(RNG.integers(1, 250, 300, dtype=np.uint8))
    np.testing.assert_array_equal(decode_jpeg(data[:-2] + more[:12] + b"\xff\xd9"), decode_jpeg(data))
    with pytest.raises(ValueError, match=r"\d+ extraneous bytes"):
        decode_jpeg(data[:-2] + more + b"\xff\xd9")
