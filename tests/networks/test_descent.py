"""Gradient descent that doesn't lose what it has learned."""

import math

import pytest
import torch
from torch import nn

from sciencegen.networks.descent import DescentSettings, descend


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_step_without_a_gradient_spoils_nothing(bad):
    weight = nn.Parameter(torch.tensor(1.0))
    losses = descend([weight], lambda step: weight**2 * (bad if step == 20 else 1.0), 60, DescentSettings(0.1))
    assert not math.isfinite(losses[20])
    assert losses[-1] < 0.1
