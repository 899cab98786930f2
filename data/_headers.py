"""What the bytes of an image file say before anything is decoded: format, size in pixels, whether they are all there.

Only headers are parsed, in plain Python, a few microseconds a file. This lets the reader refuse a decompression bomb
without decoding it, send each file to the decoder that treats it right, and say what a file holds that is no image.
Sources: ITU-T T.81 (JPEG), W3C PNG third edition, RFC 9649 (WebP), CIPA DC-008 (Exif).
"""

import struct
import zlib
from dataclasses import dataclass

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"BM", "BMP"),
)
_NETPBM = {b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"}
# ISO base media files: bytes 4-8 say "ftyp", the four after them the brand.
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevx", b"mif1", b"msf1"}

# Contents people find under an image's name, with what to do about them.
_STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"8BPS", "a Photoshop document (export it as PNG or JPEG)"),
    (b"%!PS", "a PostScript document"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself (run `git lfs pull`)"),
)
_MARKUP = (b"<!doctype html", b"<html", b"<head", b"<body")

_JPEG_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ORDINARY_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: Huffman coded
_JPEG_END = b"\xff\xd9"
_PNG_END = b"IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of an image file says.

    Attributes
    ----------
    format : str
        "JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PNM", "AVIF" or "JPEG2000".
    width, height : int
        Size in pixels as stored (before any Exif rotation); 0 where the header is left to the decoder.
    ordinary : bool
        Whether OpenCV decodes this kind of file to exactly the pixels PIL gives: 8 bits, gray or RGB, no transparency.
    exif : bytes
        The Exif block (a small TIFF file), or nothing.
    scan : int
        Position of a JPEG's first compressed byte, 0 for other formats.
    """

    format: str
    width: int = 0
    height: int = 0
    ordinary: bool = False
    exif: bytes = b""
    scan: int = 0


def image_format(head: bytes) -> str | None:
    """Return the format the first 16 bytes of a file announce, or None when it is none that eyecraft reads."""
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
        return "AVIF"
    if head[:2] in _NETPBM and head[2:3].isspace():
        return "PNM"
    return None


def describe_bytes(head: bytes) -> str:
    """Say in words what the first bytes of a file that is no readable image look like."""
    if not head:
        return "an empty file (0 bytes)"
    if head[4:8] == b"ftyp":
        if head[8:12] in _HEIC_BRANDS:
            return "a HEIC photo, which eyecraft does not read (convert it to JPEG or PNG)"
        return "a video or another ISO media file"
    for signature, words in _STRANGERS:
        if head.startswith(signature):
            return words
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_MARKUP):
        return "an HTML page (often an error page saved by a download)"
    if b"<svg" in start:
        return "an SVG drawing (export it as PNG)"
    if not head[:512].strip(b"\x00"):
        return "only zero bytes (a download that was never filled in)"
    if _is_text(head[:64]):
        return f"text: {head[:40].decode('utf-8', 'replace').strip()!r}"
    return f"unknown bytes {head[:8].hex(' ')}"


def _is_text(head: bytes) -> bool:
    """Return whether *head* decodes as UTF-8 (its last character may be cut) without control characters."""
    try:
        words = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return False
        words = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\r\n" for character in words)


def read_header(data: bytes) -> Header:
    """Parse the header of an encoded image; `ValueError` says what is wrong with it."""
    name = image_format(data[:16])
    if name is None:
        found = describe_bytes(data[:512])
        raise ValueError(f"it is {found}" if "HEIC" in found[:12] else f"it is no image: found {found}")
    try:
        if name == "JPEG":
            return _jpeg_header(data)
        if name == "PNG":
            return _png_header(data)
        if name == "WEBP":
            return _webp_header(data)
    except (struct.error, IndexError) as error:
        raise ValueError(f"the {name} file is cut off inside its header after {len(data)} bytes") from error
    return Header(name)


def find_damage(data: bytes, header: Header) -> str | None:
    """Say how an image file that began well is cut off or damaged, or return None; looks at no pixels."""
    if header.format == "JPEG":
        # Compressed data never holds the end marker, so the first one after the scan began is the true one; what
        # cameras append after it does no harm. The usual file ends with it and is not searched.
        if data[-2:] != _JPEG_END and data.find(_JPEG_END, header.scan) < 0:
            return f"the JPEG file is cut off: no end marker within its {len(data)} bytes"
    elif header.format == "PNG":
        return _png_damage(data)
    elif header.format == "WEBP":
        expected = 8 + int.from_bytes(data[4:8], "little")
        if len(data) < expected:
            return f"the WebP file is cut off: {len(data)} of {expected} bytes"
    return None


def _jpeg_header(data: bytes) -> Header:
    """Walk the marker segments up to the first scan."""
    position, exif, size, ordinary, stray = 2, b"", None, False, False
    while True:
        if data[position] != 0xFF:  # stray bytes between segments: decoders step over them, OpenCV with a complaint
            position, stray = position + 1, True
            continue
        marker = data[position + 1]
        if marker == 0xFF or marker in _JPEG_STANDALONE:  # fill byte, or a marker with nothing after it
            position += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:
            raise ValueError("the JPEG file ends before any image data")
        (length,) = struct.unpack_from(">H", data, position + 2)
        if marker in _JPEG_FRAMES:
            precision, height, width, components = struct.unpack_from(">BHHB", data, position + 4)
            size = (width, height)
            ordinary = marker in _JPEG_ORDINARY_FRAMES and precision == 8 and components in (1, 3)
        elif marker == 0xE1 and not exif and data[position + 4 : position + 10] == b"Exif\x00\x00":
            exif = data[position + 10 : position + 2 + length]
        elif marker == 0xDA:
            break
        position += 2 + length
    if size is None or 0 in size:
        raise ValueError("the JPEG file is damaged: image data begins before its size is given")
    return Header("JPEG", *size, ordinary=ordinary and not stray, exif=exif, scan=position)


def _png_header(data: bytes) -> Header:
    """Read IHDR, and look through the other chunks for what needs special care."""
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if data[12:16] != b"IHDR" or width == 0 or height == 0:
        raise ValueError("the PNG file is damaged: it does not begin with a valid IHDR chunk")
    names, exif = set(), b""
    for name, start, end in _png_chunks(data):
        names.add(name)
        if name == b"eXIf":
            exif = data[start:end]
    ordinary = depth <= 8 and colour in (0, 2, 3) and not names & {b"tRNS", b"acTL"}
    return Header("PNG", width, height, ordinary=ordinary, exif=exif)


def _png_chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """List name, start and end of the contents of every whole chunk."""
    chunks, position = [], 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        start, position = position + 8, position + 12 + length
        if position > len(data):
            break
        chunks.append((name, start, start + length))
        if name == b"IEND":
            break
    return chunks


def _png_damage(data: bytes) -> str | None:
    """Check that the chunks go on to the end mark and that their checksums are right."""
    chunks, view = _png_chunks(data), memoryview(data)
    if not chunks or chunks[-1][0] != b"IEND":
        return f"the PNG file is cut off: no end mark within its {len(data)} bytes"
    for name, start, end in chunks:
        (expected,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(view[start - 4 : end]) != expected:
            what = name.decode("ascii", "replace")
            return f"the PNG file is damaged: wrong checksum of the {what} chunk at byte {start - 8}"
    return None


def _webp_header(data: bytes) -> Header:
    """Read the size from whichever of the three kinds of WebP header is there (RFC 9649, sections 2.5 to 2.7)."""
    kind = data[12:16]
    if kind == b"VP8 ":  # lossy, opaque, no metadata
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF, ordinary=True)
    if kind == b"VP8L":  # lossless, may be transparent
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":  # metadata, animation, transparency
        struct.unpack_from("30x", data)
        width, height = int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        return Header("WEBP", width, height)
    raise ValueError(f"the WebP file is damaged: unknown first chunk {kind!r}")


def exif_orientation(exif: bytes) -> int:
    """Return the orientation, 1 to 8, from an Exif block; 1 (upright) when there is none or it makes no sense."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (n_entries,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(n_entries):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, start + 2 + 12 * entry)
            if tag == 0x0112:
                return value if kind == 3 and 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def ends_well(name: str, tail: bytes) -> bool:
    """Return whether the last 16 bytes of a file are the usual end of its format; others need a closer look."""
    if name == "JPEG":
        return tail[-2:] == _JPEG_END
    if name == "PNG":
        return tail[-8:] == _PNG_END
    return name != "WEBP"
