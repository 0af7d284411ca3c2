"""Laws of the VAE of aligned rows: a true bound, gaps that say nothing, decode inverts encode, changes as asked for."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.training import TrainingSettings, weighted_order
from sciencegen.training.train import train
from sciencegen.vae.alignment_fitness import LETTERS, WildTypeRow
from sciencegen.vae.alignment_vae import AlignmentVAE, AlignmentVAESettings
from sciencegen.vae.posteriors import POSTERIORS
from sciencegen.vae.warmup import Warmup
from tests.vae.test_posteriors import shaken

SMALL = AlignmentVAESettings(members=2, hidden=16, latent=2)


def model(columns=3, letters=2, reference=None, seed=0, settings=SMALL):
    torch.manual_seed(seed)
    made = AlignmentVAE(columns, letters, settings, reference).double().eval()
    for member in made.members:
        if member.flow is not None:
            shaken(member.flow, torch.Generator().manual_seed(seed), 0.3)
        torch.nn.init.normal_(member.output.weight, std=1.0)
        for layer in (member.mean, member.log_std):  # the prior as proposal: importance weights are bounded
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    return made


def every_row(columns, letters):
    return torch.tensor(list(itertools.product(range(letters), repeat=columns)))


def exact(made, rows):
    """log p(x) of each member, by quadrature over the latent plane."""
    grid = torch.linspace(-6, 6, 161, dtype=torch.float64)
    z = torch.cartesian_prod(grid, grid)
    prior = (-0.5 * z.square().sum(1)).exp()
    prior = prior / prior.sum()
    log_p = torch.log_softmax(torch.stack([member.logits(z, z.new_empty(len(z), 0)) for member in made.members]), -1)
    picked = torch.stack([log_p[:, :, range(rows.shape[1]), row].sum(-1) for row in rows], -1)
    return (picked.exp() * prior[None, :, None]).sum(1).log()


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_evidence_lies_below_the_exact_one_and_importance_weighting_reaches_it(posterior):
    made, rows = model(settings=replace(SMALL, posterior=posterior)), every_row(3, 2)
    truth = exact(made, rows)
    torch.testing.assert_close(truth.exp().sum(1), torch.ones(2, dtype=torch.float64), atol=1e-4, rtol=0)
    batch = Batch({LETTERS: rows})
    plain, weighted = made.evidence(batch, 1000), made.evidence(batch, 1000, importance=True)
    assert (plain < truth).all()
    assert (weighted > plain).all()
    torch.testing.assert_close(weighted, truth, atol=0.15, rtol=0)


@pytest.mark.parametrize("posterior", ["gaussian", pytest.param("iaf", marks=pytest.mark.slow)])
def test_training_with_several_samples_is_the_importance_weighted_bound(posterior):
    """At the means of the last weights: the loss is -log p(x), nearer with more samples, and its gradient is finite."""
    rows = every_row(3, 2).repeat(200, 1)
    losses = []
    for count in (1, 10, 100):
        made = model(settings=replace(SMALL, posterior=posterior, importance_samples=count))
        made.effective_items = torch.inf  # no price of the weights
        for member in made.members:
            torch.nn.init.constant_(member.output.weight_log_std, -20.0)
            torch.nn.init.constant_(member.output.bias_log_std, -20.0)
        terms = made.loss(Batch({LETTERS: rows}), 0, torch.Generator().manual_seed(0))
        terms["loss"].backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in made.parameters())
        losses.append(terms["loss"].item())
    truth = -exact(made, every_row(3, 2)).mean(1).sum().item()
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > truth + 0.1
    assert losses[-1] == pytest.approx(truth, abs=0.05)


def test_what_stands_at_a_gap_says_nothing():
    made, mask = model(), torch.tensor([[True, False, True]])
    first, second = (made.evidence(Batch({LETTERS: torch.tensor([[1, letter, 0]])}, mask), 50) for letter in (0, 1))
    assert torch.equal(first, second)
    # and a gap is summed out: p(a, c) = sum_b p(a, b, c), which the exact evidence knows
    truth = exact(made, torch.tensor([[1, 0, 0], [1, 1, 0]])).logsumexp(1, keepdim=True)
    weighted = made.evidence(Batch({LETTERS: torch.tensor([[1, 0, 0]])}, mask), 4000, importance=True)
    torch.testing.assert_close(weighted, truth, atol=0.15, rtol=0)


def test_decoding_inverts_encoding():
    made = model(columns=6, letters=4)
    rows = torch.randint(0, 4, (50, 6), generator=torch.Generator().manual_seed(0))
    assert torch.equal(made.decode(made.encode(Batch({LETTERS: rows})))[LETTERS], rows)


def test_draws_from_noise_follow_the_models_own_distribution():
    made, rows = model(), every_row(3, 2)
    noise = torch.randn(40_000, made.latent_size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    drawn = made.generate(noise)[LETTERS]
    share = (drawn[:, None] == rows).all(-1).double().mean(0)
    torch.testing.assert_close(share, exact(made, rows)[0].exp(), atol=0.015, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_condition_asks_for_a_number_of_changes(dtype):
    """Whatever the moments, by which a whole number may come back a little smaller."""
    reference = WildTypeRow(torch.zeros(40, dtype=torch.long), place=0, mean=163.7013, std=23.9177)
    made = model(columns=40, letters=4, reference=reference).to(dtype)
    noise = torch.randn(64, made.latent_size, generator=torch.Generator().manual_seed(0)).to(dtype)
    asked = torch.arange(64).remainder(8).to(dtype)
    condition = ((asked - 163.7013) / 23.9177)[:, None]
    changed = (made.generate(noise, condition)[LETTERS] != 0).sum(1)
    assert (changed <= asked).all()
    assert (changed == asked).double().mean() > 0.9
    free = made.generate(noise, torch.full_like(condition, torch.nan))[LETTERS]
    assert torch.equal(free, made.generate(noise)[LETTERS])


def test_training_learns_what_columns_have_in_common(tmp_path):
    """Two kinds of rows, all zeros or all ones: the model's evidence nears the entropy log 2."""
    rows = torch.tensor([[0] * 8, [1] * 8])
    torch.manual_seed(0)
    made = AlignmentVAE(8, 2, AlignmentVAESettings(members=2, hidden=32, latent=2))
    made.effective_items = 1e4

    def batches(step):
        for chosen in weighted_order(np.ones(2), 64, 0, step):
            yield Batch({LETTERS: rows[torch.from_numpy(chosen)]})

    train(made, batches, TrainingSettings(steps=400, learning_rate=1e-2, warmup_steps=10, batch_size=64), tmp_path)
    bound = -made.evidence(Batch({LETTERS: rows}), 200).mean()
    print("nats a row", bound.item(), "exact", np.log(2))
    assert np.log(2) < bound < np.log(2) + 1
    odd = made.evidence(Batch({LETTERS: torch.tensor([[0, 1] * 4])}), 200).mean()
    assert odd < -bound - 3


@pytest.mark.parametrize("wrong", [dict(members=0), dict(latent=0), dict(prior_std=0.0)])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match="members, hidden and latent of 1 or more"):
        AlignmentVAESettings(**wrong)


def test_a_bound_of_several_samples_has_no_weighted_divergence():
    with pytest.raises(ConfigError, match="set one or the other"):
        AlignmentVAESettings(importance_samples=5, beta=Warmup("linear", 10))
    with pytest.raises(ConfigError, match="1 or more importance samples, got 0"):
        AlignmentVAESettings(importance_samples=0)
    with pytest.raises(ConfigError, match="posterior"):
        AlignmentVAESettings(posterior="flow")


def test_a_batch_without_a_row_for_each_member_is_refused():
    with pytest.raises(ConfigError, match="a batch of 2 rows or more, one a member, got 1"):
        model().loss(Batch({LETTERS: torch.zeros(1, 3, dtype=torch.long)}), 0, torch.Generator())


def test_what_was_measured_is_told_to_both_sides(tmp_path):
    """Rows of zeros were measured at -1, rows of ones at 1; of every third row it isn't known."""
    rows = torch.tensor([[0] * 8, [1] * 8] * 3)
    measured = torch.tensor([[-1.0], [1.0], [-1.0], [1.0], [torch.nan], [torch.nan]])
    torch.manual_seed(0)
    made = AlignmentVAE(8, 2, AlignmentVAESettings(members=2, hidden=32, latent=2), inputs=[0])
    made.effective_items = 1e4

    def batches(step):
        for chosen in weighted_order(np.ones(6), 64, 0, step):
            yield Batch({LETTERS: rows[chosen]}, condition=measured[torch.from_numpy(chosen)])

    train(made, batches, TrainingSettings(steps=300, learning_rate=1e-2, warmup_steps=10, batch_size=64), tmp_path)
    batch = Batch({LETTERS: rows}, condition=measured)
    bound = made.evidence(batch, 200, importance=True).mean(0)
    print("nats a row, known and unknown", bound[:4], bound[4:])
    assert (bound[:4] > -0.4).all()  # the exact one is 0 here, where little is in doubt
    assert (bound[4:] < -0.5).all()  # and -log 2 here
    assert (made.evidence(batch.with_condition(-measured), 200)[:, :4] < -3).all()
    noise = torch.randn(200, made.latent_size, generator=torch.Generator().manual_seed(0))
    shares = [
        made.generate(noise, torch.full((200, 1), asked))[LETTERS].double().mean().item()
        for asked in (-1.0, 1.0, torch.nan)
    ]
    assert shares[0] < 0.05
    assert shares[1] > 0.95
    assert 0.2 < shares[2] < 0.8


def test_a_number_of_changes_stands_beside_what_else_is_asked():
    reference = WildTypeRow(torch.zeros(40, dtype=torch.long), place=1, mean=2.0, std=1.0)
    torch.manual_seed(0)
    made = AlignmentVAE(40, 4, SMALL, reference, inputs=[0]).double().eval()
    torch.nn.init.normal_(made.first.output.weight, std=1.0)
    noise = torch.randn(64, made.latent_size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    asked = torch.arange(64).remainder(8).double()
    condition = torch.stack([torch.linspace(-2, 2, 64).double(), asked - 2], 1)
    drawn = made.generate(noise, condition)[LETTERS]
    assert ((drawn != 0).sum(1) == asked).double().mean() > 0.9
    other = made.generate(noise, condition * torch.tensor([-1.0, 1.0]))[LETTERS]
    assert not torch.equal(drawn, other)
    for latent in (made.sample(noise, condition), made.encode(Batch({LETTERS: drawn}, condition=condition))):
        assert torch.equal(made.decode(latent, condition)[LETTERS], drawn)
