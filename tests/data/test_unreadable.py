"""What the reader says about pictures it cannot read: by name, what was found, what to do, and without noise."""

import io
import warnings

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from eyecraft.data import ImageReadError, read_image

RNG = np.random.default_rng(0)
SMOOTH = cv2.resize(RNG.integers(0, 256, (9, 11, 3), dtype=np.uint8), (67, 53), interpolation=cv2.INTER_CUBIC)


def encode(image, kind, **options):
    """Return the bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photograph(mode="RGB"):
    """Make a small smooth colour image in a PIL mode."""
    return Image.fromarray(SMOOTH).convert(mode)


def cut(data):
    """Return the first two thirds of a file."""
    return data[: len(data) * 2 // 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"an empty file \(0 bytes\)"),
        (b"a list of things to buy\n", "it is no image: found text: 'a list of things to buy'"),
        (b"<!DOCTYPE html><html>404</html>", "found an HTML page"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "it is a HEIC photo.*convert it to JPEG"),
        (b"%PDF-1.7", "found a PDF document"),
        (b"PK\x03\x04aaaa", "found a zip archive"),
        (b"\x00" * 900, "found only zero bytes"),
        (b"\xde\xad\xbe\xef\x01\x02\x03\x04\x05", "unknown bytes de ad be ef 01 02 03 04"),
        (b"<?xml?><svg></svg>", "found an SVG drawing"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG file is cut off inside its header after 10 bytes"),
        (encode(photograph(), "PNG")[:20], "PNG file is cut off inside its header"),
        (cut(encode(photograph(), "JPEG")), r"JPEG file is cut off: no end marker within its \d+ bytes"),
        (cut(encode(photograph(), "JPEG", progressive=True)), "JPEG file is cut off"),
        (cut(encode(photograph(), "PNG")), r"PNG file is cut off: no end mark within its \d+ bytes"),
        (cut(encode(photograph(), "WEBP")), r"WebP file is cut off: \d+ of \d+ bytes"),
        (cut(encode(photograph(), "GIF")), "GIF file is damaged"),
        (cut(encode(photograph(), "BMP")), "BMP file is damaged"),
        (cut(encode(photograph(), "TIFF")), "TIFF file is damaged"),
        (encode(photograph(), "PNG").replace(b"IDAT", b"IDAT\x00", 1), "PNG file is"),
    ],
)
def test_broken_files_are_told_apart(tmp_path, capfd, content, message):
    """The error names the file, what was found, and what to do; no decoder writes to the terminal."""
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageReadError, match=message) as caught:
        read_image(path, name="image 17")
    assert f"cannot read image 17 ({str(path)!r})" in str(caught.value)
    assert "on_error='skip'" in str(caught.value)
    with pytest.raises(ImageReadError, match=f"{len(content)} bytes of an image file"):
        read_image(content)
    assert capfd.readouterr() == ("", "")


def test_damaged_png_is_found_by_its_checksum():
    """One flipped bit in the compressed pixels is not passed over."""
    data = bytearray(encode(photograph(), "PNG"))
    data[len(data) // 2] ^= 4
    with pytest.raises(ImageReadError, match="wrong checksum of the IDAT chunk"):
        read_image(bytes(data))


def test_what_follows_the_end_of_a_jpeg_does_no_harm():
    """Cameras append data after the end marker; the picture is whole."""
    data = encode(photograph(), "JPEG")
    np.testing.assert_array_equal(read_image(data + b"\x00" * 100), read_image(data))


def test_a_thumbnail_does_not_hide_a_cut():
    """The end marker of the thumbnail in the Exif block is not taken for that of the picture."""
    thumbnail = encode(photograph().resize((8, 8)), "JPEG")
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00" + thumbnail
    data = encode(photograph(), "JPEG", exif=exif)
    assert read_image(data).shape == (53, 67, 3)
    with pytest.raises(ImageReadError, match="cut off"):
        read_image(data[:-200])


def test_missing_files_folders_and_addresses(tmp_path):
    """What is no file is said to be what it is."""
    with pytest.raises(ImageReadError, match=r"no such file. Check the path; relative paths start at"):
        read_image("nowhere/cat.jpg")
    with pytest.raises(ImageReadError, match=r"it is a folder, not a file. load_folder reads"):
        read_image(tmp_path)
    with pytest.raises(ImageReadError, match="web address; download the file"):
        read_image("https://example.org/cat.jpg")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((2, 2), np.nan), r"must lie in \[0, 1\]; found 4 NaN"),
        (np.array([[-0.5, 300.0]]), r"must lie in \[0, 1\]; found values from -0.5 to 300. Divide"),
        (np.array([[0.0, np.inf]]), "from 0 to inf"),
        (np.zeros((4, 4), dtype=np.int64), r"found dtype int64.*astype\(np.uint8\)"),
        (np.zeros((4, 4, 2), dtype=np.uint8), r"found \(4, 4, 2\)"),
        (np.zeros((3, 8, 8), dtype=np.uint8), r"found \(3, 8, 8\). The channels seem to come first"),
        (np.zeros(9, dtype=np.uint8), r"found \(9,\)"),
        (np.zeros((2, 8, 8, 3), dtype=np.uint8), "This is a stack of images"),
        (np.zeros((0, 8, 3), dtype=np.uint8), r"no pixels: its shape is \(0, 8, 3\)"),
    ],
)
def test_arrays_that_are_no_pictures(array, message):
    """The error gives the values or the shape found."""
    with pytest.raises(ImageReadError, match=message):
        read_image(array)


def test_what_is_no_picture_at_all():
    """Other objects are refused by type, PIL modes without a meaning here by name."""
    with pytest.raises(ImageReadError, match=r"must be a file path, a NumPy array.*found int"):
        read_image(3)
    lab = ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    with pytest.raises(ImageReadError, match="colours are CIE Lab"):
        read_image(ImageCms.applyTransform(photograph(), transform))
    with pytest.raises(ImageReadError, match="32-bit pixels from 0 to 70000"):
        read_image(Image.fromarray(np.array([[0, 70000]], dtype=np.int32)))
    with pytest.raises(ImageReadError, match="from 0 to 9"):
        read_image(Image.fromarray(np.array([[0, 9]], dtype=np.float32)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_bombs_are_refused_before_decoding(kind):
    """The limit is compared with the header; the message says size, limit and parameter."""
    data = encode(Image.new("RGB", (60, 50)), kind)
    with pytest.raises(ImageReadError, match=r"60 x 50 = 3,000 pixels, more than the limit of 2,999.*max_pixels"):
        read_image(data, max_pixels=2999)
    assert read_image(data, max_pixels=3000).shape == (50, 60, 3)
    with pytest.raises(ImageReadError, match="max_pixels"):
        read_image(Image.open(io.BytesIO(data)), max_pixels=2999)


def test_pillows_own_limit_is_named(monkeypatch):
    """Where Pillow insists on a limit of its own, the message says which."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ImageReadError, match=r"PIL.Image.MAX_IMAGE_PIXELS = None, too"):
        read_image(encode(photograph(), "TIFF"))


def test_pillow_warnings_stay_inside(monkeypatch):
    """Neither Pillow's own size warning nor its remarks on bad metadata reach the user."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x05\x00" + b"\xff" * 9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("GIF", "TIFF", "BMP"):
            read_image(encode(Image.new("P", (60, 50)), kind))
        for kind in ("JPEG", "PNG"):
            assert read_image(encode(photograph("L"), kind, exif=exif)).shape == (53, 67, 3)


@pytest.mark.parametrize("size", [0, (0, 5), (5, -1), (2.5, 3), (1, 2, 3), "ab"])
def test_bad_sizes(size):
    """The error repeats what was given."""
    with pytest.raises(ValueError, match=r"size must be \(height, width\), two whole numbers of pixels >= 1; got"):
        read_image(SMOOTH, size=size)


def test_bad_colour():
    """Only two words are known."""
    with pytest.raises(ValueError, match="color must be 'rgb' or 'gray'; got 'bgr'"):
        read_image(SMOOTH, color="bgr")


def test_unreadable_file_on_this_system(tmp_path, monkeypatch):
    """What the operating system says is passed on with the path."""

    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("eyecraft.data.images.open", refuse, raising=False)
    with pytest.raises(ImageReadError, match=r"permission denied. Make the file readable"):
        read_image(tmp_path / "a.jpg")


def test_names_from_numpy_are_plain(tmp_path):
    """A path out of an array of paths is shown as a path."""
    with pytest.raises(ImageReadError, match=r"image 3 \('[^(]*gone.jpg'\)"):
        read_image(np.array([str(tmp_path / "gone.jpg")])[0], name="image 3")
