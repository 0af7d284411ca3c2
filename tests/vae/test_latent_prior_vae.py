"""The sequence VAE whose latent carries the sequence: codes restore, draws use z, a bound that is one."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from torch.nn.functional import pad

from sciencegen.batch import Batch
from sciencegen.diffusion.vectors import DiffusionPrior, VectorDiffusionSettings
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.sequence import SequenceSizes
from sciencegen.vae import latent_prior_vae
from sciencegen.vae.autoregressive import END
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.latent_prior_vae import WEIGHT, LatentPriorVAE, LatentPriorVAESettings, refined
from sciencegen.vae.posteriors import DiagonalGaussian

pytestmark = pytest.mark.long

# The sequence VAE whose latent carries the sequence: codes restore, draws use z, a bound that is one.


SIZES = SequenceSizes(token=16, encoder=16, decoder=32, slots=2, slot=16, heads=2, dense=32)
SMALL = LatentPriorVAESettings(
    code=3,
    length=12,
    networks=SIZES,
    prior_layers=4,
    prior_width=32,
    beta=Warmup("linear", 250, 0.01, 0.3),
    noised=0.25,
)
SYMBOLS, LENGTHS = 3, 7


def toy_batch(count, seed=0):
    """Runs of one symbol: the first property says which, the second how many."""
    generator = torch.Generator().manual_seed(seed)
    symbol = torch.randint(2, 2 + SYMBOLS, (count,), generator=generator)
    length = torch.randint(2, 2 + LENGTHS, (count,), generator=generator)
    position = torch.arange(10)
    tokens = torch.where(position < length[:, None], symbol[:, None], END)
    condition = torch.stack([(symbol - 3).float(), (length - 5).float() / 2], 1)
    return Batch({"tokens": tokens}, position <= length[:, None], condition)


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    model = LatentPriorVAE(2 + SYMBOLS, 2, SMALL)
    optimizer = torch.optim.Adam(model.parameters(), 4e-3, fused=True)
    for step in range(450):
        optimizer.zero_grad()
        model.loss(toy_batch(64, step), step, torch.Generator().manual_seed(step))["loss"].backward()
        optimizer.step()
    return model.eval()


def noise_of(model, count, seed=1):
    return torch.randn(count, model.latent_size, generator=torch.Generator().manual_seed(seed))


def same(batch, other):
    rows = []
    for k in range(len(batch)):
        one, two = (part["tokens"][k][part.mask[k]].tolist() for part in (batch, other))
        rows.append(one == two)
    return torch.tensor(rows)


def test_items_come_back_from_the_latent_alone(trained):
    batch = toy_batch(200, 7)
    latent = trained.encode(batch)
    assert latent.shape == (200, 3)
    copies = same(batch, trained.decode(latent)).float().mean()
    assert copies > 0.98
    assert 0.98 < same(batch, trained.draft(latent)).float().mean() <= copies
    centre = trained.prior.inverse(trained.posterior_of(batch).mean).detach()
    unrefined = same(batch, trained.decode(centre)).float().mean()
    assert unrefined <= copies
    assert unrefined > same(batch, trained.draft(centre)).float().mean(), "the encoder tells which likely one it is"


def test_persistence_changes_the_latents_of_what_is_not_made_alone(trained):
    """Three of these nine sequences are runs of one symbol, as in training."""
    symbols = torch.cartesian_prod(torch.arange(2, 5), torch.arange(2, 5))
    batch = Batch({"tokens": pad(symbols, (0, 1), value=END)}, torch.ones(9, 3, dtype=torch.bool))
    persistent = copy.copy(trained)
    persistent.settings = replace(SMALL, persistence=40)
    usual, latents = trained.encode(batch), persistent.encode(batch)
    changed = (usual != latents).any(1)
    assert changed.tolist() == (symbols[:, 0] != symbols[:, 1]).tolist()
    before, after = (trained.likelihood(trained.prior(z), batch).log_prob(batch["tokens"]) for z in (usual, latents))
    assert (after > before)[changed].all()


def test_padding_costs_nothing_and_changes_nothing(trained, monkeypatch):
    batch, lengths, decoder = toy_batch(50, 7), [], trained.decoder.forward
    padded = Batch({"tokens": pad(batch["tokens"], (0, 40), value=END)}, pad(batch.mask, (0, 40)))
    watched = lambda previous, state: lengths.append(previous.shape[1]) or decoder(previous, state)  # noqa: E731
    monkeypatch.setattr(trained.decoder, "forward", watched)
    assert torch.equal(trained.encode(padded), trained.encode(batch))
    assert max(lengths) <= batch.mask.shape[1]


def test_latents_are_standard_normal(trained):
    batch = toy_batch(2000, 8)
    code = trained.posterior(trained.encoder(batch["tokens"], batch.mask)).sample(torch.Generator().manual_seed(0))[0]
    noise = trained.prior.inverse(code).detach()
    assert noise.mean(0).abs().max() < 0.35
    assert (noise.std(0) - 1).abs().max() < 0.35


def test_redrawn_noise_gives_other_items(trained):
    """Nothing but the latent decides what is drawn: all come back by greedy decoding, which drew them. Beams, which
    also ask which sequence the encoder maps nearest, take another one of hundred."""
    first, second = (trained.generate(noise_of(trained, 100, seed)) for seed in (1, 2))
    latent = trained.sample(noise_of(trained, 100, 1))
    assert same(first, second).float().mean() < 0.3
    assert same(first, trained.draft(latent)).all()
    assert same(first, trained.decode(latent)).float().mean() > 0.97


def test_draws_are_well_formed_and_cover_the_source(trained):
    drawn = trained.generate(noise_of(trained, 500))
    rows = [tokens[mask].tolist() for tokens, mask in zip(drawn["tokens"], drawn.mask, strict=True)]
    good = [row for row in rows if row[-1] == END and len(set(row[:-1])) == 1 and 2 <= len(row) - 1 < 2 + LENGTHS]
    assert len(good) > 0.85 * len(rows)
    assert len({tuple(row) for row in good}) > 0.85 * SYMBOLS * LENGTHS


def test_draws_obey_the_condition_better_with_more_candidates(trained):
    nan, noise = float("nan"), noise_of(trained, 200)
    asked = torch.tensor([[1.0, nan]]).expand(200, -1)

    def share(candidates):
        trained.settings = replace(SMALL, candidates=candidates)
        return (trained.generate(noise, asked)["tokens"][:, 0] == 4).float().mean()

    try:
        assert share(8) >= share(1) > 0.7
        assert share(8) > 0.9
        latent = trained.sample(noise, asked)
        assert same(trained.decode(latent), trained.generate(noise, asked)).float().mean() > 0.98
    finally:
        trained.settings = SMALL


def test_measured_properties_decide_among_the_decoded_candidates(trained):
    """The measure says that the request is met by the last symbol only."""
    noise, nan = noise_of(trained, 100), float("nan")
    asked = torch.tensor([[0.0, nan]]).expand(100, -1)

    def measure(batch, columns):
        assert list(columns) == [0]
        values = torch.full((len(batch), 2), nan)
        values[:, 0] = torch.where(batch["tokens"][:, 0] == 4, 0.0, 5.0)
        values[batch["tokens"][:, 0] == 2] = torch.inf
        return values

    def share(measured):
        trained.settings = replace(SMALL, candidates=16, measured=measured)
        return (trained.generate(noise, asked)["tokens"][:, 0] == 4).float().mean()

    few = share(8)
    try:
        trained.measure = measure
        assert share(16) > few + 0.05
        first, found = trained.decode(trained.sample(noise, asked)), trained.generate(noise, asked)
        assert same(first, found).float().mean() > 0.95
    finally:
        trained.measure, trained.settings = None, SMALL


def test_tries_that_are_decoded_together_give_the_draws_of_single_ones(trained, monkeypatch):
    """By a measure that only some lengths meet, so that rows are done after different tries."""
    noise, nan = noise_of(trained, 60), float("nan")
    asked = torch.tensor([[1.0, nan]]).expand(60, -1)

    def measure(batch, columns):
        return torch.stack([1.0 + batch.mask.sum(1) % 3, torch.full((len(batch),), nan)], 1)

    monkeypatch.setattr(trained, "measure", measure)
    monkeypatch.setattr(trained, "settings", replace(SMALL, candidates=16, measured=16))
    together = trained.generate(noise, asked)
    monkeypatch.setattr("sciencegen.vae.latent_prior_vae.TOGETHER", 1)
    assert same(together, trained.generate(noise, asked)).all()
    assert same(together.select(slice(5)), trained.generate(noise[:5], asked[:5])).all()


def test_rows_without_a_condition_are_not_changed_by_others(trained):
    noise, nan = noise_of(trained, 40), float("nan")
    mixed = torch.tensor([[1.0, 0.0], [nan, nan]]).repeat(20, 1)
    assert same(trained.generate(noise, mixed), trained.generate(noise)).view(20, 2)[:, 1].all()


def test_a_row_is_the_same_alone_and_among_many(trained):
    noise = noise_of(trained, 50)
    many = trained.generate(noise)
    assert same(trained.generate(noise[:1]), many.select(slice(1))).all()
    assert torch.equal(trained.decode(noise[:3])["tokens"][0][:2], trained.decode(noise)["tokens"][0][:2])


def test_the_bound_lies_below_the_true_entropy(trained):
    """log p(x) of the true source is -log(3 * 7): no bound averaged over the source may exceed it."""
    terms = trained.terms(toy_batch(3000, 77).with_condition(None), torch.Generator().manual_seed(0))
    expected = -math.log(SYMBOLS * LENGTHS)
    assert expected - 1.5 < terms.elbo.mean() < expected + 0.05


def test_more_importance_samples_tighten_the_bound(trained):
    batch = toy_batch(200, 78).with_condition(None)
    one, many = (trained.bound(batch, samples).mean() for samples in (1, 64))
    assert one < many < -math.log(SYMBOLS * LENGTHS) + 0.05
    assert torch.equal(trained.bound(batch, 4), trained.bound(batch, 4))


def test_properties_are_read_from_the_latent(trained):
    batch = toy_batch(300, 9)
    error = (trained.read(trained.encode(batch)) - batch.condition).square().mean()
    assert error < 0.25 * batch.condition.var(0).mean()


@pytest.mark.parametrize("tuned", [False, True])
def test_the_prior_does_not_train_the_encoder(tuned, monkeypatch):
    torch.manual_seed(0)
    model, losses = LatentPriorVAE(2 + SYMBOLS, 2, SMALL), []
    if tuned:
        start = LatentPriorVAE(2 + SYMBOLS, 2, SMALL)
        start.decoder.output[-1].bias.data[END] += 10  # draws without an end are not replayed
        model.starting_from(start)
    fit = model.prior.fit_loss
    monkeypatch.setattr(model.prior, "fit_loss", lambda *given: losses.append(fit(*given)) or losses[-1])
    model.loss(toy_batch(16), 0, torch.Generator().manual_seed(0))
    assert len(losses) == 1 + tuned
    sum(losses).backward()
    assert any(parameter.grad is not None for parameter in model.prior.parameters())
    assert all(parameter.grad is None for parameter in model.encoder.parameters())


def test_noised_codes_are_decoded_in_training_only():
    torch.manual_seed(0)
    model = LatentPriorVAE(2 + SYMBOLS, 2, replace(SMALL, noised=0.5))
    code, generator = torch.randn(400, 3), torch.Generator().manual_seed(0)
    read, radius = model._noised(code, generator)
    noised = radius[:, 0] > 0
    assert torch.equal(read[~noised], code[~noised])
    assert 0.4 < noised.float().mean() < 0.6
    assert not noised[0]
    assert read[noised].std() == pytest.approx(1, abs=0.1)
    assert "denoising" not in LatentPriorVAE(5, 2, replace(SMALL, noised=0.0)).loss(toy_batch(8), 0, generator)


def test_fine_tuned_draws_are_of_the_new_items_in_the_share_that_is_asked_for(trained):
    """The new items are runs of the first symbol, of one length."""
    new = toy_batch(400, 3)
    new = new.select((new["tokens"][:, 0] == 2) & (new.mask.sum(1) == 9))
    shares = {}
    for share in (0.3, 0.9):
        torch.manual_seed(0)
        model = LatentPriorVAE(2 + SYMBOLS, 2, replace(SMALL, share=share, spread=0.1, beta=Warmup(end=0.3)))
        model.load_state_dict(trained.state_dict())
        model.starting_from(trained)
        assert len(model.state_dict()) == len(trained.state_dict()), "the start's weights aren't this model's"
        optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
        for step in range(60):
            optimizer.zero_grad()
            model.loss(new, step, torch.Generator().manual_seed(step))["loss"].backward()
            optimizer.step()
        drawn = model.eval().generate(noise_of(model, 300))
        shares[share] = ((drawn["tokens"][:, 0] == 2) & (drawn.mask.sum(1) == 9)).float().mean()
        batch = toy_batch(100, 11)
        assert same(batch, model.decode(model.encode(batch))).float().mean() > 0.7, "the old items are forgotten"
    assert 0.15 < shares[0.3] < 0.55
    assert shares[0.9] > 0.65


def test_the_model_to_start_from_goes_to_the_same_device():
    model = LatentPriorVAE(5, 2, SMALL).starting_from(LatentPriorVAE(5, 2, SMALL))
    assert {one.device.type for one in model.to("meta")._start[0].parameters()} == {"meta"}


def test_a_diffusion_may_be_the_prior():
    torch.manual_seed(0)
    settings = replace(SMALL, latent_prior="diffusion", refinements=0)
    model = LatentPriorVAE(5, 2, settings, DiffusionPrior(3, 2, VectorDiffusionSettings(width=16, depth=1)))
    batch = toy_batch(8)
    loss = model.loss(batch, 0, torch.Generator().manual_seed(0))["loss"]
    loss.backward()
    assert torch.isfinite(loss)
    code = model.posterior(model.encoder(batch["tokens"], batch.mask)).mean
    assert torch.allclose(model.prior(model.encode(batch)), code, atol=1e-2)
    with pytest.raises(ConfigError, match="a prior with latent_prior 'diffusion' alone, got 'diffusion'"):
        LatentPriorVAE(5, 2, settings)


def test_a_decoder_that_reads_a_similarity_takes_that_of_draws_for_draws_alone(trained):
    """A model that differs from the trained one by a similarity that changes nothing, until its weights do."""
    model, batch, noise = LatentPriorVAE(5, 2, replace(SMALL, drawn_similarity=0.4)), toy_batch(40, 5), None
    state, given = model.state_dict(), trained.state_dict()
    for name, value in given.items():
        unread = state[name].shape[-1] - value.shape[-1] if value.ndim else 0
        more = value.new_zeros(*value.shape[:-1], unread)
        state[name] = torch.cat([value[..., :3], more, value[..., 3:]], -1) if unread else value
    model.load_state_dict(state)
    model.eval()
    noise = noise_of(model, 40)
    assert torch.equal(model.generate(noise)["tokens"], trained.generate(noise)["tokens"])
    codes = model.encode(batch)
    before = model.decode(codes)["tokens"], model.draft(codes)["tokens"], model.bound(batch)
    with torch.no_grad():  # what is read of the similarity, 1 for codes, makes up for the bias
        model.decoder.first.weight[:, 3] += 3.0
        model.decoder.first.bias -= 3.0
    after = model.decode(codes)["tokens"], model.draft(codes)["tokens"], model.bound(batch)
    for one, other in zip(before[:2], after[:2], strict=True):
        assert torch.equal(one, other)
    assert torch.allclose(before[2], after[2], atol=1e-4)
    assert not torch.equal(model.generate(noise)["tokens"], trained.generate(noise)["tokens"])
    asked = torch.tensor([[1.0, 0.5]]).expand(40, 2)
    assert not torch.equal(model.generate(noise, asked)["tokens"], trained.generate(noise, asked)["tokens"])


@pytest.mark.parametrize("wrong", [{"noised": 0.0}, {"radius": 0.0}])
def test_a_similarity_that_training_never_shows_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"noised and radius above 0 .* got 0\. Set drawn_similarity to 1"):
        replace(SMALL, drawn_similarity=0.4, **wrong)


def test_training_tells_the_decoder_how_far_a_code_was_moved():
    """The loss has a gradient in the weights of the similarity, which noise that isn't told leaves without a use."""
    torch.manual_seed(0)
    model = LatentPriorVAE(5, 2, replace(SMALL, drawn_similarity=0.4, noised=1.0))
    seen = []
    model.decoder.first.register_forward_hook(lambda _, given, __: seen.append(given[0][:, 3]))
    model.loss(toy_batch(64), 0, torch.Generator().manual_seed(0))["loss"].backward()
    (similarity,) = seen
    assert similarity.max() == 1
    assert 0.9 * (1 - SMALL.radius) < similarity.min() < 0.5
    assert model.decoder.first.weight.grad[:, 3].abs().max() > 0


def test_wrong_shapes_are_named():
    with pytest.raises(ShapeError, match=r"latents \[batch 3\], got \[2, 5\]"):
        LatentPriorVAE(5, 2, SMALL).decode(torch.zeros(2, 5))


def test_decoding_gives_an_accepted_sequence_where_there_is_one(trained):
    """Here runs of the first symbol aren't accepted, nor is any sequence for a few latents."""
    noise = noise_of(trained, 60)
    plain = trained.decode(noise)

    def accept(batch):
        return batch["tokens"][:, 0] != 2

    found = trained.decode_accepted(noise, accept)
    wanted = accept(plain)
    assert 0 < (~wanted).sum() < 60
    assert same(found, plain)[wanted].all()
    assert accept(found).sum() > wanted.sum()
    assert same(trained.decode_accepted(noise, lambda batch: torch.zeros(len(batch)).bool()), plain).all()
    greedy, drawn = trained.generate(noise), trained.generate(noise, accept=accept)
    good = accept(greedy)
    assert same(drawn, greedy)[good].all()
    assert same(drawn, found)[~good & accept(drawn)].all()
    narrow = replace(trained.settings, beams=2)
    with patch.object(trained, "settings", narrow), patch.object(latent_prior_vae, "WIDER", 1):
        few = accept(trained.decode_accepted(noise, accept)).sum()
    with patch.object(trained, "settings", narrow):
        assert accept(trained.decode_accepted(noise, accept)).sum() > few
    assert same(trained.decode_accepted(noise[:1], accept), found.select(slice(1))).all()


# Settings of the sequence VAE whose latent carries the sequence.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_prior": "vamp"}, "Known: diffusion, flow"),
        ({"radius": 2.0}, "radius between 0 and 1, got 2.0"),
        ({"noised": -0.1}, "noised between 0 and 1, got -0.1"),
        ({"share": 0.0}, "share above 0"),
        ({"length": 1}, "length of 2 or more"),
        ({"beams": 0}, "beams of 1 or more and a length of 2 or more, got 32, 32, 8, 0 and 128"),
        ({"candidates": 0}, "candidates, measured and beams of 1 or more"),
        ({"near": -0.1}, "near of 0 or more, got -0.1"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        LatentPriorVAESettings(**settings)


# Laws of refined latents: likelier items, each row on its own, and no steps change nothing.


@pytest.fixture
def posterior() -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(0)
    return DiagonalGaussian(torch.randn(5, 3, generator=generator), torch.full((5, 3), -1.0))


def log_prob(z: torch.Tensor) -> torch.Tensor:
    """A Gaussian around 2 with the precision of a posterior with the standard deviation 1/e, times 0.3."""
    return -0.15 * torch.e**2 * (z - 2).square().sum(-1)


def test_steps_lead_to_the_best_compromise(posterior):
    """The sum of two parabolas has its top at the mean weighted by their curvatures, 0.3 and `WEIGHT`."""
    best = (0.3 * 2 + WEIGHT * posterior.mean) / (0.3 + WEIGHT)
    assert torch.allclose(refined(posterior, log_prob, 400), best, atol=1e-3)
    few = refined(posterior, log_prob, 8)
    assert (log_prob(few) > log_prob(posterior.mean)).all()


def test_rows_are_refined_on_their_own(posterior):
    alone = DiagonalGaussian(posterior.mean[2:3], posterior.log_std[2:3])
    assert torch.allclose(refined(posterior, log_prob, 8)[2:3], refined(alone, log_prob, 8))


def test_no_steps_give_the_mean(posterior):
    assert torch.equal(refined(posterior, log_prob, 0), posterior.mean)
    empty = DiagonalGaussian(posterior.mean[:0], posterior.log_std[:0])
    assert refined(empty, log_prob, 3).shape == (0, 3)


def test_inference_mode_makes_no_difference(posterior):
    expected = refined(posterior, log_prob, 8)
    with torch.inference_mode():
        inside = DiagonalGaussian(posterior.mean.clone(), posterior.log_std.clone())
        assert torch.equal(refined(inside, log_prob, 8), expected)
