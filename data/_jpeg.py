"""Whether the compressed pixels of a JPEG file are all there: the codes are read, no pixel is computed.

Decoders answer damage in there with gray or shifted blocks and at most a remark, for they are made to show something.
Here one code that does not exist, or an end before the last block, is damage. It costs about a third of decoding.
Source: ITU-T T.81, annexes F (sequential) and G (progressive), Huffman coding.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PADDING = 16  # bytes of anything that may follow the last block; more if they are all the same
_WHOLE, _SHORT = 0, 1  # what a walk over codes ends in; anything else is a code that does not exist


class UnknownCodingError(Exception):
    """The file is coded in a way that is not read here (arithmetic coding, 12 bits, lossless)."""


@dataclass
class _Component:
    """One colour component: sampling factors, size in blocks, and which coefficients are not zero so far."""

    h: int
    v: int
    table: int
    wide: int = 0
    high: int = 0
    coded: bool = False
    nonzero: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 64), np.uint8))


class _File:
    """The state of a decoder between two segments of a file."""

    def __init__(self) -> None:
        self.huffman: dict[int, tuple[bytes, bytes]] = {}  # class and number -> how many codes of each length, symbols
        self.quantized: set[int] = set()
        self.components: dict[int, _Component] = {}
        self.progressive = False
        self.size = (0, 0)  # in units of all components together (MCUs), wide and high
        self.interval = 0

    def read_huffman(self, body: bytes) -> None:
        """Take over the tables of a DHT segment."""
        while len(body) > 16:
            n = sum(body[1:17])
            self.huffman[body[0]] = (body[1:17], body[17 : 17 + n])
            body = body[17 + n :]

    def read_quantization(self, body: bytes) -> None:
        """Note the tables of a DQT segment."""
        while body:
            self.quantized.add(body[0] & 15)
            body = body[129 if body[0] >> 4 else 65 :]

    def read_frame(self, marker: int, body: bytes) -> None:
        """Take over sizes and components of a SOF segment."""
        if marker not in (*_SEQUENTIAL, _PROGRESSIVE) or body[0] != 8:
            raise UnknownCodingError
        self.progressive = marker == _PROGRESSIVE
        height, width = body[1] << 8 | body[2], body[3] << 8 | body[4]
        for at in range(6, 6 + 3 * body[5], 3):
            self.components[body[at]] = _Component(body[at + 1] >> 4, body[at + 1] & 15, body[at + 2])
        h = max(part.h for part in self.components.values())
        v = max(part.v for part in self.components.values())
        self.size = (_ceil(width, 8 * h), _ceil(height, 8 * v))
        for part in self.components.values():
            part.wide, part.high = _ceil(_ceil(width * part.h, h), 8), _ceil(_ceil(height * part.v, v), 8)

    def tables(self, numbers: list[int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return lengths `(n, 16)` and symbols `(n, 256)` of Huffman tables."""
        lengths, symbols = np.zeros((len(numbers), 16), np.uint8), np.zeros((len(numbers), 256), np.uint8)
        for row, number in enumerate(numbers):
            if number not in self.huffman:
                raise UnknownCodingError  # some decoders then take tables of their own
            counts, values = self.huffman[number]
            lengths[row], symbols[row, : len(values)] = np.frombuffer(counts, np.uint8), np.frombuffer(values, np.uint8)
        return lengths, symbols


def find_scan_damage(data: bytes) -> str | None:
    """Say what is wrong with the compressed pixels of a JPEG file with a sound header and an end marker, or None.

    Raises
    ------
    UnknownCodingError
        It is coded in a way that is not read here.
    """
    file, position = _File(), 2
    try:
        while True:
            position = data.index(b"\xff", position) + 1
            marker = data[position]
            if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
                continue
            if marker == 0xD9:
                break
            length = data[position + 1] << 8 | data[position + 2]
            body, position = data[position + 3 : position + 1 + length], position + 1 + length
            if marker == 0xC4:
                file.read_huffman(body)
            elif marker == 0xDB:
                file.read_quantization(body)
            elif marker == 0xDD:
                file.interval = body[0] << 8 | body[1]
            elif marker in _FRAMES:
                file.read_frame(marker, body)
            elif marker == 0xDA:
                damage, position = _read_scan(file, body, data, position)
                if damage:
                    return damage
    except (LookupError, ArithmeticError, ValueError):
        return "the JPEG file is damaged: its segments do not fit together"
    if not all(part.coded for part in file.components.values()):
        return "the JPEG file is damaged: image data of a colour component is missing"
    return None


def _read_scan(file: _File, body: bytes, data: bytes, start: int) -> tuple[str | None, int]:
    """Walk over the codes of one scan; return what is wrong with them, and where they end."""
    from . import _jpeg_codes as codes

    buffer, ends, end = codes.without_stuffing(np.frombuffer(data, np.uint8), start, file.interval > 0)
    parts = [(file.components[body[at]], body[at + 1]) for at in range(1, 1 + 2 * body[0], 2)]
    spectrum = (*body[1 + 2 * body[0] : 3 + 2 * body[0]], body[3 + 2 * body[0]] >> 4)
    if not all(part.table in file.quantized for part, _ in parts):
        return "the JPEG file is damaged: a quantization table is missing", end
    for part, _ in parts:
        part.coded = True
    if len(parts) == 1:
        n_units, blocks = parts[0][0].wide * parts[0][0].high, [parts[0][1]]
    else:
        n_units = file.size[0] * file.size[1]
        blocks = [numbers for part, numbers in parts for _ in range(part.h * part.v)]
    done, outcome, bit = _walk(file, parts[0][0], blocks, spectrum, n_units, (buffer, ends))
    rest = buffer[-(-bit // 8) : ends[-1] // 8]
    if outcome == _WHOLE and (len(rest) <= _PADDING or rest.min() == rest.max()):
        return None, end
    if outcome == _WHOLE:
        return f"the JPEG file is damaged: {len(rest):,} bytes of image data are left over after the last block", end
    what = "ends early" if outcome == _SHORT else "is damaged"
    return f"the JPEG file is damaged: its image data {what}, {done:,} of {n_units:,} blocks are sound", end


def _walk(
    file: _File, part: _Component, blocks: list[int], spectrum: tuple[int, ...], n_units: int, bits: tuple[Any, Any]
) -> tuple[int, int, int]:
    """Choose the way of coding, and return how many units were read, how that ended, and at which bit."""
    from . import _jpeg_codes as codes

    first, last, refined = spectrum
    if file.progressive and not (first <= last <= 63 and (last == 0 or first > 0)):
        raise ValueError
    buffer, ends = bits
    interval = file.interval or n_units
    if not file.progressive:
        dc, ac = [number >> 4 for number in blocks], [number & 15 for number in blocks]
        numbers = sorted({*dc, *(number | 16 for number in ac)})
        of_dc = np.array([numbers.index(number) for number in dc])
        of_ac = np.array([numbers.index(number | 16) for number in ac])
        return codes.sequential(buffer, ends, *file.tables(numbers), of_dc, of_ac, n_units, interval)
    if first == 0 and refined:
        return codes.one_bit_each(ends, len(blocks), n_units, interval)
    if first == 0:
        numbers = sorted({number >> 4 for number in blocks})
        of_dc = np.array([numbers.index(number >> 4) for number in blocks])
        return codes.sequential(buffer, ends, *file.tables(numbers), of_dc, np.full(len(blocks), -1), n_units, interval)
    if len(part.nonzero) == 0:
        part.nonzero = np.zeros((n_units, 64), np.uint8)
    walk: Any = codes.refine if refined else codes.spectral
    return walk(buffer, ends, *file.tables([(blocks[0] & 15) | 16]), part.nonzero, first, last, interval)


def _ceil(number: int, unit: int) -> int:
    return -(-number // unit)
