"""Acquisitions against closed forms, against refitting, and against each other."""

import numpy as np
import pytest

from sciencegen.optimization.normals import JointNormal
from sciencegen.optimization.plate import ACQUISITIONS, BETA, AcquisitionState, Thompson, UpperBound


def joint_of(count, noise=0.1, seed=0):
    generator = np.random.default_rng(seed)
    root = generator.standard_normal((count, 2 * count))
    return JointNormal(generator.standard_normal(count), root @ root.T / (2 * count), noise)


def state_of(count, pending=0, baseline=0, noise=0.1, costs=None):
    joint = joint_of(count + pending + baseline, noise)
    return AcquisitionState(joint, pending, baseline, np.ones(count) if costs is None else costs)


def test_thompson_picks_each_as_often_as_it_is_best():
    state = state_of(6)
    generator = np.random.default_rng(1)
    thompson = Thompson(state, np.random.default_rng(0))
    picked = np.bincount([int(np.argmax(thompson.values())) for _ in range(20_000)], minlength=6) / 20_000
    draws = generator.multivariate_normal(state.joint.mean, state.joint.covariance, 200_000)
    assert picked == pytest.approx(np.bincount(draws.argmax(1), minlength=6) / 200_000, abs=0.012)


def test_exploration_widens_what_is_drawn():
    def spread(exploration):
        state = AcquisitionState(state_of(6).joint, 0, 0, np.ones(6), exploration)
        thompson = Thompson(state, np.random.default_rng(0))
        return np.std([thompson.values() for _ in range(4000)], axis=0)

    assert spread(2.0) == pytest.approx(2 * spread(1.0))
    assert spread(0.0) == pytest.approx(np.zeros(6), abs=1e-3)


def test_an_upper_bound_counts_picks_and_pending_as_measured():
    state = state_of(5, pending=2)
    bound = UpperBound(state, np.random.default_rng(0))
    bound.pick(3)
    seen = [3, 5, 6]
    covariance = state.joint.covariance
    gain = np.linalg.solve(covariance[np.ix_(seen, seen)] + 0.1 * np.eye(3), covariance[seen])
    left = np.diag(covariance - covariance[:, seen] @ gain)[:5]
    assert bound.values() == pytest.approx(state.joint.mean[:5] + BETA * np.sqrt(left))


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_every_acquisition_speaks_of_the_candidates_alone_and_likes_a_better_one(name):
    state = state_of(7, pending=1, baseline=3)
    mean = state.joint.mean.copy()
    mean[2] = 50.0
    state = AcquisitionState(JointNormal(mean, state.joint.covariance, 0.1), 1, 3, state.costs)
    acquisition = ACQUISITIONS[name](state, np.random.default_rng(0))
    values = acquisition.values()
    assert values.shape == (7,)
    assert int(np.argmax(values)) == 2
    acquisition.pick(2)
    assert acquisition.values().shape == (7,)


def test_improvement_is_per_cost():
    plain = ACQUISITIONS["noisy-ei"](state_of(4, baseline=2), np.random.default_rng(0)).values()
    dear = np.array([1.0, 10.0, 1.0, 2.0])
    paid = ACQUISITIONS["noisy-ei"](state_of(4, baseline=2, costs=dear), np.random.default_rng(0)).values()
    assert plain - paid == pytest.approx(np.log(dear))
