"""Identity: symmetric, 1 for equal sequences, and the nearest is the greatest."""

import numpy as np
import pytest

from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins import properties as similarity
from tests.domains.proteins.examples import GB1, random_protein


@pytest.fixture
def relatives(generator):
    """Mutants of four proteins, two of one length, some with a residue more or less."""
    starts = [random_protein(generator, length) for length in (60, 60, 70, 90)]
    found = []
    for number in range(60):
        one = starts[number % 4]
        for _ in range(number // 6):
            one = DOMAIN.moves.mutate(one, generator)
        found.append(one[number % 3 :] if number % 5 == 0 else one)
    return found


def test_it_is_symmetric_and_one_on_the_diagonal(relatives):
    table = DOMAIN.similarity.matrix(relatives, relatives)
    assert np.array_equal(np.diag(table), np.ones(len(relatives)))
    assert np.array_equal(table, table.T)
    assert ((table >= 0) & (table <= 1)).all()
    equal = np.array(relatives)[:, None] == np.array(relatives)
    assert np.array_equal(table == 1, equal)


def test_sequences_of_one_length_are_compared_by_position(generator):
    first, second = ([random_protein(generator, 131) for _ in range(count)] for count in (37, 41))
    expected = [[np.mean([x == y for x, y in zip(a, b, strict=True)]) for b in second] for a in first]
    np.testing.assert_allclose(DOMAIN.similarity.matrix(first, second), expected, atol=1e-12)


def test_a_missing_residue_costs_one_position():
    assert DOMAIN.similarity.matrix([GB1], [GB1[:20] + GB1[21:]]) == pytest.approx(np.array([[55 / 56]]))
    assert DOMAIN.similarity.matrix([GB1], ["W"])[0, 0] == pytest.approx(1 / 56)


def test_nearest_is_the_greatest(relatives, monkeypatch):
    monkeypatch.setattr(similarity, "CHUNK", 17)
    monkeypatch.setattr(similarity, "BLOCK", (5, 7))
    left, right = relatives[:25], relatives[25:]
    assert np.array_equal(DOMAIN.similarity.nearest(left, iter(right)), DOMAIN.similarity.matrix(left, right).max(1))
    assert np.array_equal(DOMAIN.similarity.nearest(left, right + left), np.ones(25))


def test_short_sequences_of_different_lengths_have_a_nearest_too():
    assert DOMAIN.similarity.nearest(["MK", "A", GB1], ["MKV", "MKVA"]).tolist() <= [1.0] * 3
