"""Sequence weights are EVE's, however they are computed."""

import numpy as np
import pytest

from sciencegen.domains.proteins import alignments as module
from sciencegen.domains.proteins.alignments import (
    count_neighbours_by_products,
    differing,
    least_matches,
    matching,
    matching_pairs,
    pack,
    read_alignment,
    sequence_weights,
)
from sciencegen.domains.proteins.items import GAP
from sciencegen.errors import ConfigError
from tests.domains.proteins.examples import family


def by_definition(rows: np.ndarray, theta: float) -> np.ndarray:
    """EVE's arithmetic, row by row: one-hot rows, float64 products and division, a strict comparison."""
    one_hot = (rows[..., None] == np.arange(GAP)).reshape(len(rows), -1).astype(np.float64)
    weights = []
    for row in one_hot:
        residues = np.dot(row, row)
        weights.append(1 / np.sum(np.dot(one_hot, row) / residues > 1 - theta) if residues > 0 else 0.0)
    return np.array(weights)


@pytest.mark.parametrize("columns", [1, 5, 63, 64, 65, 130, 253])
@pytest.mark.parametrize("theta", [0.2, 0.01, 0.35])
def test_they_are_eves(generator, columns, theta):
    rows = family(generator, 150, columns)
    rows[40:43], rows[50] = rows[39], GAP
    expected = by_definition(rows, theta)
    for threads in (1, 3):
        assert np.array_equal(sequence_weights(rows, 1 - theta, threads), expected)
    assert expected[50] == 0
    assert len(np.unique(expected)) > 3 or columns < 64


@pytest.mark.parametrize("residues", [5, 10, 25, 60, 100, 255])
def test_exactly_eighty_percent_is_no_neighbour(residues):
    """4 of 5, 8 of 10, ...: EVE's comparison is strict, in float64. A row with gaps counts its own residues only."""
    same = residues * 4 // 5
    rows = np.zeros((5, residues + 7), np.uint8)
    rows[:, residues:] = GAP
    rows[1, same:residues] = 1
    rows[2, same + 1 : residues] = 2
    rows[3, :same] = GAP
    rows[4, 1:] = 3
    assert np.array_equal(sequence_weights(rows), by_definition(rows, 0.2))
    alone = sequence_weights(rows[:2])
    assert alone.tolist() == [1, 1]
    assert sequence_weights(rows[[0, 2]]).tolist() == [0.5, 0.5]


def test_least_matches_is_what_float64_says():
    for identity in (0.0, 0.5, 0.8, 1 - 0.2, 0.99, 1 - 0.01, 0.62, 1 / 3):
        least = least_matches(400, identity)
        assert least[0] == 401
        for residues in range(1, 401):
            enough = np.arange(residues + 1) / residues > identity
            assert least[residues] == enough.argmax()


@pytest.mark.parametrize("gaps", [0.0, 0.1, 0.9])
def test_the_size_of_blocks_changes_nothing(generator, monkeypatch, gaps):
    rows = family(generator, 130, 70, gaps=gaps)
    expected = by_definition(rows, 0.2)
    for block, task, pairs, dense in (((3, 11), 17, 5, 2.0), ((8, 8), 8, 1000, 0.0), ((64, 512), 64, 1, 0.1)):
        monkeypatch.setattr(module, "BLOCK", block)
        monkeypatch.setattr(module, "ROWS_PER_TASK", task)
        monkeypatch.setattr(module, "PAIRS_AT_ONCE", pairs)
        monkeypatch.setattr(module, "DENSE", dense)
        assert np.array_equal(sequence_weights(rows, threads=2), expected)


def test_matrix_products_count_the_same(generator):
    rows = family(generator, 130, 70)
    rows[7] = GAP
    least = least_matches(70, 0.8)[(rows != GAP).sum(1)]
    expected = module.count_neighbours(rows, least, 1)
    for block in (1, 37, 4096):
        assert np.array_equal(count_neighbours_by_products(rows, least, "cpu", block), expected)


@pytest.mark.gpu
def test_a_gpu_counts_the_same(generator):
    rows = family(generator, 500, 300)
    assert np.array_equal(sequence_weights(rows, device="cuda"), sequence_weights(rows))


def test_bit_planes_count_columns(generator):
    rows = family(generator, 40, 133, gaps=0.6)
    packed = pack(rows)
    unlike = (rows[:, None] != rows).sum(-1)
    same = ((rows[:, None] == rows) & (rows != GAP)).sum(-1)
    assert np.array_equal(differing(packed.planes, packed.planes), unlike)
    assert (differing(packed.planes[:, :2], packed.planes[:, :2]) <= unlike).all()
    first, second = np.divmod(np.arange(1600), 40)
    assert np.array_equal(matching_pairs(packed, first, second).reshape(40, 40), same)
    assert np.array_equal(matching(packed, slice(3, 9), slice(0, 40)), same[3:9])


def test_odd_alignments():
    assert sequence_weights(np.zeros((0, 5), np.uint8)).shape == (0,)
    assert sequence_weights(np.full((3, 5), GAP, np.uint8)).tolist() == [0, 0, 0]
    assert sequence_weights(np.zeros((1, 1), np.uint8)).tolist() == [1]
    for identity in (1.0, -0.1, 80):
        with pytest.raises(ConfigError, match="at least 0 and below 1"):
            sequence_weights(np.zeros((2, 5), np.uint8), identity)


def test_the_real_alignment(beta_lactamase):
    rows = read_alignment(beta_lactamase).rows
    assert np.array_equal(sequence_weights(rows[:1000]), by_definition(rows[:1000], 0.2))
    weights = sequence_weights(rows)
    assert weights.sum() == pytest.approx(2605.0225496, abs=1e-6)
