"""VAEs of aligned rows: a true bound, training on shares of a batch, evidence near a row, changes as asked for."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.training import TrainingSettings, weighted_order
from sciencegen.training.train import train
from sciencegen.vae.alignment_fitness import LETTERS, AdditiveFitness, Member, WildTypeRow
from sciencegen.vae.alignment_vae import (
    AlignmentVAE,
    AlignmentVAESettings,
    BatchShare,
    local_evidence,
    member_loss,
    resampled,
    shares_of,
    truncated_shares,
)
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.posteriors import POSTERIORS
from tests.vae.test_posteriors import shaken

# Laws of the VAE of aligned rows: a true bound, gaps that say nothing, decode inverts encode, changes as asked for.


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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
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


# Laws of training with missing labels: a true bound, what is forgotten isn't inferred, few labels reach all rows.


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


@pytest.mark.long
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


# Laws of evidence near a row: it is the exact one's difference, whichever posterior the draws come from.


FOCUS = torch.tensor([0, 1, 1])


def model_near(seed=0, posterior="gaussian"):
    """One in which the posterior of a row reaches every other row."""
    made = model(seed=seed, settings=replace(SMALL, posterior=posterior))
    for member in made.members:
        member.output.weight.data.mul_(0.4)
    return made


def near(made, draws=40_000, kept=20_000):
    return made.local_evidence(FOCUS, draws, kept)


@pytest.mark.long
@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_it_is_the_difference_of_exact_evidences(shift, posterior):
    """shift: of the encoder's mean, since whichever posterior draws come from, their weights make up for it."""
    made, rows = model_near(posterior=posterior), every_row(3, 2)
    for member in made.members:
        torch.nn.init.constant_(member.mean.bias, shift)
    truth = exact(made, rows) - exact(made, FOCUS[None])
    found = torch.stack([one.evidence(rows)[0] for one in near(made)])
    torch.testing.assert_close(found, truth, atol=0.1, rtol=0)
    assert (found[:, (rows == FOCUS).all(1)] == 0).all()


@pytest.mark.long
def test_it_agrees_with_a_rows_own_posterior():
    made, rows = model_near(seed=3), every_row(3, 2)
    bounds = made.evidence(Batch({LETTERS: rows}), 5000, importance=True)
    own = bounds - bounds[:, (rows == FOCUS).all(1)]
    torch.testing.assert_close(torch.stack([one.evidence(rows)[0] for one in near(made)]), own, atol=0.15, rtol=0)


def test_a_gap_is_summed_out_and_far_rows_rest_on_fewer_draws():
    made = model_near()
    gapped = torch.tensor([[2, 1, 1], [0, 2, 0], [0, 1, 2]])
    letters = [[0, 1] if letter == 2 else [letter] for letter in gapped.flatten().tolist()]
    for row, options in zip(gapped, [letters[:3], letters[3:6], letters[6:]], strict=True):
        whole = torch.tensor(list(itertools.product(*options)))
        truth = exact(made, whole).logsumexp(1) - exact(made, FOCUS[None])[:, 0]
        found = torch.stack([one.evidence(row[None])[0][0] for one in near(made)])
        torch.testing.assert_close(found, truth, atol=0.06, rtol=0)
    for one in near(made):
        effective = one.evidence(torch.stack([FOCUS, 1 - FOCUS]))[1]
        assert effective[1] < effective[0]


def test_a_row_has_one_evidence_whatever_stands_beside_it():
    made, rows = model_near(), every_row(3, 2)
    for one in near(made, 500, 100):
        assert torch.equal(one.evidence(rows)[0], torch.cat([one.evidence(row[None])[0] for row in rows]))
    assert torch.equal(near(made, 500, 100)[0].ratios, near(made, 500, 100)[0].ratios)


def test_no_draw_decides_alone_and_resampling_keeps_shares():
    log_weights = torch.zeros(10_000, dtype=torch.float64)
    log_weights[7] = 8.0
    share = truncated_shares(log_weights)
    assert share[7] < 0.02
    number, count = resampled(share, 1000, torch.Generator().manual_seed(0))
    assert count.sum() == 1000
    assert count[number == 7] == pytest.approx(1000 * share[7].item(), abs=1)


def test_more_draws_are_kept_than_drawn_never():
    with pytest.raises(ConfigError, match="got 10 of 5"):
        local_evidence(model_near().members[0], FOCUS, torch.empty(1, 0), 5, 10, torch.Generator())
