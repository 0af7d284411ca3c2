"""The critic: what it reads, how far it trusts itself, and which draw it prefers."""

import math

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.networks.sequence import Reading, SequenceCritic
from sciencegen.vae import criticism


def counted(low, high, seed, noise=0.0, count=300):
    """Sequences of the symbols 1 and 2; the property is the number of twos. Well formed: they start with a one."""
    generator = torch.Generator().manual_seed(seed)
    tokens = 1 + (torch.rand(count, 8, generator=generator) < 0.5).long()
    tokens[:, 0] = torch.randint(low, high, (count,), generator=generator)
    length = torch.randint(4, 9, (count, 1), generator=generator)
    mask = torch.arange(8) < length
    value = ((tokens == 2) & mask).sum(1, keepdim=True).float() + noise * torch.randn(count, 1, generator=generator)
    return Batch({"tokens": tokens * mask}, mask, value)


def trained(draws, steps=500):
    torch.manual_seed(0)
    critic = SequenceCritic(3, 1, 16, 1, 2, 8)
    data = [counted(1, 2, seed) for seed in range(4)]
    flags = [batch["tokens"][:, 0] == 1 for batch in draws]
    losses = criticism.rehearse(critic, data, draws, flags, steps, torch.Generator().manual_seed(1), 5e-3)
    assert len(losses) == steps
    return critic


def test_it_learns_what_is_well_formed_and_reads_what_the_data_never_showed():
    critic = trained([counted(1, 3, seed) for seed in range(10, 14)])
    batch = counted(1, 3, 99)
    with torch.no_grad():
        reading = criticism.read(critic, batch)
    assert ((reading.well_formed > 0) == (batch["tokens"][:, 0] == 1)).float().mean() > 0.98
    assert (reading.mean - batch.condition).abs().mean() < 0.3


def test_it_doubts_what_it_cannot_know():
    noisy = [counted(2, 3, seed, noise=1.5) for seed in range(10, 14)]
    critic = trained(noisy, 800)
    with torch.no_grad():
        clean, doubtful = (criticism.read(critic, batch) for batch in (counted(1, 2, 98), counted(2, 3, 99)))
    assert clean.log_std.exp().mean() < 0.6
    assert doubtful.log_std.exp().mean() == pytest.approx(1.5, rel=0.25)


def test_the_score_is_the_formula_and_unasked_properties_do_not_count():
    reading = Reading(torch.tensor([[1.0, 5.0]]), torch.tensor([[math.log(2.0), 0.3]]), torch.tensor([0.7]))
    asked = torch.tensor([[4.0, float("nan")]])
    expected = math.log(1 / (1 + math.exp(-0.7))) - (3 / 2) ** 2 / 2 - math.log(2.0)
    assert float(criticism.score(reading, asked)) == pytest.approx(expected, rel=1e-6)


def test_untrained_it_prefers_nothing_but_the_condition():
    critic = SequenceCritic(3, 1, 16, 1, 2, 8)
    reading = criticism.read(critic, counted(1, 3, 0))
    assert torch.equal(reading.log_std, torch.zeros_like(reading.log_std))
    assert torch.equal(reading.well_formed, torch.zeros_like(reading.well_formed))
