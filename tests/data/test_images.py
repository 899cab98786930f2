"""The image reader: what comes out for every kind of picture, and what is said about those it cannot read."""

import io
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps, features

from eyecraft.data import READER_VERSION, read_image, resize_image

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


# Pictures with a known answer


def test_transparent_pixels_become_white():
    """Left half clear, right half half-clear black: white and middle gray come out."""
    rgba = np.zeros((2, 4, 4), dtype=np.uint8)
    rgba[:, 2:, 3] = 128
    expected = np.full((2, 4, 3), 255, dtype=np.uint8)
    expected[:, 2:] = 127
    for source in (rgba, Image.fromarray(rgba), encode(Image.fromarray(rgba), "PNG")):
        np.testing.assert_array_equal(read_image(source), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_camera_rotation_is_undone(kind, orientation):
    """Every Exif orientation comes out as Pillow's own `exif_transpose` has it, from bytes and from PIL."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(photograph(), kind, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    np.testing.assert_array_equal(read_image(data), expected)
    np.testing.assert_array_equal(read_image(Image.open(io.BytesIO(data))), expected)


def test_top_left_stays_top_left():
    """A picture stored turned by 90 degrees (orientation 6) stands upright: its bright edge is on the right."""
    stored = np.zeros((16, 32), dtype=np.uint8)
    stored[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = read_image(encode(Image.fromarray(stored), "PNG", exif=exif), color="gray")
    assert upright.shape == (32, 16)
    assert upright[:, 8:].min() == 255
    assert upright[:, :8].max() == 0


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (np.array([[True]]), 255),
        (np.array([[7]], dtype=np.uint8), 7),
        (np.array([[0x0A80]], dtype=np.uint16), 10),
        (np.array([[0xFFFF]], dtype=">u2"), 255),
        (np.array([[0.5]]), 128),
        (np.array([[1.0]], dtype=np.float32), 255),
        (np.array([[0.25]], dtype=np.float16), 64),
    ],
)
def test_arrays_of_every_depth(array, value):
    """Boolean, 8-bit, 16-bit and floating-point values end in the same 0..255."""
    np.testing.assert_array_equal(read_image(array), np.full((1, 1, 3), value, np.uint8))


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "L"), ("TIFF", "L"), ("PNG", "RGB")])
def test_sixteen_bit_files_equal_sixteen_bit_arrays(kind, mode):
    """A 16-bit file and the array it was made of give the same pixels."""
    shape = (5, 7) if mode == "L" else (5, 7, 3)
    values = RNG.integers(0, 65536, shape, dtype=np.uint16)
    if mode == "L":
        data = encode(Image.fromarray(values), kind)
    else:
        data = cv2.imencode(".png", values[:, :, ::-1])[1].tobytes()
    np.testing.assert_array_equal(read_image(data), read_image(values))


def test_cmyk_as_photoshop_writes_it():
    """Pure cyan, in the inverted CMYK that JPEG files hold, comes out cyan."""
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    pixels = read_image(encode(cyan, "JPEG", quality=100)).astype(int)
    assert np.abs(pixels - [0, 255, 255]).max() <= 2


# Laws


def test_gray_is_the_luma_of_the_rgb():
    """Gray is computed from the RGB pixels, not taken from the decoder, whose own differs."""
    data = encode(photograph(), "JPEG", quality=60)
    rgb, gray = read_image(data), read_image(data, color="gray")
    assert gray.shape == rgb.shape[:2]
    np.testing.assert_array_equal(gray, cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    exact = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(gray - exact).max() <= 0.51


def test_gray_pictures_keep_their_values():
    """One channel repeated three times has itself as its luma."""
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(read_image(np.dstack([gray] * 3), color="gray"), gray)
    np.testing.assert_array_equal(read_image(gray, color="gray"), gray)


def test_every_source_of_one_picture_agrees(tmp_path):
    """Path, string, bytes, PIL image and array of one lossless file give the same pixels, in new memory."""
    path = tmp_path / "пример-例.png"
    photograph().save(path)
    for source in (path, str(path), path.read_bytes(), memoryview(path.read_bytes()), Image.open(path), SMOOTH):
        pixels = read_image(source)
        np.testing.assert_array_equal(pixels, SMOOTH)
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous and pixels.flags.writeable
        assert not np.shares_memory(pixels, SMOOTH)


def test_suffix_does_not_matter(tmp_path):
    """A PNG file called .jpg is read for what it holds."""
    photograph().save(tmp_path / "a.jpg", "PNG")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), SMOOTH)


def test_threads_read_the_same():
    """Eight threads reading every kind of file at once get what one thread gets."""
    exif = Image.Exif()
    exif[0x0112] = 6
    files = [encode(photograph(), kind, exif=exif) for kind in ("JPEG", "PNG", "WEBP", "TIFF")] * 10
    expected = [read_image(file) for file in files]
    with ThreadPoolExecutor(8) as pool:
        for one, other in zip(expected, pool.map(read_image, files), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_smallest_picture():
    """A single pixel is a picture, and can be resized."""
    for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP"):
        assert read_image(encode(Image.new("RGB", (1, 1)), kind)).shape == (1, 1, 3)
    assert read_image(np.array([[9]], dtype=np.uint8), color="gray", size=(3, 2)).tolist() == [[9, 9]] * 3


def test_reader_version_is_a_whole_number():
    """Cached features are stored under it."""
    assert READER_VERSION == 1


# The judge: Pillow


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [30, 75, 95])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
def test_jpeg_is_bit_identical_to_pillow(subsampling, quality, progressive):
    """Whatever the kind of JPEG, decoding with OpenCV changes no pixel."""
    data = encode(photograph(), "JPEG", subsampling=subsampling, quality=quality, progressive=progressive)
    np.testing.assert_array_equal(read_image(data), np.asarray(Image.open(io.BytesIO(data))))


MODES = {
    "JPEG": ["1", "L", "RGB", "CMYK", "YCbCr"],
    "PNG": ["1", "L", "P", "RGB", "I;16"],
    "GIF": ["1", "L", "P", "RGB"],
    "TIFF": ["1", "L", "P", "RGB", "CMYK", "YCbCr", "I;16"],
    "BMP": ["1", "L", "P", "RGB"],
    "WEBP": ["L", "P", "RGB"],
    "PPM": ["1", "L", "RGB", "I;16"],
    "AVIF": ["L", "RGB"],
    "JPEG2000": ["L", "RGB", "I;16"],
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_opaque_files_equal_pillow(kind, mode):
    """Every format in every mode it can hold equals `Image.open(...).convert("RGB")`."""
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    image = Image.fromarray(SMOOTH[:, :, 0].astype(np.uint16) * 257) if mode == "I;16" else photograph(mode)
    data = encode(image, kind)
    judge = Image.open(io.BytesIO(data))
    if judge.mode.startswith("I"):  # Pillow clips 16 bits to 255 instead of scaling
        expected = np.dstack([(np.asarray(judge) >> 8).astype(np.uint8)] * 3)
    else:
        expected = np.asarray(judge.convert("RGB"))
    np.testing.assert_array_equal(read_image(data), expected)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA", "P"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "GIF"])
def test_transparency_equals_pillow(kind, mode):
    """Alpha channels and transparent palette entries are composited as Pillow does, to one level."""
    image = photograph("RGBA")
    image.putalpha(Image.fromarray(np.linspace(0, 255, SMOOTH[:, :, 0].size).reshape(53, 67).astype(np.uint8)))
    if mode in ("P", "PA"):
        image = image.quantize(16)
    else:
        image = image.convert(mode)
    data = encode(image, kind)
    source = Image.open(io.BytesIO(data)).convert("RGBA")
    expected = np.asarray(Image.alpha_composite(Image.new("RGBA", source.size, "white"), source).convert("RGB"))
    assert np.abs(read_image(data).astype(int) - expected).max() <= 1


def test_a_single_transparent_colour():
    """A PNG that declares one colour transparent (tRNS) shows white there, as RGB and as gray."""
    for mode, colour in (("RGB", (255, 0, 0)), ("L", 9)):
        image = Image.new(mode, (4, 4), colour)
        assert read_image(encode(image, "PNG", transparency=colour)).min() == 255


def test_animations_give_their_first_frame():
    """GIF, APNG and WebP animations are read as their first picture."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(read_image(data), np.tile(np.uint8([255, 0, 0]), (8, 8, 1)))


def test_real_photographs_equal_pillow(real_data):
    """Two hundred Caltech-101 files are decoded bit for bit as Pillow does."""
    files = sorted((real_data / "caltech-101").glob("*/*.jpg"))[::33]
    assert len(files) >= 100
    for file in files:
        with Image.open(file) as image:
            np.testing.assert_array_equal(read_image(file), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("size", [(10, 10), (53, 20), (100, 140), (20, 140), (140, 20), (53, 67)])
def test_size_is_height_and_width(size):
    """Pictures come out in exactly the size asked for, shrunk, enlarged or both."""
    assert read_image(SMOOTH, size=size).shape == (*size, 3)
    assert read_image(SMOOTH, size=size, color="gray").shape == size


def test_shrinking_averages_and_enlarging_interpolates():
    """Each axis is treated by itself: a checkerboard shrinks to gray while the other axis grows."""
    board = np.tile(np.array([[0, 255]], dtype=np.uint8), (4, 8))
    np.testing.assert_array_equal(resize_image(board, (4, 8)), np.full((4, 8), 128))
    np.testing.assert_array_equal(resize_image(board, (9, 8)), np.full((9, 8), 128))
    ramp = np.array([[0, 100]], dtype=np.uint8)
    np.testing.assert_array_equal(resize_image(ramp, (1, 4)), [[0, 25, 75, 100]])
