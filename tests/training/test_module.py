"""The averaged weights, and the shares of processes."""

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.training import TrainingSettings
from sciencegen.training.train import StepBatches, TrainedModule
from tests.training.line import Line, batches


def test_the_average_follows_the_weights_and_early_ones_are_forgotten():
    module = TrainedModule(Line(), TrainingSettings(ema_decay=0.5))
    module.__dict__["start"] = 1000
    with torch.no_grad():
        module.model.layer.weight.fill_(1.0)
    module.update_average()
    assert module.average["layer.weight"].item() == pytest.approx(0.5)
    module.update_average()
    assert module.average["layer.weight"].item() == pytest.approx(0.75)
    assert not TrainingSettings(ema_decay=0.0).ema_decay
    plain = TrainedModule(Line(), TrainingSettings(ema_decay=0.0))
    with torch.no_grad():
        plain.model.layer.weight.fill_(1.0)
    plain.update_average()
    assert plain.average["layer.weight"].item() == 1.0


def test_processes_share_each_batch():
    whole, rows = next(iter(StepBatches(batches, 3)))
    parts = [next(iter(StepBatches(batches, 3, rank, 2)))[0] for rank in range(2)]
    assert rows == len(whole) == next(iter(StepBatches(batches, 3, 1, 2)))[1]
    assert isinstance(whole, Batch)
    assert [len(part) for part in parts] == [8, 8]
    assert torch.equal(parts[1]["x"], whole["x"][1::2])
