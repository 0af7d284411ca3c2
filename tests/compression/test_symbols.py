"""Symbols that are written are read again."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.compression.network import FRACTION
from sciencegen.compression.planes import Reader, Writer, code_below, code_cells, code_octave, place, shapes

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("scale", [-40, 0, 11, 12, 60, 200])
def test_cells_come_back_at_every_scale(scale: int) -> None:
    """Also cells far from where they are expected."""
    count = 200
    cells = np.rint(GENERATOR.standard_t(1, count) * 2.0 ** (scale / 8)).astype(np.int64)
    cells[:3] = (1 << 45), -(1 << 45), 0
    mean = np.rint(GENERATOR.normal(0, 3 * FRACTION, count))
    placed = place(mean, np.full(count, scale), np.arange(count) % shapes())
    writer = Writer()
    code_cells(writer, cells.copy(), placed)
    assert np.array_equal(code_cells(Reader(writer.content()), None, placed), cells)


def test_uniform_numbers_come_back() -> None:
    sizes = np.concatenate([[1, 2, 3], 1 << np.arange(1, 53), GENERATOR.integers(1, 1 << 50, 40)])
    numbers = np.array([GENERATOR.integers(0, size) for size in sizes])
    writer = Writer()
    code_below(writer, numbers.copy(), sizes)
    assert np.array_equal(code_below(Reader(writer.content()), None, sizes), numbers)


def test_octaves_come_back() -> None:
    octaves = GENERATOR.integers(0, 25, 100)
    writer = Writer()
    code_octave(writer, octaves.copy(), 100, 24)
    assert np.array_equal(code_octave(Reader(writer.content()), None, 100, 24), octaves)
