import pytest
import torch
from torch import nn

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.conditions import ConditionDropout, condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.likelihoods import Gaussian
from sciencegen.vae.model import ConditionalVAE, VAEParts, VAESettings
from sciencegen.vae.posteriors import DiagonalGaussian, FlowPosterior, GaussianPosterior
from sciencegen.vae.priors import ConditionalGaussianPrior, StandardNormalPrior
from tests.vae.linear_gaussian import ORTHOGONAL, LinearDecoder

pytestmark = pytest.mark.usefixtures("double_precision")


class Field(nn.Module):
    """The encoder that hands x on."""

    def forward(self, batch: Batch) -> torch.Tensor:
        return batch["x"]


class ExactPosterior(nn.Module):
    """q = the exact posterior of ORTHOGONAL, or a wider one beside it."""

    latent_size = 2

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, features, condition):
        q = ORTHOGONAL.best_gaussian(features)
        return DiagonalGaussian(q.mean + self.shift, q.log_std + self.shift)


def exact_model(shift=0.0, **settings):
    parts = Field(), LinearDecoder(ORTHOGONAL), ExactPosterior(shift), StandardNormalPrior(2)
    return ConditionalVAE(VAEParts(*parts), "x", VAESettings(**settings))


@pytest.fixture
def batch(generator):
    return Batch({"x": ORTHOGONAL.data(40, generator)})


def test_the_bound_is_the_evidence_at_the_exact_posterior(batch):
    evidence = ORTHOGONAL.evidence(batch["x"])
    torch.testing.assert_close(exact_model().bound(batch, 1), evidence, rtol=0, atol=1e-10)
    torch.testing.assert_close(exact_model().bound(batch, 7), evidence, rtol=0, atol=1e-10)


def test_the_bound_lies_below_and_tightens_with_k(batch):
    evidence = ORTHOGONAL.evidence(batch["x"]).mean()
    bounds = [float(exact_model(0.4).bound(batch, k).mean() - evidence) for k in (1, 5, 50, 2000)]
    assert bounds == sorted(bounds)
    assert bounds[0] < -0.2
    assert abs(bounds[-1]) < 0.01
    terms = exact_model(0.4).terms(batch)
    assert terms.elbo.mean() < evidence - 0.2


def test_the_loss_is_the_negative_elbo_at_beta_one_and_follows_beta(batch, generator):
    terms = exact_model(0.4).loss(batch, 0, generator)
    torch.testing.assert_close(terms["loss"].detach(), terms["reconstruction"] + terms["kl"])
    torch.testing.assert_close(terms["bound"], -terms["loss"].detach())
    slow = exact_model(0.4, beta=Warmup("linear", 10)).loss(batch, 5, generator)
    torch.testing.assert_close(slow["loss"].detach(), slow["reconstruction"] + 0.5 * slow["kl"])
    assert slow["beta"] == 0.5


def test_free_bits_leave_the_posterior_alone_below_the_threshold(batch, generator):
    def gradient(free):
        head = GaussianPosterior(4, 2)
        prior = StandardNormalPrior(2)
        parts = VAEParts(Field(), LinearDecoder(ORTHOGONAL), head, prior)
        model = ConditionalVAE(parts, "x", VAESettings(free_bits=free))
        model.decoder.weight.data.zero_()  # the latent says nothing, so that only the KL has a gradient
        model.loss(batch, 0, generator)["loss"].backward()
        return max(float(p.grad.abs().max()) for p in head.parameters())

    assert gradient(1000.0) == 0.0
    assert gradient(0.0) > 1e-3


def test_importance_weighted_training_is_the_bound(batch, generator):
    terms = exact_model(0.4, importance_samples=8).loss(batch, 0, generator)
    assert -terms["loss"] > exact_model(0.4).terms(batch).elbo.mean()
    terms["loss"].backward()
    with pytest.raises(ConfigError, match="one or the other"):
        VAESettings(importance_samples=4, free_bits=0.1)


def test_the_gradient_of_importance_weighted_training_is_the_bounds_with_less_noise(generator):
    """The doubly reparameterized gradient of a shift from the exact posterior."""
    x = Batch({"x": ORTHOGONAL.data(200, generator)})
    model = exact_model(0.2, importance_samples=16)
    shift = model.posterior.shift = nn.Parameter(torch.full((2,), 0.2))

    def gradients(loss):
        found = []
        for seed in range(20):
            shift.grad = None
            loss(torch.Generator().manual_seed(seed)).backward()
            found.append(shift.grad.clone())
        return torch.stack(found)

    doubly = gradients(lambda g: model.loss(x, 0, g)["loss"])
    plain = gradients(lambda g: -model._importance_bound(x, x["x"], 16, ConditionDropout(), g)[0].mean())
    error = (plain.var(0) / 20).sqrt()
    assert ((doubly.mean(0) - plain.mean(0)).abs() < 4 * error).all()
    assert (doubly.std(0) < 0.5 * plain.std(0)).all()
    terms = model.loss(x, 0, generator)
    torch.testing.assert_close(-terms["loss"].detach(), terms["bound"])
    assert 1 < terms["effective_samples"] < 16


def test_latents_go_out_and_come_back(batch, generator):
    model = exact_model()
    latent = model.encode(batch)
    torch.testing.assert_close(latent, ORTHOGONAL.posterior_mean(batch["x"]))
    assert torch.equal(model.encode(batch), latent)
    torch.testing.assert_close(model.decode(latent)["x"], latent @ ORTHOGONAL.weight.T)
    noise = torch.randn(3, 2, generator=generator)
    assert torch.equal(model.sample(noise), noise)
    emitting = exact_model()
    emitting.emit = lambda likelihood, condition: Batch({"y": likelihood.mode + 1})
    torch.testing.assert_close(emitting.decode(latent)["y"], model.decode(latent)["x"] + 1)


def test_a_flow_posterior_gives_one_kl_group(batch, generator):
    parts = Field(), LinearDecoder(ORTHOGONAL), FlowPosterior(4, 2), StandardNormalPrior(2)
    terms = ConditionalVAE(VAEParts(*parts), "x", VAESettings(free_bits=1e6)).loss(batch, 0, generator)
    torch.testing.assert_close(terms["loss"].detach(), terms["reconstruction"] + 1e6)


def test_what_is_refused(batch):
    parts = VAEParts(Field(), LinearDecoder(ORTHOGONAL), GaussianPosterior(4, 3), StandardNormalPrior(2))
    with pytest.raises(ConfigError, match="one latent size, got 3 and 2"):
        ConditionalVAE(parts, "x")
    with pytest.raises(ShapeError, match=r"Expected latents \[batch 2\], got \[1, 5\]"):
        exact_model().decode(torch.zeros(1, 5))
    with pytest.raises(ConfigError, match="1 or more importance samples, got 0"):
        exact_model().bound(batch, 0)
    with pytest.raises(ShapeError, match="Expected values of shape"):
        exact_model().decoder(torch.zeros(2, 2), None, None).log_prob(torch.zeros(2, 9))


class ConditionalDecoder(nn.Module):
    """p(x | z, c), Gaussian, with a spread of its own."""

    def __init__(self, latent_size: int, properties: int, size: int) -> None:
        super().__init__()
        self.properties = properties
        self.network = MLP(latent_size + 2 * properties, size, 32, 1)
        self.log_std = nn.Parameter(torch.zeros(size))

    def forward(self, z, condition, batch):
        inputs = torch.cat([z, condition_features(condition, z, self.properties)], -1)
        return Gaussian(self.network(inputs), self.log_std)


def train(model, draw, steps, generator, rate=1e-2):
    optimizer = torch.optim.Adam(model.parameters(), rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        optimizer.zero_grad()
        model.loss(draw(), step, generator)["loss"].backward()
        optimizer.step()
        schedule.step()
    return model


@pytest.mark.long
def test_condition_dropout_makes_one_model_conditional_and_unconditional(generator):
    """x = (2 c, -c) + noise with c ~ N(0, 1): given c the mean moves, without it x has the marginal's covariance."""
    slope, std = torch.tensor([2.0, -1.0]), 0.3

    def draw():
        c = torch.randn(128, 1, generator=generator)
        return Batch({"x": c * slope + std * torch.randn(128, 2, generator=generator)}, condition=c)

    parts = MLPField(2), ConditionalDecoder(2, 1, 2), GaussianPosterior(32, 2, 1), ConditionalGaussianPrior(2, 1, 16)
    settings = VAESettings(dropout=ConditionDropout(everything=0.5))
    model = train(ConditionalVAE(VAEParts(*parts), "x", settings), draw, 500, generator)

    def sample(value):
        condition = torch.full((20_000, 1), value)
        z = model.sample(torch.randn(20_000, 2, generator=generator), condition)
        return model.decoder(z, condition, None).sample(generator)

    with torch.no_grad():
        free, asked = sample(torch.nan), sample(1.0)
    marginal = torch.outer(slope, slope) + std**2 * torch.eye(2)
    torch.testing.assert_close(free.mean(0), torch.zeros(2), rtol=0, atol=0.2)
    torch.testing.assert_close(free.T.cov(), marginal, rtol=0.15, atol=0.15)
    torch.testing.assert_close(asked.mean(0), slope, rtol=0, atol=0.15)
    assert (asked.std(0) < 0.45).all()


class MLPField(nn.Module):
    """Features of x."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.network = MLP(size, 32, 32, 1)

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.network(batch["x"])
