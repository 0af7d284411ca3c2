"""Settings of a training."""

from contextlib import nullcontext

import pytest

from sciencegen.errors import ConfigError
from sciencegen.training import TrainingSettings


def test_wrong_settings_say_so():
    for name in ("steps", "batch_size", "checkpoint_every", "log_every"):
        with pytest.raises(ConfigError, match=name):
            TrainingSettings(**{name: 0})
    with pytest.raises(ConfigError, match="bfloat16"):
        TrainingSettings(precision="bfloat15")
    for name, wrong in (("optimizer", "sgdm"), ("schedule", "stairs")):
        with pytest.raises(ConfigError, match=rf"Unknown {name} '{wrong}'\. Known: "):
            TrainingSettings(**{name: wrong})
    for name in ("ema_decay", "sparsity"):
        with pytest.raises(ConfigError, match=name):
            TrainingSettings(**{name: 1.0})


@pytest.mark.parametrize("optimizer", ["soap", "shampoo"])
def test_a_missing_library_is_named(monkeypatch, optimizer):
    monkeypatch.setattr("sciencegen.training.settings.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'sciencegen\[optimizers\]'"):
        TrainingSettings(optimizer=optimizer)
    assert TrainingSettings().optimizer == "adamw"


@pytest.mark.parametrize(("version", "fits"), [("2.8.1+cpu", False), ("2.9.0", True), ("2.13.0+cu126", True)])
def test_muon_needs_a_torch_that_has_it(monkeypatch, version, fits):
    monkeypatch.setattr("sciencegen.training.settings.version", lambda name: version)
    with nullcontext() if fits else pytest.raises(ConfigError, match=r"torch 2\.9"):
        TrainingSettings(optimizer="muon")
