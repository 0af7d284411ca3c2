"""Laws of the VAE of arrays: a true bound, lossless latents, draws of the data's law, labels inferred from few."""

from dataclasses import replace

import pytest
import torch
from torch import Generator
from torch.distributions import MultivariateNormal

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae.array_columns import VALUES, LikelihoodColumn
from sciencegen.vae.array_vae import POSTERIOR_NAMES, PRIORS, ArrayVAE, ArrayVAESettings
from sciencegen.vae.bounds import Warmup
from tests.vae.test_posteriors import shaken

SMALL = ArrayVAESettings(
    latent=2, width=24, depth=1, components=16, beta=Warmup("linear", 150), flow_layers=2, flow_width=16
)
WEIGHT = torch.tensor([[1.0, 0.4], [0.0, 1.2], [-0.8, 0.5]])
STD = 0.5
"""x = WEIGHT z + 0.5 noise, z ~ N(0, I); the property is z_1."""
LAW = MultivariateNormal(torch.zeros(3), WEIGHT @ WEIGHT.T + STD**2 * torch.eye(3))


def draw(count, generator):
    z = torch.randn(count, 2, generator=generator)
    return Batch({VALUES: z @ WEIGHT.T + STD * torch.randn(count, 3, generator=generator)}, None, z[:, :1])


def made(properties=1, **settings):
    torch.manual_seed(0)
    return ArrayVAE(3, properties, replace(SMALL, **settings))


def trained(model, batches, steps=300, rate=1e-2):
    generator, optimizer = Generator().manual_seed(0), torch.optim.Adam(model.parameters(), rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        optimizer.zero_grad()
        model.loss(batches(generator), step, generator)["loss"].backward()
        optimizer.step()
        schedule.step()
    return model.eval()


@pytest.mark.parametrize("posterior", POSTERIOR_NAMES)
@pytest.mark.parametrize("prior", PRIORS)
def test_decoding_inverts_encoding_whatever_the_distributions(posterior, prior, generator):
    if prior == "vamp" and posterior != "gaussian":
        pytest.skip("refused")
    model = shaken(made(posterior=posterior, prior=prior), generator, 0.3)
    batch = draw(20, generator)
    model.loss(batch, 0, generator)["loss"].backward()
    latent = model.encode(batch)
    assert latent.shape == (20, model.latent_size)
    torch.testing.assert_close(model.decode(latent)[VALUES], batch[VALUES], atol=1e-5, rtol=1e-5)
    assert torch.equal(model.encode(batch.with_condition(None)), latent)


CASES = {
    "gaussian": {},
    "iaf": {"posterior": "iaf"},
    "importance weighted": {"bound": "importance_weighted", "samples": 5},
    "iaf, importance weighted": {"posterior": "iaf", "bound": "importance_weighted", "samples": 5},
    "vamp": {"prior": "vamp"},
    "hamiltonian": {"posterior": "hamiltonian", "leapfrog_steps": 2},
    "ladder": {"layers": (2, 1)},
    "full covariance, direct": {"posterior": "full_covariance", "direct": True},
}


EVERY_RUN = ("gaussian",)
COVERED = ("iaf", "importance weighted", "hamiltonian")
"""Slow tests: one case has the first two together, and `tests/vae/test_posteriors.py` tests the third's bound."""


def marks(case):
    return () if case in EVERY_RUN else pytest.mark.slow if case in COVERED else pytest.mark.long


@pytest.mark.parametrize("case", [pytest.param(one, marks=marks(one)) for one in CASES])
@pytest.mark.long
def test_the_bound_nears_the_evidence_and_draws_have_the_datas_law(case):
    model = trained(made(0, **CASES[case]), lambda g: draw(128, g).with_condition(None))
    generator = Generator().manual_seed(1)
    batches = [draw(2000, generator).with_condition(None) for _ in range(2)]
    model.finish(batches, generator, steps=150)
    fresh = draw(4000, generator).with_condition(None)
    evidence = LAW.log_prob(fresh[VALUES]).mean().item()
    bound = model.terms(fresh).elbo.mean().item()
    print(case, "bound", bound, "evidence", evidence)
    assert evidence - 0.1 < bound < evidence + 0.02
    drawn = model.generate(torch.randn(20_000, model.latent_size, generator=generator))[VALUES]
    torch.testing.assert_close(drawn.T.cov(), LAW.covariance_matrix, atol=0.2, rtol=0.1)


@pytest.mark.long
@pytest.mark.parametrize("prior", ["standard_normal", "conditional"])
def test_draws_under_a_condition_have_the_conditional_law(prior):
    model = trained(made(prior=prior), lambda g: draw(128, g), 300)
    generator = Generator().manual_seed(1)
    model.finish([draw(4000, generator)], generator, steps=150)
    noise = torch.randn(10_000, model.latent_size, generator=generator)
    for value in (-1.0, 1.5):
        drawn = model.generate(noise, torch.full((10_000, 1), value))[VALUES]
        torch.testing.assert_close(drawn.mean(0), value * WEIGHT[:, 0], atol=0.15, rtol=0)
        expected = torch.outer(WEIGHT[:, 1], WEIGHT[:, 1]) + STD**2 * torch.eye(3)
        torch.testing.assert_close(drawn.T.cov(), expected, atol=0.25, rtol=0.1)


def test_a_product_is_the_exact_posterior_of_a_linear_decoder(generator):
    model = made(properties=0, posterior="product", depth=0, flow_layers=0, noise=STD)
    posterior, decoder = model.vae.posterior, model.vae.decoder.network
    with torch.no_grad():
        posterior.loadings.copy_(WEIGHT)
        posterior.log_precision.fill_(-2 * torch.tensor(STD).log())
        decoder.output.weight.copy_(WEIGHT)
        decoder.output.bias.zero_()
    values, mask = draw(6, generator)[VALUES], torch.tensor([True, False, True]).expand(6, 3)
    seen = [0, 2]
    law = MultivariateNormal(torch.zeros(2), LAW.covariance_matrix[seen][:, seen])
    found = model.bound(Batch({VALUES: values}, mask), generator=generator)
    torch.testing.assert_close(found, law.log_prob(values[:, seen]), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("posterior", ["gaussian", "iaf", "full_covariance"])
def test_a_condition_may_enter_by_the_prior_alone(posterior, generator):
    model = shaken(made(prior="conditional", decoder_condition=False, posterior=posterior), generator, 0.3)
    batch, other = draw(20, generator), draw(20, generator).condition
    latent = model.encode(batch)
    assert torch.equal(model.decode(latent, other)[VALUES], model.decode(latent)[VALUES])
    assert torch.equal(model.vae.encode(batch), model.vae.encode(batch.with_condition(other)))
    sources = model.inferred(latent)["sources"]
    torch.testing.assert_close(sources, model.vae.encode(batch.with_condition(None)), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(model.vae.prior.log_prob(sources, batch.condition), model.vae.prior.log_prob(sources))
    assert "sources" not in made(prior="conditional").inferred(latent)


def test_the_conditional_prior_alone_is_trained_with_whole_conditions(generator):
    """With dropout, the prior would also be fitted to the mixture over all conditions."""
    model = made(prior="conditional", decoder_condition=False, dropout=ConditionDropout(everything=1.0))
    batch = draw(20, generator)
    model.vae.prior.network.output.weight.data += 1  # it starts at 0, which stops gradients before it
    model.loss(batch, 150, generator)["loss"].backward()
    first = next(model.vae.prior.network.parameters())
    assert first.grad[:, 0].abs().sum() > 0  # of the condition's value


def test_the_decoders_noise_may_be_fixed(generator):
    latent = torch.randn(5, 2, generator=generator)
    plain = shaken(made(noise=0.1), generator, 0.3).vae.decoder(latent, torch.zeros(5, 1))
    columns = [LikelihoodColumn("gaussian", noise=0.1)] * 3
    of_columns = shaken(ArrayVAE(3, 1, SMALL, columns), generator, 0.3).vae.decoder(latent, torch.zeros(5, 1))
    for likelihood in (plain, of_columns):
        spread = likelihood.from_noise(torch.ones(5, 3)) - likelihood.mode
        torch.testing.assert_close(spread, torch.full((5, 3), 0.1))


def few_labels(count, generator, known=0.1):
    batch = draw(count, generator)
    hidden = torch.rand(count, 1, generator=generator) > known
    return batch.with_condition(batch.condition.masked_fill(hidden, torch.nan))


@pytest.mark.slow
def test_labels_of_one_row_in_ten_are_spread_to_the_others():
    """E[z_1 | x] explains most of z_1; the head learns it from 100 labels and leaves known ones as they are."""
    data = few_labels(1000, Generator().manual_seed(3))
    dropout = ConditionDropout(everything=0.1)
    model = made(semi_supervised=True, label_weight=5.0, dropout=dropout)
    trained(model, lambda g: data.select(torch.randint(1000, (128,), generator=g)), 400)
    generator = Generator().manual_seed(1)
    fresh = draw(2000, generator)
    inferred = model.infer_condition(fresh.with_condition(torch.full((2000, 1), torch.nan)))
    error = (inferred - fresh.condition).square().mean().item()
    best = 1 - WEIGHT[:, 0] @ LAW.precision_matrix @ WEIGHT[:, 0]
    print("squared error", error, "of the exact posterior mean", best.item())
    assert error < best + 0.15
    known = ~data.condition.isnan()
    assert torch.equal(model.infer_condition(data)[known], data.condition[known])
    model.finish([data], generator, steps=200)
    drawn = model.generate(torch.randn(4000, model.latent_size, generator=generator), torch.full((4000, 1), 1.5))
    torch.testing.assert_close(drawn[VALUES].mean(0), 1.5 * WEIGHT[:, 0], atol=0.3, rtol=0)


def test_labels_that_are_classes_are_inferred_as_one_of_their_values():
    """Two classes of arrays, of which one label in ten is known."""
    generator = Generator().manual_seed(3)
    label = 2.0 * torch.randint(2, (1000, 1), generator=generator) - 1
    noise = torch.randn(1000, 3, generator=generator)
    data = Batch({VALUES: label * torch.tensor([1.2, -1.2, 1.2]) + 0.5 * noise}, None, label)
    hidden = torch.rand(1000, 1, generator=generator) > 0.1
    some = data.with_condition(label.masked_fill(hidden, torch.nan))
    model = made(semi_supervised=True, label_values=(-1.0, 1.0), dropout=ConditionDropout())
    trained(model, lambda g: some.select(torch.randint(1000, (128,), generator=g)), 150)
    inferred = model.infer_condition(some)
    assert torch.equal(inferred[~hidden], label[~hidden])
    assert set(inferred.unique().tolist()) == {-1.0, 1.0}
    assert (inferred == label).double().mean() > 0.95


def test_what_stands_at_a_missing_number_says_nothing(generator):
    model, batch = shaken(made(), generator, 0.3), draw(6, generator)
    mask = torch.ones(6, 3, dtype=torch.bool)
    mask[:, 1] = False
    other = batch[VALUES].clone()
    other[:, 1] = 7.0
    both = [Batch({VALUES: array}, mask, batch.condition) for array in (batch[VALUES], other)]
    assert torch.equal(*[model.encode(one) for one in both])
    first, second = (model.terms(one).elbo for one in both)
    assert torch.equal(first, second)
    back = model.decode(model.encode(both[0]))[VALUES]
    torch.testing.assert_close(back[:, [0, 2]], batch[VALUES][:, [0, 2]], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("given", "expected"), [({}, 9), ({"trained": 4}, 4), ({"trained": 40}, 9), ({"steps": 2}, 2)])
def test_the_flow_is_fitted_for_no_more_steps_than_the_model(given, expected, generator):
    seen = []
    made(prior_steps=9).finish(
        [draw(64, generator)], generator, progress=lambda name, step, steps, loss: seen.append(steps), **given
    )
    assert seen == [expected] * expected


WRONG = {
    "prior_steps of 1 or more": {"prior_steps": 0},
    "posterior": {"posterior": "flow"},
    "prior": {"prior": "vamps"},
    "bound": {"bound": "iwae"},
    "posterior 'gaussian' with prior 'vamp'": {"prior": "vamp", "posterior": "iaf"},
    "latent, width and components": {"latent": 0},
    "'standard_normal' with `layers`": {"layers": (2, 2), "posterior": "iaf"},
    "layers of size 1 or more": {"layers": (2, 0)},
    "1 or more leapfrog_steps": {"leapfrog_steps": 0},
    "semi_supervised with label_values": {"label_values": (0.0, 1.0)},
    "no semi_supervised and no prior 'vamp' with direct": {"direct": True, "semi_supervised": True},
    "noise from 0 to 1": {"noise": -0.1},
    "'conditional_scale' where the decoder doesn't read": {"decoder_condition": False},
    "set one or the other": {"bound": "importance_weighted", "free_bits": 0.1},
}


@pytest.mark.parametrize("message", WRONG)
def test_impossible_settings_are_refused(message):
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **WRONG[message])


def test_there_must_be_something_to_infer():
    with pytest.raises(ConfigError, match="Expected a property to infer"):
        ArrayVAE(3, 0, replace(SMALL, semi_supervised=True))
    with pytest.raises(ConfigError, match="Train with semi_supervised"):
        made().infer_condition(Batch({VALUES: torch.zeros(1, 3)}))


def test_a_scale_that_depends_on_the_condition_needs_one():
    with pytest.raises(ConfigError, match="Expected a condition with prior 'conditional_scale'"):
        made(properties=0, prior="conditional_scale")


@pytest.mark.parametrize(("count", "stride"), [(3, 1), (4, 1), (5, 2), (8, 2), (9, 4), (40, 16)])
def test_many_batches_are_thinned(monkeypatch, count, stride):
    """Of more than four batches every second one is left, again and again."""
    monkeypatch.setattr("sciencegen.vae.array_vae.MOST_BATCHES", 4)
    model, generator = made(0).eval(), Generator().manual_seed(0)
    batches = [draw(5, generator).with_condition(None) for _ in range(count)]
    latents, _, _ = model._posteriors(iter(batches), generator)
    assert len(latents) == 5 * -(-count // stride) <= 5 * 4
    expected, _, _ = model._posteriors(batches[::stride], generator)
    assert torch.equal(latents, expected)
