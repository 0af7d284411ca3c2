"""Tables of probabilities against the distributions that they stand for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from sciencegen.compression.planes import (  # fmt: skip
    COARSEST,
    FINEST,
    FRACTIONS,
    REACH,
    SCALES,
    UNIT,
    high_table,
    low_table,
    place,
    shapes,
)

FAMILIES = (stats.norm(), stats.t(12), stats.t(5), stats.t(2.5))


@pytest.mark.parametrize("shape", range(4))
def test_masses_are_those_of_the_distribution(shape: int) -> None:
    assert shapes() == len(FAMILIES)
    for scale, fraction in product((FINEST, -8, 0, COARSEST), (0, 7, 15)):
        row = high_table()[(shape * SCALES + scale - FINEST) * FRACTIONS + fraction] / UNIT
        edges = (np.arange(-REACH + 1, REACH + 1) - (fraction + 0.5) / FRACTIONS) / 2 ** (scale / 8)
        expected = np.diff(np.concatenate([[0], FAMILIES[shape].cdf(edges), [1]]))
        assert np.abs(row - expected).max() < 2e-3, (scale, fraction)


def test_sums_are_exact_in_single_precision() -> None:
    table = high_table()
    assert (table >= 1).all()
    assert np.array_equal(table, np.rint(table))
    assert table.sum(1).max() < 1 << 24


def test_low_bits_of_a_cell_sum_to_it() -> None:
    high = high_table().reshape(-1, 2 * REACH + 1)[:, 1:-1]
    low = low_table().reshape(2, -1, 2 * REACH + 1, 4)[:, :, 1:-1].sum(3)
    assert np.abs(low[0] - high).max() < 100
    assert np.abs(low[1] - high).max() < 100


@pytest.mark.parametrize("scale", [-40, 0, 12, 13, 60])
def test_placed_scale_is_below_three_cells(scale: int) -> None:
    placed = place(np.array([640.0]), np.array([scale]), np.array([0]))
    assert (scale - 8 * placed.shift[0]) <= COARSEST
    assert placed.floor[0] == (10 * 2 + 1) // 2 >> placed.shift[0]
