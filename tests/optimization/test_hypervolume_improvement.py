"""The improvement in polar coordinates is the exact one, of single candidates and of batches."""

import numpy as np
import pytest

from sciencegen.optimization.pareto import hypervolume
from sciencegen.optimization.pareto_plate import HypervolumeImprovement, directions, factor, reference_point, scalarized

DRAWS, CANDIDATES = 40, 12


def made(objectives, seed=0, known=5):
    generator = np.random.default_rng(seed)
    gains = generator.normal(0.6, 0.5, (DRAWS, CANDIDATES, objectives))
    front = np.broadcast_to(generator.uniform(0, 1, (known, objectives)), (DRAWS, known, objectives))
    return gains, front


def improvement(gains, front, probability=None, feasible=None):
    draws, count, _ = gains.shape
    return HypervolumeImprovement(
        gains, front, np.ones(count) if probability is None else probability,
        np.ones((draws, count), bool) if feasible is None else feasible, np.ones(front.shape[:2], bool),
    )  # fmt: skip


def exact(gains, front, chosen):
    """The mean over draws of what each candidate adds to the hypervolume of the front and the chosen candidates."""
    zero, found = np.zeros(gains.shape[-1]), np.zeros(gains.shape[1])
    for draw in range(len(gains)):
        before = np.concatenate([front[draw], gains[draw, chosen]])
        volume = hypervolume(before, zero)
        found += [hypervolume(np.concatenate([before, one[None]]), zero) - volume for one in gains[draw]]
    return found / len(gains)


@pytest.mark.parametrize(("objectives", "accuracy"), [(1, 1e-6), (2, 5e-3), (3, 0.03)])
def test_the_hypervolume_is_the_mean_of_scalarized_gains(objectives, accuracy):
    points = np.random.default_rng(1).uniform(0, 1, (6, objectives))
    chosen = directions(objectives)
    assert np.linalg.norm(chosen, axis=1) == pytest.approx(1.0)
    found = factor(objectives) * scalarized(points, chosen).max(0).mean()
    assert found == pytest.approx(hypervolume(points, np.zeros(objectives)), rel=accuracy)


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_values_are_the_expected_improvement_by_brute_force_also_after_picks(objectives):
    gains, front = made(objectives)
    acquisition, chosen = improvement(gains, front), list[int]()
    for _ in range(3):
        values = acquisition.values()
        assert values == pytest.approx(exact(gains, front, chosen), abs=0.02)
        best = int(np.argmax(values))
        acquisition.pick(best)
        chosen.append(best)
    assert acquisition.values()[chosen] == pytest.approx(0.0, abs=1e-7)


def test_one_objective_is_expected_improvement():
    gains, front = made(1)
    expected = np.maximum(np.maximum(gains[..., 0], 0) - front[0].max(), 0).mean(0)
    assert improvement(gains, front).values() == pytest.approx(expected, rel=1e-5)


def test_constraints_weight_values_and_draws_that_miss_them_raise_nothing():
    gains, front = made(2)
    probability = np.linspace(0, 1, CANDIDATES)
    plain = improvement(gains, front).values()
    assert improvement(gains, front, probability).values() == pytest.approx(plain * probability)
    nowhere = improvement(gains, front, feasible=np.zeros((DRAWS, CANDIDATES), bool))
    nowhere.pick(3)
    assert nowhere.values() == pytest.approx(plain)


def test_nothing_known_means_the_whole_hypervolume():
    gains, _ = made(2)
    nothing = np.empty((DRAWS, 0, 2))
    assert improvement(gains, nothing).values() == pytest.approx(exact(gains, nothing, []), abs=0.02)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_the_reference_is_below_the_front_in_any_unit(scale):
    gains = scale * np.array([[0.0, 1.0], [0.5, 0.6], [1.0, 0.0], [0.1, 0.1]])
    assert reference_point(gains) == pytest.approx([-0.1 * scale] * 2)
    assert (reference_point(gains[1:2]) < gains[1]).all()
