"""Walks over the Huffman codes of a JPEG scan, compiled: bits are counted, values are not computed.

All take the bytes without stuffing and the end, in bits, of each stretch between two restarts. They return how many
units (blocks, or groups of blocks of several components) were read; 0 if all were, 1 if the bits ended early, 2 if a
code does not exist; and the bit behind the last code. Source: ITU-T T.81, annexes C.2, F.2.2 and G.2.
"""

from typing import Any

import numba
import numpy as np

_WHOLE, _SHORT, _WRONG = 0, 1, 2
_EAGER = 8  # bits of a code that one look into a table decides; most codes are no longer

_compiled = numba.njit(nogil=True, cache=True)
_inlined = numba.njit(nogil=True, cache=True, inline="always")


@_inlined
def _peek(buffer: Any, bit: int) -> Any:
    """Return the next 16 bits."""
    at = bit >> 3
    window = (
        (np.int64(buffer[at]) << 24)
        | (np.int64(buffer[at + 1]) << 16)
        | (np.int64(buffer[at + 2]) << 8)
        | np.int64(buffer[at + 3])
    )
    return (window >> (16 - (bit & 7))) & 0xFFFF


@_compiled
def _decoder(lengths: Any, symbols: Any) -> Any:
    """Return for each table what 8 bits mean (256 x length + symbol, or 0), and for 9 to 16 bits the largest code.

    Behind the largest code of each length stands where its symbols begin.
    """
    eager = np.zeros((len(lengths), 1 << _EAGER), np.int64)
    largest = np.full((len(lengths), 17, 2), -1, np.int64)
    for table in range(len(lengths)):
        code, n = 0, 0
        for length in range(1, 17):
            many = np.int64(lengths[table, length - 1])
            if code + many > 1 << length:
                largest[table, 0, 0] = 1  # more codes than there can be
                break
            for _ in range(many):
                if length <= _EAGER:
                    low = code << (_EAGER - length)
                    eager[table, low : low + (1 << (_EAGER - length))] = (length << 8) | symbols[table, n]
                code += 1
                n += 1
            if many:
                largest[table, length, 0], largest[table, length, 1] = code - 1, n - code
            code <<= 1
    return eager, largest


@_inlined
def _symbol(ahead: int, eager: Any, largest: Any, symbols: Any, table: int) -> int:
    """Return 256 x length + symbol of the code that 16 bits begin with, or 0."""
    found = eager[table, ahead >> (16 - _EAGER)]
    if found == 0:
        for length in range(_EAGER + 1, 17):
            code = ahead >> (16 - length)
            if code <= largest[table, length, 0]:
                found = (length << 8) | np.int64(symbols[table, largest[table, length, 1] + code])
                break
    return found


@_compiled
def without_stuffing(data: Any, start: int, restarts: bool) -> tuple[Any, Any, int]:
    """Return the bytes of a scan as the walks want them, where each stretch ends, and where the scan ends in *data*.

    Eight zero bytes follow, so that a look ahead needs no check.
    """
    plain = np.empty(len(data) - start + 8, np.uint8)
    ends = np.empty(16, np.int64)
    at, n, stretches, last = start, 0, 0, len(data) - 1
    while at < last:
        byte = data[at]
        if byte != 0xFF:
            plain[n] = byte
            n, at = n + 1, at + 1
            continue
        after = at + 1
        while after < last and data[after] == 0xFF:
            after += 1
        if data[after] == 0:
            plain[n] = 0xFF
            n, at = n + 1, after + 1
        elif restarts and 0xD0 <= data[after] <= 0xD7:
            if stretches == len(ends) - 1:
                ends = np.concatenate((ends, ends))
            ends[stretches] = 8 * n
            stretches, at = stretches + 1, after + 1
        else:
            break
    ends[stretches] = 8 * n
    plain[n : n + 8] = 0
    return plain[: n + 8], ends[: stretches + 1], at


@_compiled
def sequential(
    buffer: Any, ends: Any, lengths: Any, symbols: Any, of_dc: Any, of_ac: Any, n_units: int, interval: int
) -> tuple[int, int, int]:
    """Walk over whole blocks, or over the first coefficient alone where the table of the others is -1."""
    eager, largest = _decoder(lengths, symbols)
    if largest[:, 0, 0].max() > 0:
        return 0, _WRONG, 0
    bit, end, stretch = 0, 0, 0
    for unit in range(n_units):
        if unit % interval == 0:
            if stretch == len(ends):
                return unit, _SHORT, bit
            bit, end = (ends[stretch - 1] if stretch else 0), ends[stretch]
            stretch += 1
        for block in range(len(of_dc)):
            table, k = of_dc[block], 0
            while k < 64:
                if bit > end:
                    return unit, _SHORT, bit
                found = _symbol(_peek(buffer, bit), eager, largest, symbols, table)
                if found == 0:
                    return unit, _WRONG, bit
                run, size = (found >> 4) & 15, found & 15
                bit += (found >> 8) + size
                if k == 0:
                    k, table = 1, of_ac[block]
                    if run:
                        return unit, _WRONG, bit
                    if table < 0:
                        break
                elif size:
                    k += run + 1
                    if k > 64:
                        return unit, _WRONG, bit
                elif run == 15:
                    k += 16
                else:
                    break
        if bit > end:
            return unit, _SHORT, bit
    return n_units, _WHOLE, bit


@_compiled
def one_bit_each(ends: Any, n_blocks: int, n_units: int, interval: int) -> tuple[int, int, int]:
    """Count the bits that refine first coefficients."""
    begin = 0
    for stretch in range((n_units + interval - 1) // interval):
        done = stretch * interval
        wanted = min(interval, n_units - done) * n_blocks
        if stretch == len(ends) or ends[stretch] - begin < wanted:
            return done, _SHORT, 0
        begin = ends[stretch]
    return n_units, _WHOLE, begin


@_compiled
def spectral(
    buffer: Any, ends: Any, lengths: Any, symbols: Any, nonzero: Any, first: int, last: int, interval: int
) -> tuple[int, int, int]:
    """Walk over the first bits of the coefficients *first* to *last*; mark those that are not zero."""
    eager, largest = _decoder(lengths, symbols)
    if largest[:, 0, 0].max() > 0:
        return 0, _WRONG, 0
    bit, end, stretch, blocks_without = 0, 0, 0, 0
    for unit in range(len(nonzero)):
        if unit % interval == 0:
            if stretch == len(ends):
                return unit, _SHORT, bit
            bit, end, blocks_without = (ends[stretch - 1] if stretch else 0), ends[stretch], 0
            stretch += 1
        if blocks_without:
            blocks_without -= 1
            continue
        k = first
        while k <= last:
            if bit > end:
                return unit, _SHORT, bit
            found = _symbol(_peek(buffer, bit), eager, largest, symbols, 0)
            if found == 0:
                return unit, _WRONG, bit
            run, size = (found >> 4) & 15, found & 15
            bit += found >> 8
            if size:
                k += run
                if k > last:
                    return unit, _WRONG, bit
                nonzero[unit, k] = 1
                bit += size
                k += 1
            elif run == 15:
                k += 16
            else:
                blocks_without = (1 << run) - 1
                if run:
                    blocks_without += _peek(buffer, bit) >> (16 - run) if bit <= end else 0
                    bit += run
                break
        if bit > end:
            return unit, _SHORT, bit
    return len(nonzero), _WHOLE, bit


@_compiled
def refine(
    buffer: Any, ends: Any, lengths: Any, symbols: Any, nonzero: Any, first: int, last: int, interval: int
) -> tuple[int, int, int]:
    """Walk over one more bit of the coefficients *first* to *last*, and over those that are no longer zero with it."""
    eager, largest = _decoder(lengths, symbols)
    if largest[:, 0, 0].max() > 0:
        return 0, _WRONG, 0
    bit, end, stretch, blocks_without = 0, 0, 0, 0
    for unit in range(len(nonzero)):
        if unit % interval == 0:
            if stretch == len(ends):
                return unit, _SHORT, bit
            bit, end, blocks_without = (ends[stretch - 1] if stretch else 0), ends[stretch], 0
            stretch += 1
        k = first
        while blocks_without == 0 and k <= last:
            if bit > end:
                return unit, _SHORT, bit
            found = _symbol(_peek(buffer, bit), eager, largest, symbols, 0)
            if found == 0:
                return unit, _WRONG, bit
            run, size = (found >> 4) & 15, found & 15
            bit += (found >> 8) + (size > 0)
            if size == 0 and run < 15:
                blocks_without = 1 << run
                if run:
                    blocks_without += _peek(buffer, bit) >> (16 - run) if bit <= end else 0
                    bit += run
                break
            while k <= last:
                if nonzero[unit, k]:
                    bit += 1
                elif run == 0:
                    break
                else:
                    run -= 1
                k += 1
            if size:
                if k > last:
                    return unit, _WRONG, bit
                nonzero[unit, k] = 1
            k += 1
        if blocks_without:
            while k <= last:
                bit += nonzero[unit, k]
                k += 1
            blocks_without -= 1
        if bit > end:
            return unit, _SHORT, bit
    return len(nonzero), _WHOLE, bit
