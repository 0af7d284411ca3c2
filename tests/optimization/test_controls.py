"""Controls use nothing but prior draws and mutations."""

import numpy as np
import pytest

from sciencegen.errors import ConfigError
from tests.optimization.running import run


def test_prior_draws_are_those_of_the_space(toy_space, objective):
    trace = run(toy_space(3, mutate=None, encode=None), objective("maximize first", budget=80), "prior")
    values = np.array([e.item for e in trace])
    assert abs(values.mean()) < 4 / np.sqrt(values.size)
    assert values.std() == pytest.approx(1, abs=0.15)


def test_hill_climbing_needs_mutations(toy_space, objective):
    with pytest.raises(ConfigError, match="hill_climb"):
        run(toy_space(mutate=None), objective("maximize sphere"), "hill_climb")
