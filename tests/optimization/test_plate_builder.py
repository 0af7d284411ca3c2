"""A plate while it fills."""

import math

import pytest

from sciencegen.errors import ConfigError
from sciencegen.optimization.plate_builder import PlateSettings


def test_impossible_settings_are_refused():
    with pytest.raises(ConfigError, match="Did you mean 'thompson'"):
        PlateSettings("tompson")
    for wrong in ({"maximum_similarity": 0.0}, {"diversity": -1.0}, {"cost_limit": -math.inf}):
        with pytest.raises(ConfigError, match="Expected 0 < maximum_similarity"):
            PlateSettings(**wrong)
