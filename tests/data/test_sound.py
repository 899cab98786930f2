"""Files that cannot be read are found when a folder is loaded, once, and what was sound is remembered."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyecraft.data import ImageReadError, _sound, load_folder
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
        ("bad.png", "the PNG file is damaged (b"),
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


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_files_are_looked_through(mode):
    """Every kind of pixel, whole, and with rubbish behind a right checksum."""
    gray = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30), dtype=np.uint8))
    buffer = io.BytesIO()
    gray.convert(mode).save(buffer, "PNG")
    data = buffer.getvalue()
    check_whole_file(data)
    start = data.index(b"IDAT") + 4
    end = start + struct.unpack(">I", data[start - 8 : start - 4])[0]
    with pytest.raises(ValueError, match="the PNG file is damaged"):
        check_whole_file(data[: start - 8] + chunk(b"IDAT", b"rubbish" * 9) + data[end + 4 :])
