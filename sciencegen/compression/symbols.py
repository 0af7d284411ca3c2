"""Range coding of the integers of one pixel of many tiles at once, with `constriction`.

Source: Bamler, Understanding entropy coding with asymmetric numeral systems, arXiv:2201.01741 (2022). Probabilities are
integers in float32 whose sum is below 2^24, so that their normalization is exact.
"""

from __future__ import annotations

from typing import Protocol

import constriction
import numpy as np
from jaxtyping import Int

from sciencegen.compression import distribution
from sciencegen.compression.distribution import REACH, SYMBOLS, Placed
from sciencegen.compression.network import bounded
from sciencegen.errors import DataError

LONGEST = 64
"""Largest number of bits of a distance beyond REACH."""
PIECE = 15
"""Bits that are coded as one uniform number."""
ROUGH_PIECE = 12
FEW = 1 << 22
"""Largest number of values that is coded as one uniform number."""
_TABLE = constriction.stream.model.Categorical(perfect=False)
_UNIFORM = constriction.stream.model.Uniform()


class Coder(Protocol):
    """Codes arrays of symbols. A writer takes them and returns them; a reader returns those that it reads."""

    def table(self, symbols: np.ndarray | None, probabilities: np.ndarray) -> np.ndarray: ...

    def uniform(self, symbols: np.ndarray | None, sizes: np.ndarray) -> np.ndarray: ...


class Writer:
    """Writes symbols to a stream."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def table(self, symbols: np.ndarray | None, probabilities: np.ndarray) -> np.ndarray:
        assert symbols is not None
        if len(symbols):
            self._coder.encode(symbols.astype(np.int32), _TABLE, probabilities)
        return symbols

    def uniform(self, symbols: np.ndarray | None, sizes: np.ndarray) -> np.ndarray:
        assert symbols is not None
        some = sizes > 1
        if some.any():
            self._coder.encode(symbols[some].astype(np.int32), _UNIFORM, sizes[some].astype(np.int32))
        return symbols

    def content(self) -> bytes:
        """The stream."""
        return self._coder.get_compressed().astype("<u4").tobytes()


class Reader:
    """Reads symbols from a stream of `Writer`."""

    def __init__(self, content: bytes) -> None:
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(content, "<u4").astype(np.uint32))

    def table(self, symbols: np.ndarray | None, probabilities: np.ndarray) -> np.ndarray:
        if not len(probabilities):
            return np.zeros(0, np.int64)
        return self._read(_TABLE, probabilities)

    def uniform(self, symbols: np.ndarray | None, sizes: np.ndarray) -> np.ndarray:
        found, some = np.zeros(len(sizes), np.int64), sizes > 1
        if some.any():
            found[some] = self._read(_UNIFORM, sizes[some].astype(np.int32))
        return found

    def _read(self, model: constriction.stream.model.Model, parameters: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(self._coder.decode(model, parameters), np.int64)
        except AssertionError as error:  # so the library says that no writer makes such bytes
            raise DataError("Expected the bytes of a range coder, found others.") from error


def code_cells(coder: Coder, cells: Int[np.ndarray, " lane"] | None, placed: Placed) -> Int[np.ndarray, " lane"]:
    """Write or read integers whose distributions are `placed`."""
    shift, floor, row = placed
    high = None if cells is None else (cells >> shift) - floor
    symbols = None if high is None else bounded(high, -REACH, REACH) + REACH
    symbols = coder.table(symbols, distribution.high_table()[row])
    found = symbols - REACH
    if (far := np.flatnonzero(np.abs(found) == REACH)).size:
        beyond = None if high is None else np.abs(high[far]) - REACH
        found[far] += np.sign(found[far]) * _code_distance(coder, beyond, far.size)
    whole = (found + floor) << shift
    if (split := np.flatnonzero(shift)).size:
        low = None if cells is None else cells[split] & ((1 << shift[split]) - 1)
        whole[split] += _code_low(coder, low, shift[split], row[split] * SYMBOLS + symbols[split])
    return whole


def _code_low(coder: Coder, low: np.ndarray | None, shift: np.ndarray, entry: np.ndarray) -> np.ndarray:
    """The low bits: two by their table, the others as uniform."""
    table = distribution.low_table()
    rest = np.maximum(shift - 2, 0)
    entry = entry + np.where(shift > 1, len(table) // 2, 0)
    quarters = coder.table(None if low is None else low >> rest, table[entry])
    return (quarters << rest) + _code_bits(coder, low, rest)


def _code_distance(coder: Coder, distance: np.ndarray | None, count: int) -> np.ndarray:
    """A non-negative integer d below 2^62: the number of bits of d + 1, then those after the first."""
    number = None if distance is None else distance + 1
    bits = None if number is None else np.array([int(one).bit_length() - 1 for one in number], np.int64)
    bits = coder.uniform(bits, np.full(count, LONGEST))
    return np.left_shift(1, bits) + _code_bits(coder, number, bits) - 1


def _code_bits(coder: Coder, numbers: np.ndarray | None, bits: np.ndarray) -> np.ndarray:
    """The lowest bits of integers as uniform. bits: how many of each."""
    found = np.zeros(len(bits), np.int64)
    for start in range(0, int(bits.max(initial=0)), PIECE):
        size = 1 << bounded(bits - start, 0, PIECE)
        given = None if numbers is None else (numbers >> start) & (size - 1)
        found += coder.uniform(given, size) << np.minimum(start, bits)
    return found


def code_octave(coder: Coder, octaves: np.ndarray | None, count: int, last: int) -> np.ndarray:
    """Integers 0..last, each half as probable as the one before it."""
    halves = np.exp2(np.maximum(23 - np.arange(1, last + 2), 0)).astype(np.float32)
    return coder.table(octaves, np.ascontiguousarray(np.broadcast_to(halves, (count, last + 1))))


def code_below(coder: Coder, numbers: np.ndarray | None, sizes: np.ndarray) -> np.ndarray:
    """Integers that are uniform in 0..size - 1."""
    found, start = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
    sizes = sizes.copy()
    while (large := sizes > FEW).any():
        piece = np.where(large, 1 << ROUGH_PIECE, 1)
        given = None if numbers is None else (numbers >> start) & (piece - 1)
        found += coder.uniform(given, piece) << start
        start[large] += ROUGH_PIECE
        sizes[large] = ((sizes[large] - 1) >> ROUGH_PIECE) + 1
    return found + (coder.uniform(None if numbers is None else numbers >> start, sizes) << start)
