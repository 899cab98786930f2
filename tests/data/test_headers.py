"""Headers of image files: sizes without decoding, and damage of every kind."""

import io

import numpy as np
import pytest
from PIL import Image, features

from eyecraft.data._headers import describe_bytes, ends_well, exif_orientation, image_format, read_header


def encode(image, kind, **options):
    """Return the bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


FILES = {
    "JPEG": {},
    "PNG": {},
    "WEBP": {},
    "GIF": {},
    "TIFF": {},
    "BMP": {},
    "PPM": {},
    "JPEG2000": {},
    **({"AVIF": {}} if features.check("avif") else {}),
}


@pytest.mark.parametrize("kind", FILES)
def test_formats_are_known_by_their_first_bytes(kind):
    """The first 16 bytes tell the format, whatever the file is called."""
    data = encode(Image.new("RGB", (30, 20)), kind)
    assert image_format(data[:16]) == {"PPM": "PNM"}.get(kind, kind)
    assert ends_well(image_format(data), data[-16:]) is (kind != "WEBP")  # WebP ends with data: its length is compared


@pytest.mark.parametrize(
    ("kind", "options", "mode", "ordinary"),
    [
        ("JPEG", {}, "RGB", True),
        ("JPEG", {"progressive": True}, "L", True),
        ("JPEG", {}, "CMYK", False),
        ("PNG", {}, "RGB", True),
        ("PNG", {}, "P", True),
        ("PNG", {}, "RGBA", False),
        ("PNG", {"transparency": 0}, "L", False),
        ("WEBP", {}, "RGB", True),
        ("WEBP", {"lossless": True}, "RGB", False),
        ("WEBP", {"exif": b"Exif\x00\x00II*\x00"}, "RGB", False),
    ],
)
def test_sizes_and_decoder_without_decoding(kind, options, mode, ordinary):
    """Width and height come from the header, and whether OpenCV may decode it."""
    header = read_header(encode(Image.new(mode, (300, 200)), kind, **options))
    assert (header.width, header.height, header.ordinary) == (300, 200, ordinary)


def test_every_cut_through_a_header_is_noticed():
    """A file cut anywhere gives a `ValueError` or a header, never another exception."""
    for kind in ("JPEG", "PNG", "WEBP"):
        data = encode(Image.new("RGB", (30, 20)), kind)
        for length in range(0, len(data), 3):
            try:
                assert read_header(data[:length]).format == kind
            except ValueError as error:
                assert "cut off" in str(error) or "no image" in str(error) or "damaged" in str(error)


def test_stray_bytes_between_jpeg_segments_are_stepped_over():
    """Such files exist; they are left to Pillow, because OpenCV complains aloud."""
    data = encode(Image.new("RGB", (30, 20)), "JPEG")
    header = read_header(data[:20] + b"\x00\x01\x02" + data[20:])
    assert (header.width, header.ordinary) == (30, False)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xd8\xff\xd9", "ends before any image data"),
        (b"\xff\xd8\xff\xda\x00\x02", "image data begins before its size is given"),
        (b"RIFF\x00\x00\x00\x00WEBPABCD", "unknown first chunk b'ABCD'"),
        (encode(Image.new("L", (3, 3)), "PNG").replace(b"IHDR", b"IHDX"), "does not begin with a valid IHDR"),
    ],
)
def test_impossible_headers(data, message):
    """What is wrong is said in the terms of the format."""
    with pytest.raises(ValueError, match=message):
        read_header(data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_read_in_both_byte_orders(order):
    """A hand-made Exif block with orientation 6; nonsense counts as upright."""
    two, four = ("u2", "u4")
    mark = b"II" if order == "<" else b"MM"
    numbers = [(42, two), (8, four), (1, two), (0x0112, two), (3, two), (1, four), (6, two), (0, two)]
    block = mark + b"".join(np.array(value, order + kind).tobytes() for value, kind in numbers)
    assert exif_orientation(block) == 6
    for nonsense in (b"", b"XX", mark, block[:12], block.replace(b"\x06", b"\x09")):
        assert exif_orientation(nonsense) == 1


def test_text_in_any_language_is_called_text():
    """UTF-8 is recognised even where its last character is cut."""
    words = "привет мир, это не картинка, а просто текст на русском языке".encode()
    assert describe_bytes(words[:63]).startswith("text: 'привет")
    assert describe_bytes(b"abc\xff\xfe").startswith("unknown bytes")
    assert "Git LFS pointer" in describe_bytes(b"version https://git-lfs.github.com/spec/v1")
    assert describe_bytes(b"\x00\x00\x00\x18ftypmp42") == "a video or another ISO media file"
