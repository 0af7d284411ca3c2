"""Search spaces and settings."""

import pytest

from sciencegen.errors import ConfigError
from sciencegen.optimization.spaces import SearchSettings


@pytest.mark.parametrize("name", ["batch", "screen", "generations", "population", "patience"])
def test_settings_that_mean_nothing_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        SearchSettings(**{name: 0})
