"""Whether the compressed pixels of a PNG file are all there; without a decoder, whose remarks name no file.

Source: W3C PNG, third edition, sections 7, 9 and 10.
"""

import struct
import zlib

import numpy as np

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_FILTERS = 5
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def find_data_damage(data: bytes, chunks: list[tuple[bytes, int, int]]) -> str | None:
    """Say what is wrong with the compressed pixels of a PNG file with a sound header and right checksums, or None.

    Parameters
    ----------
    data : bytes
        The whole file.
    chunks : list of (name, start, end)
        Its chunks; see `png_chunks`.
    """
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if colour not in _CHANNELS:
        return f"the PNG file is damaged: there is no colour type {colour}"
    if colour == 3 and all(name != b"PLTE" for name, _, _ in chunks):
        return "the PNG file is damaged: its palette is missing"
    lines = _lines(width, height, depth * _CHANNELS[colour], bool(interlaced))
    expected = sum(high * wide for high, wide in lines)
    try:
        packed = b"".join(data[start:end] for name, start, end in chunks if name == b"IDAT")
        plain = zlib.decompressobj().decompress(packed, expected)
    except zlib.error as error:
        return f"the PNG file is damaged: its image data cannot be unpacked ({error})"
    if len(plain) < expected:
        return f"the PNG file is damaged: its image data ends early, after {len(plain):,} of {expected:,} bytes"
    begin = 0
    for high, wide in lines:
        part = np.frombuffer(plain, np.uint8, high * wide, begin)
        if len(part) and part[::wide].max() >= _FILTERS:
            return "the PNG file is damaged: its image data says an unknown filter"
        begin += high * wide
    return None


def _lines(width: int, height: int, bits: int, interlaced: bool) -> list[tuple[int, int]]:
    """Return for each pass how many lines it has, and their length in bytes, with that for the filter."""
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(height - y) // down), -(-(width - x) // right)) for x, y, right, down in passes]
    return [(high, 1 + -(-wide * bits // 8)) for high, wide in sizes if high > 0 and wide > 0]
