"""Settings of a training."""

import pytest

from sciencegen.errors import ConfigError
from sciencegen.training import TrainingSettings


def test_wrong_settings_say_so():
    for name in ("steps", "batch_size", "checkpoint_every", "log_every"):
        with pytest.raises(ConfigError, match=name):
            TrainingSettings(**{name: 0})
    with pytest.raises(ConfigError, match="bfloat16"):
        TrainingSettings(precision="bfloat15")
