import io

import numpy as np
import pytest

from sciencegen.metrics.sets import KeyFilter, manifold_scores, novel_fraction


def test_novel_counts_distinct_keys():
    assert novel_fraction(["a", "a", "a", "b"], {"a"}) == pytest.approx(1 / 2)
    assert novel_fraction(["a", "b"], {"a", "b"}) == 0
    assert np.isnan(novel_fraction([], {"a"}))


def test_key_filter_knows_every_key_and_keeps_its_promise_on_others():
    known = KeyFilter.of(f"known {number}" for number in range(200_000))
    assert all(f"known {number}" in known for number in range(0, 200_000, 37))
    tried = 100_000
    hits = sum(f"other {number}" in known for number in range(tried))
    rate = len(known.hashes) / known.RANGE
    expected = rate * tried
    assert rate == pytest.approx(200_000 / 2**31, rel=1e-3)
    assert abs(hits - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize("size", [0, 1, 3, 5_000])
def test_key_filter_packs_and_unpacks(size):
    known = KeyFilter.of(map(str, range(size)))
    file = io.BytesIO()
    np.savez(file, **known.packed())
    file.seek(0)
    np.testing.assert_array_equal(KeyFilter.unpacked(np.load(file)).hashes, known.hashes)


def test_manifold_scores_of_one_distribution_are_near_one_and_apart_are_zero():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 300, 3))
    near = manifold_scores(first, second)
    assert min(near.precision, near.recall, near.density, near.coverage) > 0.85
    assert near.density == pytest.approx(1, abs=0.15)
    far = manifold_scores(first + 100, second)
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)


def test_a_collapsed_generator_keeps_precision_and_loses_coverage():
    generator = np.random.default_rng(0)
    references = generator.normal(size=(300, 3))
    collapsed = 0.05 * generator.normal(size=(300, 3))
    scores = manifold_scores(collapsed, references)
    assert scores.precision == 1
    assert scores.recall < 0.05
    assert scores.coverage < 0.3


def test_manifold_scores_swap_roles():
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=(80, 2)), 1.3 * generator.normal(size=(90, 2))
    assert manifold_scores(first, second).precision == manifold_scores(second, first).recall
