"""Replicates average, and their error is that of the mean."""

import numpy as np
import pytest

from sciencegen.optimization.journal import Entry
from sciencegen.optimization.measurements import Measurement, averaged, discordant, pooled_deviation, settled_values


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


INFINITE = float("inf")


@pytest.mark.parametrize(
    ("replicates", "value", "limits"),
    [
        ([(">", 5.0)], 5.0, (5.0, INFINITE)),
        ([("<", 0.1), ("<", 0.2)], 0.1, (-INFINITE, 0.1)),
        ([(">", 1.0), ("<", 3.0)], 2.0, (1.0, 3.0)),
        ([(">", 3.0), ("<", 1.0)], 2.0, None),
        ([(">", 5.0), ("", 4.0), ("", 6.0)], 5.0, None),
    ],
)
def test_bounds_of_an_item_are_its_limits_unless_it_has_numbers(replicates, value, limits):
    entries = [Entry(1, "a", "measured", one, bound=sign) for sign, one in replicates]
    (found,) = averaged(entries, ["a"] * len(entries), ["a"] * len(entries))
    assert (found.value, found.limits) == (value, limits)
    assert discordant(entries, ["a"] * len(entries)) == []


def censored(value, low, high):
    return Measurement("a", "a", value, np.nan, 1, 1, (low, high))


@pytest.mark.parametrize(
    ("threshold", "minimize", "hit"), [(4, False, True), (6, False, None), (4, True, False), (6, True, None)]
)
def test_whether_a_bound_is_a_hit_may_be_open(threshold, minimize, hit):
    assert censored(5.0, 5.0, INFINITE).is_hit(threshold, minimize) is hit


def test_a_bound_may_lie_in_an_interval_and_is_written_as_one():
    above, below = censored(5.0, 5.0, INFINITE), censored(0.1, -INFINITE, 0.1)
    assert (above.agrees(3, 4), above.agrees(3, 6), below.agrees(0, 1), below.agrees(1, 2)) == (
        False,
        True,
        True,
        False,
    )
    assert (above.text_of_value, below.text_of_value) == (">5", "<0.1")


def test_a_bound_is_only_as_good_as_it_certainly_is():
    number = Measurement("b", "b", 2.0, np.nan, 1, 1)
    assert settled_values([number, censored(5.0, 5.0, INFINITE)], minimize=False) == [2.0, 5.0]
    assert settled_values([number, censored(1.0, 1.0, INFINITE)], minimize=True) == [2.0, 2.0]
