"""Rehearsal mends a reading where the training data never was, and forgets nothing."""

import torch
from torch import nn

from sciencegen.batch import Batch
from sciencegen.vae.rehearsal import rehearse


def labelled(low, high, seed):
    """y = |x|, known to the training data for positive x only."""
    x = low + (high - low) * torch.rand(200, 1, generator=torch.Generator().manual_seed(seed))
    return Batch({"x": x}, condition=x.abs())


def test_it_learns_the_dreams_and_keeps_the_data():
    torch.manual_seed(0)
    reader = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    error = lambda batch: (reader(batch["x"]) - batch.condition).square().mean()  # noqa: E731
    awake, dreams = [labelled(0, 2, seed) for seed in range(5)], [labelled(-2, 0, seed) for seed in range(5)]
    generator = torch.Generator().manual_seed(1)
    rehearse(list(reader.parameters()), error, awake, awake, 400, generator, 1e-2)
    before = float(error(labelled(-2, 0, 99)).detach())
    losses = rehearse(list(reader.parameters()), error, awake, dreams, 400, generator, 1e-2)
    assert before > 0.5
    assert float(error(labelled(-2, 0, 99))) < 0.02
    assert float(error(labelled(0, 2, 99))) < 0.02
    assert len(losses) == 400
