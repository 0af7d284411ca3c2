"""Laws of training with missing labels: a true bound, what is forgotten isn't inferred, few labels reach all rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.training import TrainingSettings, weighted_order
from sciencegen.training.train import train
from sciencegen.vae.alignment_fitness import LETTERS, AdditiveFitness, Member
from sciencegen.vae.alignment_vae import AlignmentVAE, AlignmentVAESettings, BatchShare, member_loss, shares_of

SEMI = AlignmentVAESettings(members=2, hidden=32, latent=2, semi_supervised=True, label_weight=5.0)


def small_member():
    """One latent, whose posterior is its prior, and one property; the last weights are certain."""
    torch.manual_seed(0)
    made = Member(3, 2, 8, 1, known=2, inference=True).double()
    torch.nn.init.normal_(made.output.weight, std=1.0)
    for part in (made.mean.weight, made.mean.bias, made.log_std.weight, made.log_std.bias):
        torch.nn.init.zeros_(part)
    for part in (made.output.weight_log_std, made.output.bias_log_std):
        torch.nn.init.constant_(part, -30.0)
    return made


def head_of(member, row):
    """q(c | x)."""
    return member.inference.distribution(member.unconditional_features(row[None], torch.ones(1, 3, dtype=torch.bool)))


def by_quadrature(member, row):
    """log p(x), and E_q(c|x) log p(x | c) - KL(q(c | x) || p(c)), with z ~ N(0, 1) and c ~ N(0, 1)."""
    grid, q = torch.linspace(-6, 6, 161, dtype=torch.float64), head_of(member, row)
    c, z = torch.cartesian_prod(grid, grid).T[..., None]
    whole = torch.ones(len(z), 3, dtype=torch.bool)
    log_p = member.log_prob(z, row.expand(len(z), -1), whole, torch.cat([c, torch.ones_like(c)], 1))
    log_prior = torch.log_softmax(-0.5 * grid.square(), 0)
    given = (log_p.unflatten(0, (161, 161)) + log_prior).logsumexp(1)
    log_q = torch.log_softmax(-0.5 * ((grid - q.mean[0]) / q.log_std[0].exp()).square(), 0)
    return (given + log_prior).logsumexp(0).item(), (log_q.exp() * (given + log_prior - log_q)).sum().item()


def loss_of(member, share, settings=SEMI):
    return member_loss(member, share, settings, 1.0, 1e4, torch.Generator().manual_seed(0))


def share_of(row, label, count, forgotten=False):
    labels = torch.full((count, 1), label, dtype=torch.float64)
    letters = row.expand(count, -1)
    return BatchShare(letters, torch.ones_like(letters, dtype=torch.bool), labels, torch.full((count, 1), forgotten))


@torch.no_grad()
def test_the_bound_of_a_row_without_its_property_is_that_of_the_paper():
    """Kingma et al. 2014, eq. 7: below the evidence, and exact in z with many importance samples."""
    member, row = small_member(), torch.tensor([0, 1, 1])
    (evidence, exact), bounds = by_quadrature(member, row), []
    for count in (1, 200):
        settings = replace(SEMI, importance_samples=count)
        found = loss_of(member, share_of(row, torch.nan, 2000), settings)
        bounds.append((found.weights - found.loss).item())
        assert found.label == 0
    print("bounds", bounds, "exact", exact, "evidence", evidence)
    assert bounds[0] < bounds[1] < evidence
    assert bounds[1] == pytest.approx(exact, abs=0.1)


@torch.no_grad()
def test_a_known_property_is_used_and_trains_the_head():
    member, row = small_member(), torch.tensor([0, 1, 1])
    found = loss_of(member, share_of(row, 0.5, 4))
    q = head_of(member, row)
    expected = -torch.distributions.Normal(q.mean, q.log_std.exp()).log_prob(torch.tensor(0.5)).item()
    assert found.label.item() == pytest.approx(expected)
    parts = found.reconstruction + found.kl + found.weights + SEMI.label_weight * found.label
    torch.testing.assert_close(found.loss, parts)


@torch.no_grad()
def test_what_is_forgotten_is_not_inferred():
    """Neither from the row nor from the label that is there: the loss is that of a row of which nothing is known."""
    member, row = small_member(), torch.tensor([0, 1, 1])
    known, free = (loss_of(member, share_of(row, label, 4, forgotten=True)) for label in (0.5, torch.nan))
    assert torch.equal(known.reconstruction, free.reconstruction)
    assert torch.equal(known.kl, free.kl)
    assert free.kl < loss_of(member, share_of(row, torch.nan, 4)).kl


def test_members_have_rows_of_their_own_and_labels_of_inputs():
    rows = torch.arange(10).reshape(5, 2)
    batch = Batch({LETTERS: rows}, condition=torch.arange(10.0).reshape(5, 2))
    settings = AlignmentVAESettings(members=2, dropout=ConditionDropout(everything=1.0))
    shares = shares_of(batch, [1], settings, torch.Generator().manual_seed(0))
    assert [share.letters.tolist() for share in shares] == [rows[:2].tolist(), rows[2:4].tolist()]
    assert [share.labels.tolist() for share in shares] == [[[1.0], [3.0]], [[5.0], [7.0]]]
    assert all(share.condition.isnan().all() and not share.missing.any() for share in shares)


def test_labels_of_few_rows_are_spread_to_the_others(tmp_path):
    """Rows are noisy copies of zeros or of ones, of which one in ten was measured at -1 or 1."""
    generator = torch.Generator().manual_seed(0)
    kind = torch.arange(200) % 2
    rows = torch.where(torch.rand(200, 8, generator=generator) < 0.1, 1 - kind[:, None], kind[:, None])
    truth = 2.0 * kind[:, None] - 1
    measured = truth.masked_fill(torch.arange(200)[:, None] % 20 > 1, torch.nan)
    torch.manual_seed(0)
    made = AlignmentVAE(8, 2, SEMI, inputs=[0])
    made.effective_items = 1e4

    def batches(step):
        for chosen in weighted_order(np.ones(200), 64, 0, step):
            yield Batch({LETTERS: rows[chosen]}, condition=measured[torch.from_numpy(chosen)])

    train(made, batches, TrainingSettings(steps=150, learning_rate=1e-2, warmup_steps=10, batch_size=64), tmp_path)
    assert {"label", "kl", "weights"} <= set((tmp_path / "log.csv").read_text().splitlines()[0].split(","))
    inferred = made.infer_condition(Batch({LETTERS: rows}))
    assert (inferred.sign() == truth).double().mean() > 0.9
    filled = made.infer_condition(Batch({LETTERS: rows}, condition=measured))
    assert torch.equal(filled, torch.where(measured.isnan(), inferred, measured))
    noise = torch.randn(200, made.latent_size, generator=generator)
    shares = [
        made.generate(noise, torch.full((200, 1), asked))[LETTERS].double().mean().item() for asked in (-1.0, 1.0)
    ]
    print("share of ones under -1 and 1", shares)
    assert shares[0] < 0.25
    assert shares[1] > 0.75


def test_there_must_be_something_to_infer():
    with pytest.raises(ConfigError, match="Expected a measured property to infer with semi_supervised, got none"):
        AlignmentVAE(8, 2, SEMI)
    landscape = AdditiveFitness(torch.zeros(8, dtype=torch.long), 2, 0)
    with pytest.raises(ConfigError, match="got one that was measured of variants beside an alignment"):
        AlignmentVAE(8, 2, SEMI, landscape=landscape)
    with pytest.raises(ConfigError, match="label_weight of 0 or more, got -1"):
        AlignmentVAESettings(label_weight=-1.0)
    without = AlignmentVAE(8, 2, AlignmentVAESettings(members=1, hidden=4, latent=1), inputs=[0])
    with pytest.raises(ConfigError, match="Train with semi_supervised"):
        without.infer_condition(Batch({LETTERS: torch.zeros(1, 8, dtype=torch.long)}))
