"""Earlier tasks: a related one helps, an unrelated one changes nothing, and the mean function is added everywhere."""

from dataclasses import replace

import numpy as np
import pytest

from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidates import CampaignSettings, CampaignSpace, CandidatePool, CandidateSources
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.posterior import Measured, fit_posterior, weights_of
from sciencegen.optimization.targets import one_target

COLUMNS = 6


def earlier(rows):
    """What an earlier task's model predicts: a function that few measurements don't show."""
    return np.sin(2 * rows[:, 0]) * np.cos(2 * rows[:, 1]) + np.sin(3 * rows[:, 2])


def made(related, count=40, seed=0):
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((count + 100, COLUMNS))
    own = rows[:, 3] if related else generator.standard_normal(count + 100)
    shared = earlier(rows) if related else 0.0
    values = shared + 0.5 * own + 0.05 * generator.standard_normal(count + 100)
    return rows[:count], values[:count], rows[count:], values[count:]


def fitted(rows, values, tasks=()):
    nothing = np.full(len(values), np.nan)
    generator = np.random.default_rng(0)
    return fit_posterior(rows, Measured(values, nothing), generator, surrogate="gp", scale="linear", tasks=tasks)


def correlation(posterior, rows, values):
    return float(np.corrcoef(posterior.model.marginals(posterior.points(rows)).mean, values)[0, 1])


def test_a_related_task_is_used_and_helps():
    rows, values, new, truth = made(related=True)
    with_task, without = fitted(rows, values, [earlier]), fitted(rows, values)
    assert 0.5 < with_task.tasks[0] < 1.2
    assert correlation(with_task, new, truth) > correlation(without, new, truth) + 0.1
    assert with_task.likelihoods["gp linear"] > without.likelihoods["gp linear"]


@pytest.mark.parametrize("seed", range(3))
def test_an_unrelated_task_hardly_changes_predictions(seed):
    rows, values, new, _ = made(related=False, seed=seed)
    with_task, without = fitted(rows, values, [earlier]), fitted(rows, values)
    assert abs(with_task.tasks.get(0, 0.0)) < 0.5
    if not with_task.tasks:
        means = [one.model.marginals(one.points(new)).mean for one in (with_task, without)]
        assert means[0].tolist() == means[1].tolist()


def test_of_two_tasks_the_related_one_has_the_weight():
    rows, values, _, _ = made(related=True)
    noise = np.random.default_rng(5).standard_normal(COLUMNS)
    found = fitted(rows, values, [lambda some: np.sin(some @ noise), earlier])
    assert found.tasks[1] > 2 * abs(found.tasks.get(0, 0.0))


def test_joint_marginals_and_left_out_share_the_mean():
    rows, values, new, _ = made(related=True)
    found = fitted(rows, values, [earlier])
    points = found.points(new)
    joint, marginals = found.joint(points), found.model.marginals(points)
    assert joint.mean == pytest.approx(marginals.mean, abs=1e-3)
    left_out = found.model.left_out()
    assert np.corrcoef(left_out.mean, found.warp.forward(values))[0, 1] > 0.8


def test_an_opposite_task_has_a_negative_weight():
    rows, values, _, _ = made(related=True)
    assert fitted(rows, -values, [earlier]).tasks[0] < -0.5


def test_weights_shrink_by_their_error_and_are_often_zero_for_unrelated_tasks():
    generator = np.random.default_rng(0)
    known = generator.standard_normal((1000, 12, 1))
    noise = generator.standard_normal((1000, 12))
    unrelated = np.array([weights_of(one, other)[0] for one, other in zip(known, noise, strict=True)])
    least_squares = np.array([np.polyfit(one[:, 0], other, 1)[0] for one, other in zip(known, noise, strict=True)])
    assert (unrelated == 0).mean() > 0.6  # less than one standard error
    assert np.square(unrelated).mean() < 0.6 * np.square(least_squares).mean()
    related = np.array([weights_of(one, one[:, 0] + 0.3 * two)[0] for one, two in zip(known, noise, strict=True)])
    assert related.mean() == pytest.approx(1.0, abs=0.05)


PLACES = np.linspace(-2, 2, 80)
SPACE = CampaignSpace(
    key=str, features=lambda items: np.stack([PLACES[list(items)], PLACES[list(items)] ** 2], 1),
    similarity=lambda some, others: np.zeros((len(some), len(others))),
)  # fmt: skip


def test_a_first_plate_is_half_by_the_earlier_task_and_not_predicted():
    before = [Measurement(str(item), item, float(PLACES[item]), np.nan, 1, 1) for item in range(0, 80, 5)]
    pool = CandidatePool(range(80), [str(item) for item in range(80)], np.ones(80))
    sources = CandidateSources(pool, priors=[before])
    settings = CampaignSettings(10, surrogate="gp", scale="linear")
    plate = next_plate(SPACE, one_target([]), [], settings, np.random.default_rng(0), sources)
    assert len(set(plate.items)) == 10
    assert min(plate.items[:5]) > 60
    assert min(plate.items[5:]) < 60
    assert np.isnan(plate.predicted["value"]).all()
    lowest = next_plate(
        SPACE, one_target([], minimize=True), [], settings, np.random.default_rng(0), sources,
    )  # fmt: skip
    assert max(lowest.items[:5]) < 20


def test_without_a_pool_the_earlier_task_offers_its_best_items_and_their_children():
    space = replace(SPACE, moves={"next": lambda parents, generator: [min(one + 1, 79) for one in parents]})
    before = [Measurement(str(item), item, float(PLACES[item]), np.nan, 1, 1) for item in range(0, 70, 5)]
    sources = CandidateSources(start=[0], priors=[before])
    settings = CampaignSettings(10, surrogate="gp", scale="linear")
    plate = next_plate(space, one_target([]), [], settings, np.random.default_rng(0), sources)
    assert len(set(plate.items)) == 10
    assert sum(item >= 50 for item in plate.items) >= 5
    assert {"earlier", "next"} <= set(plate.sources)
    assert 0 in plate.items  # the start item, at random
    pending = next_plate(space, one_target([]), [65, 66, 67, 68, 69], settings, np.random.default_rng(0), sources)
    assert not {65, 66, 67, 68, 69} & set(pending.items)
