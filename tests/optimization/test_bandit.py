"""Shares of operators."""

import numpy as np
import pytest

from sciencegen.optimization.evolution import Bandit


def test_a_bandit_follows_success_and_drops_nobody():
    bandit = Bandit(["good", "bad", "never"])
    generator = np.random.default_rng(0)
    for _ in range(30):
        names = bandit.draw(20, generator)
        bandit.learn(names, [1.0 if name == "good" else 0.0 for name in names])
    shares = dict(zip(bandit.names, bandit.shares(), strict=True))
    assert shares["good"] > 0.7
    assert min(shares.values()) >= 0.01
    assert abs(sum(shares.values()) - 1) < 1e-9
    assert set(bandit.draw(50, generator, ["bad", "never"])) == {"bad", "never"}


def test_a_bandit_draws_in_proportion_to_its_shares():
    bandit = Bandit(["a", "b"])
    bandit.learn(["a"] * 9 + ["b"], [1.0] * 9 + [0.0])
    drawn = bandit.draw(20_000, np.random.default_rng(0))
    assert drawn.count("a") / len(drawn) == pytest.approx(bandit.shares()[0], abs=0.01)
