"""A line to learn, and runs of it that are killed or signalled."""

import signal
from itertools import islice

import torch
from torch import nn

from sciencegen.batch import Batch
from sciencegen.training import TrainingSettings


class Line(nn.Module):
    """y = a x + b with noise in its loss, so that the noise's key matters."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    def loss(self, batch, step, generator):
        self.seen += 1
        noise = 0.1 * torch.randn(batch["y"].shape, generator=generator)
        error = (self.layer(batch["x"]) - batch["y"] + noise).square().mean()
        return {"loss": error, "noise": noise.mean()}


def batches(step):
    while True:
        x = torch.randn(16, 1, generator=torch.Generator().manual_seed(step))
        yield Batch({"x": x, "y": 2 * x + 1})
        step += 1


def settings(steps=60, **extra):
    return TrainingSettings(**{"steps": steps, "checkpoint_every": 10, "log_every": 10, "learning_rate": 0.05} | extra)


class Killed(Exception):
    pass


def killed_at(step):
    def source(start):
        yield from islice(batches(start), step - start)
        raise Killed

    return source


def signalled_at(step, number):
    def source(start):
        yield from islice(batches(start), step - start)
        signal.raise_signal(number)
        yield from batches(step)

    return source
