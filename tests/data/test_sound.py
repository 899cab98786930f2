"""Files that cannot be read are found when a folder is loaded, once, and what was sound is remembered."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyecraft.data import ImageReadError, _sound, load_folder, read_image
from eyecraft.data._headers import png_chunks
from eyecraft.data.images import check_whole_file


def chunk(name, content):
    """Return one chunk of a PNG file, with the right checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


RUBBISH = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 50, 50, 8, 2, 0, 0, 0))
RUBBISH += chunk(b"IDAT", b"rubbish" * 9) + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path):
    """Return a folder of two classes of two photographs of noise."""
    rng = np.random.default_rng(0)
    for name in ("a/1.jpg", "a/2.png", "b/1.jpg", "b/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(tmp_path / name)
    return tmp_path


@pytest.fixture
def looked_at(monkeypatch):
    """Return a list that fills with the names of the files that are looked through."""
    seen = []
    original = _sound._problem_inside
    monkeypatch.setattr(_sound, "_problem_inside", lambda path: seen.append(Path(path).name) or original(path))
    return seen


def damage(path):
    """Overwrite a part in the midst of a file with zeros."""
    data = bytearray(path.read_bytes())
    at = len(data) // 2
    data[at : at + 300] = bytes(300)
    path.write_bytes(data)


def test_what_only_a_decoder_finds_is_listed(folder, capfd):
    """A PNG file with right checksums and wrong contents, and a JPEG file with a hole: skipped, or one error."""
    (folder / "a" / "bad.png").write_bytes(RUBBISH)
    damage(folder / "b" / "1.jpg")
    found = load_folder(folder, on_error="skip")
    assert [(Path(path).name, reason[:26]) for path, reason in found.skipped] == [
        ("bad.png", "the PNG file is damaged: i"),
        ("1.jpg", "the JPEG file is damaged: "),
    ]
    with pytest.raises(ImageReadError, match=r"2 of 5 image files .* cannot be read:\n  .*bad.png.*\n  .*1.jpg"):
        load_folder(folder)
    assert capfd.readouterr().err == ""


def test_sound_files_are_looked_through_once(folder, looked_at):
    """Until they change."""
    load_folder(folder)
    assert sorted(looked_at) == ["1.jpg", "1.jpg", "2.png", "2.png"]
    looked_at.clear()
    load_folder(folder)
    assert looked_at == []
    (folder / "b" / "2.png").write_bytes(RUBBISH)
    for _ in range(2):  # broken ones are told again
        with pytest.raises(ImageReadError, match="1 of 4"):
            load_folder(folder)
    assert looked_at == ["2.png", "2.png"]


@pytest.mark.parametrize("store", ["off", "damaged", "in the way"])
def test_memory_is_not_needed(folder, looked_at, monkeypatch, tmp_path_factory, store):
    """Without a store, with a damaged memory, and where none can be written, files are looked through again."""
    load_folder(folder)
    (memory,) = Path(os.environ["EYECRAFT_STORE"]).glob("checked/*.npy")
    if store == "off":
        monkeypatch.setenv("EYECRAFT_STORE", "off")
    elif store == "damaged":
        memory.write_bytes(b"rubbish")
    else:
        file = tmp_path_factory.mktemp("other") / "file"
        file.write_text("in the way")
        monkeypatch.setenv("EYECRAFT_STORE", str(file))
    looked_at.clear()
    assert len(load_folder(folder)) == 4
    assert len(looked_at) == 4


@pytest.mark.parametrize(
    ("mode", "depth"), [("1", 1), ("L", 8), ("LA", 8), ("P", 4), ("P", 8), ("RGB", 8), ("RGBA", 8), ("I;16", 16)]
)
def test_sound_png_files_pass(mode, depth):
    """Every kind of pixel, whole and cut off behind right checksums."""
    for size in ((1, 1), (7, 3), (40, 30)):
        gray = Image.fromarray(np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8))
        image = gray.convert("RGB").quantize(16) if depth == 4 else gray.convert("L").convert(mode)
        buffer = io.BytesIO()
        image.save(buffer, "PNG", **({"bits": depth} if mode == "P" else {}))
        assert check_whole_file(buffer.getvalue()) is None
        data = buffer.getvalue()
        start, end = next((start, end) for name, start, end in png_chunks(data) if name == b"IDAT")
        plain = zlib.decompress(data[start:end])
        for changed, message in ((plain[:-1], "ends early"), (b"\x07" + plain[1:], "unknown filter")):
            bad = data[: start - 8] + chunk(b"IDAT", zlib.compress(changed)) + data[end + 4 :]
            assert message in check_whole_file(bad)


def test_interlaced_png_files_pass():
    """Seven passes of lines, some of them empty in a small picture."""
    for height, width in ((1, 1), (2, 5), (9, 12)):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1))
        wide = [
            (width - x + step - 1) // step for x, step in zip((0, 4, 0, 2, 0, 1, 0), (8, 8, 4, 4, 2, 2, 1), strict=True)
        ]
        high = [
            (height - y + step - 1) // step
            for y, step in zip((0, 0, 4, 0, 2, 0, 1), (8, 8, 8, 4, 4, 2, 2), strict=True)
        ]
        plain = b"".join(bytes(h * (1 + 3 * w)) for h, w in zip(high, wide, strict=True) if h > 0 and w > 0)
        data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(plain)) + chunk(b"IEND", b"")
        assert read_image(data).shape == (height, width, 3)
        assert check_whole_file(data) is None
