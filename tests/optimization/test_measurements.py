"""Replicates average, and their error is that of the mean."""

import numpy as np
import pytest

from sciencegen.optimization.journal import Entry
from sciencegen.optimization.measurements import averaged, discordant, pooled_deviation


def measured(*rows):
    entries = [Entry(1, item, "measured", value=value, value_sd=error) for item, value, error in rows]
    found = averaged(entries, [entry.item for entry in entries], [entry.item for entry in entries])
    return {one.text: one for one in found}


def test_a_single_value_stands_for_itself_and_says_nothing_of_its_error():
    one = measured(("a", 2.0, None))["a"]
    assert (one.value, one.replicates) == (2.0, 1)
    assert np.isnan(one.error)


def test_the_pooled_deviation_of_replicates_is_everyones():
    found = measured(("a", 1.0, None), ("b", 5.0, None), ("a", 3.0, None))
    spread = np.sqrt(2.0)  # of 1 and 3
    assert found["a"].value == 2.0
    assert found["a"].error == pytest.approx(spread / np.sqrt(2))
    assert found["b"].error == pytest.approx(spread)


def test_stated_errors_shrink_with_their_number_and_the_larger_one_counts():
    found = measured(("a", 1.0, 0.3), ("a", 1.0, 0.4))
    assert found["a"].error == pytest.approx(0.25)  # sqrt(0.09 + 0.16) / 2; equal replicates say 0
    assert measured(("a", 0.0, 0.1), ("a", 4.0, 0.1))["a"].error == pytest.approx(2.0)


def test_the_pooled_deviation_is_unbiased_in_its_square():
    generator = np.random.default_rng(0)
    squares = [pooled_deviation([generator.normal(m, 2.0, 3) for m in range(20)]) ** 2 for _ in range(400)]
    assert np.mean(squares) == pytest.approx(4.0, rel=0.03)
    assert np.isnan(pooled_deviation([np.array([1.0])]))


def apart(*rows):
    return discordant([Entry(1, name, "measured", value=value, value_sd=error) for name, value, error in rows],
                      [name for name, *_ in rows])  # fmt: skip


def test_replicates_that_contradict_each_other_are_found():
    good = [(f"i{k}", k + side * 0.02, None) for k in range(5) for side in (-1, 1)]
    assert apart(*good, ("bad", 0.0041, None), ("bad", 0.3, None)) == ["bad"]
    assert apart(*good, ("bad", 0.10, None), ("bad", 0.14, None)) == []
    assert apart(*good, ("bad", 0.0, 0.2), ("bad", 0.3, 0.2)) == [], "a stated error allows for as much"
    assert apart(("a", 0.0, 0.1), ("a", 0.6, 0.1), ("b", 9.0, None)) == ["a"]


def test_without_any_error_replicates_may_differ_as_items_do():
    assert apart(("a", 0.0, None), ("a", 3.0, None), ("b", 2.0, None), ("c", 1.5, None)) == ["a"]
    assert apart(("a", 0.0, None), ("a", 0.1, None), ("b", 2.0, None), ("c", 1.5, None)) == []
    assert apart(("a", 1.0, None), ("a", 1.0, None)) == []
