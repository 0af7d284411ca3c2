"""Two groups of numbers: known ones are recovered, probabilities never fall, and one group is told from two."""

import numpy as np
import pytest

from sciencegen.prediction.mixture import FEWEST, Group, TwoGroups, Unfit, fit_two_groups


def draw(generator, low, high, count=5000):
    is_high = generator.random(count) < high.share
    centre, width = np.where(is_high, high.mean, low.mean), np.where(is_high, high.deviation, low.deviation)
    return generator.normal(centre, width), is_high


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (Group(2.0, 1.0, 0.5), Group(8.0, 2.0, 0.5)),
        (Group(-3.0, 1.5, 0.8), Group(4.0, 1.0, 0.2)),
        (Group(1000.0, 0.5, 0.3), Group(1003.0, 0.5, 0.7)),
    ],
)
def test_known_groups_are_recovered_and_calibrated(low, high):
    values, is_high = draw(np.random.default_rng(0), low, high)
    found = fit_two_groups(values)
    assert isinstance(found, TwoGroups)
    for group, truth in ((found.low, low), (found.high, high)):
        assert group.mean == pytest.approx(truth.mean, abs=0.15 * truth.deviation)
        assert group.deviation == pytest.approx(truth.deviation, rel=0.12)
        assert group.share == pytest.approx(truth.share, abs=0.03)
    probability = found.probability(values)
    for lowest in (0.1, 0.3, 0.5, 0.7):
        inside = (probability >= lowest) & (probability < lowest + 0.2)
        if inside.sum() >= 100:
            assert is_high[inside].mean() == pytest.approx(probability[inside].mean(), abs=0.12)


@pytest.mark.parametrize(("first", "second"), [(1.0, 3.0), (3.0, 1.0), (2.0, 2.0)])
def test_probabilities_never_fall(first, second):
    """However far out: of two widths the wider one would win on both sides."""
    groups = TwoGroups(Group(0.0, first, 0.5), Group(5.0, second, 0.5))
    values = np.linspace(-200, 200, 4001)
    probability = groups.probability(values)
    assert (np.diff(probability) >= 0).all()
    assert probability[0] < 0.5 < probability[-1]
    between = np.linspace(0, 5, 50)
    high = np.exp(-0.5 * ((between - 5) / second) ** 2) / second
    low = np.exp(-0.5 * (between / first) ** 2) / first
    assert np.allclose(groups.probability(between), high / (high + low)), "between the means nothing is bent"


def test_a_fit_follows_numbers_and_their_scale():
    values, _ = draw(np.random.default_rng(1), Group(0.0, 1.0, 0.6), Group(6.0, 2.0, 0.4), 2000)
    found, turned = fit_two_groups(values), fit_two_groups(values[::-1].copy())
    assert found == turned
    stretched = fit_two_groups(10 * values + 3)
    assert np.allclose(found.probability(values), stretched.probability(10 * values + 3), atol=1e-6)
    assert fit_two_groups(np.append(values, [np.nan, np.inf])) == found


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.empty(0), "0 numbers, at least"),
        (np.arange(FEWEST - 1.0), "49 numbers, at least"),
        (np.full(500, np.nan), "0 numbers"),
        (np.full(500, 3.7), "alike"),
        (np.random.default_rng(2).normal(size=3000), "one group"),
        (np.random.default_rng(3).normal(size=3000) * np.repeat([1, 6], 1500), "one group"),
        (np.append(np.random.default_rng(4).normal(size=3000), 1e6), "one group"),
    ],
)
def test_one_group_is_no_two(values, reason):
    found = fit_two_groups(values)
    assert isinstance(found, Unfit)
    assert reason in found.reason


def test_groups_that_tell_little_apart_are_doubted():
    """What few steps of a family's training give: the higher group stands where the lower one still is."""
    generator = np.random.default_rng(0)
    apart, _ = draw(generator, Group(3.0, 2.4, 0.5), Group(9.0, 1.8, 0.5))
    assert fit_two_groups(apart).doubts(apart) == []
    overlapping = TwoGroups(Group(2.6, 2.1, 0.77), Group(5.9, 0.87, 0.23))
    values, _ = draw(generator, overlapping.low, overlapping.high)
    (told,) = overlapping.doubts(values)
    assert told.startswith("the groups overlap, the surest of one has a chance of 7")
    nearly_one = np.append(generator.normal(0, 1, 970), generator.normal(20, 1, 30))
    assert fit_two_groups(nearly_one).doubts(nearly_one) == ["one of the two groups has 3% of them only"]


def test_two_numbers_only_are_two_groups():
    found = fit_two_groups(np.repeat([0.0, 1.0], 100))
    assert isinstance(found, TwoGroups)
    assert found.probability(np.array([0.0, 1.0])) == pytest.approx([0, 1], abs=1e-6)


def test_what_is_no_number_has_no_probability():
    groups = TwoGroups(Group(0.0, 1.0, 0.5), Group(5.0, 2.0, 0.5))
    assert np.isnan(groups.probability(np.array([np.nan, np.inf, -np.inf]))).all()
