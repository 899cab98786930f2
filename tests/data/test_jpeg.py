"""Codes of JPEG files: every sound file passes, whatever its way of coding; what is missing or changed is told."""

import contextlib
import io
import itertools

import cv2
import numpy as np
import pytest
from PIL import Image

from eyecraft.data import ImageReadError, read_image
from eyecraft.data._jpeg import UnknownCodingError, find_scan_damage

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
        assert find_scan_damage(data) is None, options


@pytest.mark.parametrize("restarts", RESTARTS)
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_end_marker_does_not_hide_what_is_missing(mode, progressive, restarts):
    """A file cut off inside a scan and closed again: decoders fill the rest with gray."""
    data = encode(SMOOTH, mode, progressive=progressive, quality=90, **restarts)
    for share in (0.3, 0.5, 0.8):
        start = scan_start(data)
        at = start + int(share * (len(data) - start))
        assert "the JPEG file is damaged" in find_scan_damage(data[:at].rstrip(b"\xff") + b"\xff\xd9")


def test_zeros_in_the_midst_are_told():
    """A part of the scan that was never written, with the number of blocks that are sound."""
    for pixels, quality, words in ((NOISE, 80, "is damaged, 38 of 48 blocks are sound"), (SMOOTH, 40, "ends early, ")):
        data = bytearray(encode(pixels, "L", quality=quality))
        at = scan_start(data) + 700
        data[at : at + 300] = bytes(300)
        assert words in find_scan_damage(bytes(data))


def test_data_that_are_left_over_are_told():
    """More codes than blocks; a few bytes, or padding, are no damage."""
    data = encode(SMOOTH, "L", quality=80)
    more = data[scan_start(data) :][:300].replace(b"\xff", b"\x7f")
    assert find_scan_damage(data[:-2] + more[:12] + b"\xff\xd9") is None
    assert find_scan_damage(data[:-2] + bytes(300) + b"\xff\xd9") is None
    assert "300 bytes of image data are left over" in find_scan_damage(data[:-2] + more + b"\xff\xd9")


def test_missing_tables_and_components_are_told():
    """Without a quantization table there is no picture; without Huffman tables decoders may take their own."""
    data = encode(SMOOTH)
    assert "a quantization table is missing" in find_scan_damage(data.replace(b"\xff\xdb", b"\xff\xee"))
    with pytest.raises(UnknownCodingError):
        find_scan_damage(data.replace(b"\xff\xc4", b"\xff\xee"))


def test_no_change_of_bytes_makes_the_walk_fail():
    """Whatever is changed, an answer comes."""
    rng = np.random.default_rng(1)
    for progressive in (False, True):
        good = encode(SMOOTH, progressive=progressive, restart_marker_rows=1)
        for _ in range(300):
            data = bytearray(good)
            for at in rng.integers(2, len(good) - 2, rng.integers(1, 30)):
                data[at] = rng.integers(256)
            with contextlib.suppress(UnknownCodingError):
                answer = find_scan_damage(bytes(data))
                assert answer is None or answer.startswith("the JPEG file is damaged: ")


def test_a_picture_that_ends_in_one_colour_is_read(tmp_path):
    """A white last row makes the reader look closer, and a sound file passes."""
    pixels = SMOOTH.copy()
    pixels[-20:] = 255
    assert read_image(encode(pixels)).shape == (83, 117, 3)


def test_the_reader_refuses_a_picture_that_ends_early(tmp_path):
    """A third of the file with an end marker, and the error names it."""
    data = encode(SMOOTH, quality=90)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: len(data) // 3] + b"\xff\xd9")
    with pytest.raises(ImageReadError, match=r"cut.jpg': the JPEG file is damaged: its image data ends early, \d+ of"):
        read_image(path)
