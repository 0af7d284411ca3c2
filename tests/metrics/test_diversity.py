import numpy as np
import pytest

from sciencegen.metrics import sets as diversity
from sciencegen.metrics.sets import internal_diversities, jaccard_similarity, nearest_similarity, unique_fraction


@pytest.fixture
def bits():
    return np.packbits(np.random.default_rng(0).random((30, 64)) < 0.3, axis=1)


def by_sets(bits):
    sets = [set(np.flatnonzero(row)) for row in np.unpackbits(bits, axis=1)]
    return np.array([[len(a & b) / len(a | b) if a | b else 1.0 for b in sets] for a in sets])


def test_unique_counts_repeats_within_the_first_k():
    keys = ["a", "b", "a", "c", "d", "d"]
    assert unique_fraction(keys) == pytest.approx(4 / 6)
    assert unique_fraction(keys, 3) == pytest.approx(2 / 3)
    assert unique_fraction(keys, 100) == pytest.approx(4 / 6)
    assert np.isnan(unique_fraction([]))


def test_jaccard_is_the_one_of_sets(bits):
    np.testing.assert_allclose(jaccard_similarity(bits, bits), by_sets(bits), rtol=1e-6)
    empty = np.zeros((1, 8), np.uint8)
    assert jaccard_similarity(empty, empty) == 1
    assert jaccard_similarity(empty, bits[:1]) == 0


@pytest.mark.parametrize("block", [7, 4096])
def test_internal_diversity_by_its_formula_in_any_blocks(bits, block, monkeypatch):
    monkeypatch.setattr(diversity, "BLOCK", block)
    similarity = by_sets(bits)
    expected = [1 - similarity.mean(), 1 - np.sqrt((similarity**2).mean(1)).mean()]
    np.testing.assert_allclose(internal_diversities(bits, (1, 2)), expected, rtol=1e-6)
    np.testing.assert_allclose(internal_diversities(bits[::-1].copy(), (1, 2)), expected, rtol=1e-6)


def test_internal_diversity_of_equals_is_zero(bits):
    same = np.repeat(bits[:1], 9, axis=0)
    np.testing.assert_allclose(internal_diversities(same), [0, 0], atol=1e-7)
    assert np.isnan(internal_diversities(same[:0])).all()


@pytest.mark.parametrize("block", [4, 4096])
def test_nearest_similarity(bits, block, monkeypatch):
    monkeypatch.setattr(diversity, "BLOCK", block)
    np.testing.assert_allclose(nearest_similarity(bits, bits), 1)
    np.testing.assert_allclose(nearest_similarity(bits[:10], bits[10:]), by_sets(bits)[:10, 10:].max(1), rtol=1e-6)
    assert nearest_similarity(bits[:0], bits).shape == (0,)
