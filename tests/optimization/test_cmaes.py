"""CMA-ES moves the semantic coordinates alone."""

import numpy as np
import pytest

from sciencegen.errors import ConfigError
from tests.optimization.running import run


def test_the_other_coordinates_stay_those_of_a_centre(toy_space, objective):
    trace = run(toy_space(4, 2), objective("maximize sphere", budget=120), "cma", initial=20)
    noise = {e.item[2:] for e in trace[20:]}
    assert len(trace) == 120
    assert len(noise) < 20


def test_one_coordinate_is_refused(toy_space, objective):
    with pytest.raises(ConfigError, match="at least 2"):
        run(toy_space(4, 1), objective("maximize sphere"), "cma")


def test_it_converges_on_a_sphere(toy_space, objective):
    trace = run(toy_space(4), objective("maximize sphere", budget=400), "cma", initial=20)
    assert max(e.scalar for e in trace) > -0.02
    assert np.isfinite([e.scalar for e in trace]).all()
