"""VAEs of observed images: bounds and draws of blobs, the instrument, and samples of the posterior of one image."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch import Generator, nn
from torch.distributions import MultivariateNormal

from sciencegen.batch import Batch
from sciencegen.data.observation import correlated_noise
from sciencegen.diffusion.vectors import DiffusionPrior, VectorDiffusionSettings
from sciencegen.errors import ConfigError, ShapeError, UnknownNameError
from sciencegen.networks import pixels
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import DescentSettings, descend
from sciencegen.networks.pixels import ConditionKinds, convolved, cropped, padded
from sciencegen.networks.pyramid import PyramidSettings
from sciencegen.vae import image_vae
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.image_networks import (
    FluxScale,
    Inference,
    Light,
    log_prob_observed,
    noise_power,
    observed,
    roughness,
    whitened,
)
from sciencegen.vae.image_vae import ImageVAE, ImageVAESettings, descended, posterior_samples
from sciencegen.vae.model import ConditionalVAE, VAEParts
from sciencegen.vae.posteriors import DiagonalGaussian
from sciencegen.vae.priors import StandardNormalPrior
from tests.blobs import KINDS, Blobs, gaussian_image, moments, with_noise

pytestmark = pytest.mark.long

# Blobs of known flux, size and shape, and images whose evidence is known.


SMALL = PyramidSettings(width=8, multipliers=(1, 2, 2), patch=2, known=64)
PLAIN = ImageVAESettings(
    code=6, pyramid=SMALL, flow_layers=2, flow_width=16, beta=Warmup(), misfit=0.02, dropout=ConditionDropout()
)


BLURRED = Blobs(noise=0.002)


def trained(model, blobs, steps, rate=3e-3, batch=32, seed=0):
    def loss(step):
        generator = Generator().manual_seed(1000 * seed + step)
        return model.loss(blobs.draw(batch, generator), step, generator)["loss"]

    descend(model.parameters(), loss, steps, DescentSettings(rate))
    model.eval()
    return model


# --- Evidence ---------------------------------------------------------------------------------------------------------


class OnePattern(nn.Module):
    """x = psf * (z pattern) + noise, z ~ N(0, 1): the exact posterior, or one that is too wide."""

    sizes = (1,)

    def __init__(self, spread=0.0):
        super().__init__()
        self.pattern, self.spread = 12 * gaussian_image(8, 2 * torch.eye(2)[None]), spread

    def blurred(self, batch):
        return convolved(self.pattern.expand(len(batch), 1, 8, 8), batch.fields.get("psf"))

    def infer(self, batch, condition, generator):
        seen, weight = self.blurred(batch).flatten(1), 1 / batch["variance"].expand(-1, 1, 8, 8).flatten(1)
        precision = 1 + (seen.square() * weight).sum(1, keepdim=True)
        mean = (seen * weight * batch["image"].flatten(1)).sum(1, keepdim=True) / precision
        posterior = DiagonalGaussian(mean, -0.5 * precision.log() + self.spread)
        code, _ = posterior.sample(generator)
        image = code[..., None, None] * self.pattern
        return Inference((posterior,), (code,), Light(image, image))

    def data(self, count, generator):
        variance = 0.05 + torch.rand(count, 1, 8, 8, generator=generator)
        width = 0.5 + torch.rand(count, generator=generator)
        psf = gaussian_image(5, width[:, None, None].square() * torch.eye(2))
        batch = Batch({"image": torch.zeros(count, 1, 8, 8), "psf": psf, "variance": variance})
        mean = torch.randn(count, 1, 1, 1, generator=generator) * self.blurred(batch)
        noise = variance.sqrt() * torch.randn(mean.shape, generator=generator)
        return Batch({**batch.fields, "image": mean + noise})

    def evidence(self, batch):
        column, variance = self.blurred(batch).flatten(1), batch["variance"].flatten(1)
        covariance = column[:, :, None] * column[:, None, :] + torch.diag_embed(variance)
        return MultivariateNormal(torch.zeros(64), covariance).log_prob(batch["image"].flatten(1))


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_the_bound_lies_below_the_evidence_and_meets_it_at_the_exact_posterior(double_precision, generator):
    model = ImageVAE((1, 8, 8), settings=replace(PLAIN, code=1, misfit=0.0, pyramid=replace(SMALL, multipliers=(1,))))
    model.prior, model.networks = StandardNormalPrior(1), OnePattern()
    batch = model.networks.data(50, generator)
    evidence = model.networks.evidence(batch)
    torch.testing.assert_close(model.bound(batch), evidence, rtol=0, atol=1e-9)
    with pytest.raises(ConfigError, match="1 or more importance samples, got 0"):
        model.bound(batch, 0)
    model.settings = replace(model.settings, misfit=0.1)
    assert (model.bound(batch) - evidence).abs().min() > 1e-3
    torch.testing.assert_close(model.bound(batch, misfit=0.0), evidence, rtol=0, atol=1e-9)
    model.networks, model.settings = OnePattern(0.5), replace(model.settings, misfit=0.0)
    wide = [float((evidence - model.bound(batch, count)).mean()) for count in (1, 400)]
    assert wide[0] > 0.1
    assert abs(wide[1]) < 0.01


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_the_bound_meets_the_evidence_under_a_diffusion_that_is_the_prior(double_precision, generator):
    """Before it is fitted, the diffusion is N(0, 1): up to its noisiest and least noisy levels and the ODE's steps."""
    settings = replace(PLAIN, code=1, misfit=0.0, pyramid=replace(SMALL, multipliers=(1,)), latent_prior="diffusion")
    prior = DiffusionPrior(1, 0, VectorDiffusionSettings(8, 1))
    model = ImageVAE((1, 8, 8), settings=settings, prior=prior)
    model.networks = OnePattern()
    batch = model.networks.data(50, generator)
    torch.testing.assert_close(model.bound(batch), model.networks.evidence(batch), rtol=0, atol=1e-3)
    with torch.inference_mode():
        torch.testing.assert_close(model.bound(batch), model.networks.evidence(batch), rtol=0, atol=1e-3)
    prior.standardize(torch.tensor([[-2.0], [2.0], [-2.0], [2.0]]))
    assert (model.bound(batch) - model.networks.evidence(batch)).abs().mean() > 0.1


def test_with_the_code_alone_it_is_the_plain_autoencoder(double_precision, generator):
    """The same parts in `ConditionalVAE` give the same bound and the same loss."""
    model = ImageVAE((1, 16, 16), KINDS, replace(PLAIN, symmetry="none"))
    nn.init.normal_(model.networks.writer.outward.weight, std=0.1)
    model.prior = StandardNormalPrior(6)

    class Encoder(nn.Module):
        def forward(self, batch):
            return model.networks.reader(model.networks.seen(batch))[-1].flatten(1)

    class Decoder(nn.Module):
        def forward(self, code, condition, batch):
            return observed(model.networks.image_of(code, [], condition), batch, 0.02)

    plain = ConditionalVAE(VAEParts(Encoder(), Decoder(), model.networks.posterior, model.prior), "image")
    batch = Blobs().draw(5, generator)
    pairs = (one.terms(batch, Generator().manual_seed(3)) for one in (model, plain))
    first, second = pairs
    torch.testing.assert_close(first.reconstruction, second.reconstruction)
    sampled = -first.kl + second.kl  # exact there, of one sample here
    assert sampled.abs().max() < 20
    torch.testing.assert_close(
        model.networks.infer(batch, batch.condition, generator).kl().sum(1), second.kl, rtol=1e-10, atol=1e-10
    )


def test_codes_far_from_all_others_do_not_ruin_a_bound(generator):
    torch.manual_seed(0)
    model, batch = ImageVAE((1, 16, 16), KINDS, PLAIN), Blobs().draw(5, generator)
    usual = model.terms(batch).elbo
    model.prior.log_prob = lambda code, condition: torch.full((len(code),), -1e9)
    assert (usual - model.terms(batch).elbo < 28 + 6 * 3).all()  # the weight in nats, and that of the width


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_a_trained_bound_is_of_the_data_that_it_was_trained_on(double_precision, generator):
    """E log p(x) of the true process is above that of any model: the bound lies below and comes near."""
    toy = OnePattern()
    settings = replace(PLAIN, code=1, misfit=0.0, positive=False, symmetry="none", beta=Warmup("linear", 80, 0.0))
    model = ImageVAE((1, 8, 8), None, settings, FluxScale(3.0))

    class Data:
        draw = staticmethod(toy.data)

    held = toy.data(400, generator)
    excess = lambda: (toy.evidence(held) - model.bound(held, 20)).mean()  # noqa: E731
    before = excess()
    trained(model, Data, 120)
    print("nats below the evidence", float(before), float(excess()))
    assert 0 < excess() < 0.8 * before


# --- Training ---------------------------------------------------------------------------------------------------------


def test_the_loss_is_a_function_of_seed_and_step(generator, monkeypatch):
    model = ImageVAE((1, 16, 16), KINDS, replace(PLAIN, beta=Warmup("linear", 10), dropout=ConditionDropout(0.5, 0.2)))
    nn.init.normal_(model.networks.posterior.head.output.weight)
    batch = Blobs().draw(6, generator)
    once, again = (model.loss(batch, 4, Generator().manual_seed(9)) for _ in range(2))
    assert once.keys() == {"loss", "reconstruction", "kl"}
    assert all(torch.equal(once[name], again[name]) for name in once)
    monkeypatch.setattr(image_vae, "roughness", lambda image: image.new_tensor([2.0, 4.0]))
    for smoothing, penalty in ((0.0, 0.0), (1.0, 3.0), (5.0, 15.0)):
        model.settings = replace(model.settings, smoothing=smoothing)
        loss = model.loss(batch, 4, Generator().manual_seed(9))["loss"].detach()
        torch.testing.assert_close(loss, once["reconstruction"] + 0.4 * once["kl"] + penalty)
    assert model.loss(batch, 4, Generator().manual_seed(10))["loss"] != once["loss"]
    assert model.loss(batch, 5, Generator().manual_seed(9))["loss"] != once["loss"]


def test_a_sharp_and_quiet_stamp_is_reconstructed(generator):
    """No psf, next to no noise: what was learned by heart comes back."""
    torch.manual_seed(0)
    settings = replace(PLAIN, beta=Warmup(end=0.1), misfit=0.05, symmetry="none")
    batch = Blobs(noise=1e-5, psf=False).draw(8, generator).with_condition(None)

    class Same:
        draw = staticmethod(lambda count, generator: batch)

    model = trained(ImageVAE((1, 16, 16), None, settings), Same, 200, 6e-3)
    back = model.decode(model.encode(batch))["image"]
    error = (back - batch["image"]).abs().sum((1, 2, 3)) / batch["image"].sum((1, 2, 3))
    print("relative error", error)
    assert error.max() < 0.2


@pytest.fixture(scope="module")
def blurred_model():
    torch.manual_seed(0)
    settings = replace(PLAIN, dropout=ConditionDropout(0.5, 0.2))
    model = trained(ImageVAE((1, 16, 16), KINDS, settings), BLURRED, 200, 6e-3)
    model.finish(
        [BLURRED.draw(256, Generator().manual_seed(50 + n)) for n in range(4)], Generator().manual_seed(5), 150
    )
    return model


def test_blur_and_noise_are_taken_off(blurred_model, generator):
    true, batch = BLURRED.true(64, generator), BLURRED.draw(64, Generator().manual_seed(0))
    back = blurred_model.decode(blurred_model.encode(batch))["image"]
    size = moments(back)[:, 1] - moments(true)[:, 1]
    seen = moments(batch["image"].clamp(min=0))[:, 1] - moments(true)[:, 1]
    print("log size off by", float(size.abs().median()), "as it is seen", float(seen.abs().median()))
    assert size.abs().median() < 0.75 * seen.abs().median()


def test_conditions_are_obeyed_and_what_is_measured_is_asked_for_again(blurred_model, generator):
    noise = torch.randn(200, blurred_model.latent_size, generator=generator)
    condition = torch.tensor([0.5, 2.5, 0.3, -0.2]).expand(200, 4)
    told = blurred_model.generate(noise, condition)["image"]
    blurred_model.measure = moments
    asked = blurred_model.generate(noise, condition)["image"]
    free = blurred_model.generate(noise, condition.masked_fill(torch.tensor([False, True, True, True]), torch.nan))
    blurred_model.measure = None
    misses = [(moments(made) - condition).abs().median(0).values for made in (told, asked)]
    print("missed by", misses)
    assert (misses[0] < 0.6).all()
    assert (misses[1] < 0.1).all()
    assert misses[1].mean() < 0.5 * misses[0].mean()
    free = moments(free["image"])
    assert (free[:, 0] - 0.5).abs().median() < 0.1
    print("spread of what is free", free[:, 1:].std(0))
    assert (free[:, 1:].std(0) > 3 * moments(asked)[:, 1:].std(0)).all()


def test_latents_are_of_their_sizes(blurred_model, generator):
    batch = Blobs().draw(4, generator)
    latent = blurred_model.encode(batch)
    assert latent.shape == (4, blurred_model.latent_size)
    assert blurred_model.terms(batch).elbo.isfinite().all()
    noise = torch.randn(4, blurred_model.latent_size)
    assert torch.equal(blurred_model.sample(noise)[:, PLAIN.code :], noise[:, PLAIN.code :])
    condition = batch.condition
    sizes = [PLAIN.code, KINDS.count]
    drawn, given = (one.split(sizes, 1)[0] for one in (blurred_model.sample(noise, condition), noise))
    torch.testing.assert_close(blurred_model.prior(drawn), blurred_model.prior(given, condition), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("side", [19, 20])
def test_images_of_any_side_are_padded_inside(side, generator):
    model = ImageVAE((1, side, side), KINDS, replace(PLAIN, pyramid=replace(SMALL, maps=(2,))))
    batch = Blobs(side).draw(4, generator)
    assert model.loss(batch, 0, generator)["loss"].isfinite()
    image = model.decode(model.encode(batch), batch.condition)["image"]
    assert image.shape == (4, 1, side, side)
    seen = model.networks.seen(batch)
    torch.testing.assert_close(cropped(padded(seen, model.networks.padded_side), side), seen)


def test_other_shapes_are_refused(generator):
    with pytest.raises(ConfigError, match=r"\[band y x\]"):
        ImageVAE((1, 16, 8), settings=PLAIN)
    with pytest.raises(ShapeError, match="'image' of shape"):
        ImageVAE((1, 16, 16), ConditionKinds(), PLAIN).encode(Blobs(8).draw(2, generator).with_condition(None))


def test_a_prior_of_codes_is_of_the_kind_that_the_settings_name():
    with pytest.raises(UnknownNameError, match=r"latent_prior 'difusion'.*diffusion"):
        replace(PLAIN, latent_prior="difusion")
    with pytest.raises(ConfigError, match="latent_prior 'diffusion'"):
        ImageVAE((1, 16, 16), settings=replace(PLAIN, latent_prior="diffusion"))
    with pytest.raises(ConfigError, match="got 'flow'"):
        ImageVAE((1, 16, 16), settings=PLAIN, prior=DiffusionPrior(6, 0))


in_doubles = pytest.mark.usefixtures("double_precision")


@in_doubles
@pytest.mark.parametrize(("side", "blur"), [(16, 5), (9, 15), (32, 1)])
def test_convolution_is_the_direct_sum(side, blur):
    image, psf = torch.randn(3, 2, side, side), torch.rand(3, blur, blur)
    found = convolved(image, psf)
    for item in range(3):
        for band in range(2):
            direct = convolve2d(image[item, band].numpy(), psf[item].numpy(), "same")
            expected = direct if blur <= side else convolve2d(image[item, band], psf[item], "full")[7:16, 7:16]
            np.testing.assert_allclose(found[item, band], expected, atol=1e-12)


@in_doubles
def test_flux_stays_and_nothing_blurs_nothing():
    image = torch.zeros(2, 1, 16, 16)
    image[:, :, 6:10, 6:10] = torch.rand(2, 1, 4, 4)
    psf = gaussian_image(9, torch.eye(2).expand(2, 2, 2))
    torch.testing.assert_close(convolved(image, psf).sum((-2, -1)), image.sum((-2, -1)))
    assert convolved(image, None) is image
    psf[1] = 0.0
    blurred = convolved(image, psf)
    torch.testing.assert_close(blurred[1], image[1])
    assert not torch.allclose(blurred[0], image[0])
    each = psf[:, None].expand(-1, 2, -1, -1)
    torch.testing.assert_close(convolved(image.expand(-1, 2, -1, -1), each)[:, 1:], blurred)
    with pytest.raises(ShapeError, match="odd"):
        convolved(image, torch.ones(2, 4, 4))


@in_doubles
def test_smooth_profiles_aren_t_rough_and_an_alternation_is_most():
    x = torch.arange(8.0).expand(1, 1, 8, 8)
    profile, alternation = torch.exp(0.3 * x + 0.2 * x.mT - 0.1 * (x - 3) ** 2), torch.exp(0.1 * (-1) ** x)
    torch.testing.assert_close(roughness(profile), torch.zeros(1), atol=1e-12, rtol=0)
    torch.testing.assert_close(roughness(alternation), torch.tensor([0.5 * 8 * 4 * 0.1**2]))
    assert roughness(torch.zeros(2, 1, 8, 8)).tolist() == [0, 0]
    for power in (20, 78, 80, 81, 90):  # of pixels that are dark beside the others
        logits = torch.where(x > 3, -float(power), 0.0).float().requires_grad_()
        roughness(logits.flatten().softmax(0).view(1, 1, 8, 8)).sum().backward()
        assert logits.grad.isfinite().all()


@in_doubles
def test_noise_has_its_variance_and_a_misfit_adds_to_it(generator):
    image, variance = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    like = Batch({"image": image, "variance": variance, "psf": torch.rand(1, 3, 3)})
    many = like.map(lambda value: value.expand(20000, *value.shape[1:]))
    drawn = with_noise(many["image"], many, generator)
    torch.testing.assert_close(drawn.var(0), variance[0], rtol=0.1, atol=1e-3)
    exact, lenient = observed(image, like), observed(image, like, 0.1)
    torch.testing.assert_close((2 * exact.log_std).exp(), variance)
    peak = image.amax()
    granted = (2 * lenient.log_std).exp() - variance
    torch.testing.assert_close(granted, 0.01 * peak * (image + 1e-4 * peak))
    silent = Batch({**like.fields, "variance": torch.zeros(1, 1, 1, 1)})
    assert observed(image, silent, 0.1).log_prob(exact.mean).isfinite().all()


@in_doubles
def test_correlated_noise_has_its_gaussian_density():
    """Of images of 6 x 6 pixels, by the covariance matrix of periodic noise; an image without noise stays white."""
    side, generator = 6, torch.Generator().manual_seed(0)
    correlation = torch.tensor([[[0.05, 0.1, 0.05], [0.2, 1.0, 0.2], [0.05, 0.1, 0.05]]])
    power = noise_power(correlation, side)
    rows = torch.fft.ifft2(power[0]).real
    pixels = [(y, x) for y in range(side) for x in range(side)]
    covariance = torch.tensor([[rows[(a - c) % side, (b - d) % side] for c, d in pixels] for a, b in pixels])
    assert covariance[0, 0] == pytest.approx(1)
    assert covariance[0, 1] == pytest.approx(covariance[0, side]) == pytest.approx(0.15)

    images = torch.randn(2, 1, side, side, generator=generator)
    like = Batch({"image": images, "variance": torch.full((2, 1, 1, 1), 4.0)})
    seen = observed(torch.zeros_like(images), like)
    found = log_prob_observed(seen, images, power, torch.tensor([True, False]))
    expected = MultivariateNormal(torch.zeros(side**2), 4 * covariance).log_prob(images[0].flatten())
    assert found[0] == pytest.approx(float(expected))
    assert found[1] == pytest.approx(float(seen.log_prob(images)[1]))
    with pytest.raises(ShapeError, match="offsets"):
        noise_power(torch.ones(1, 9, 9), 8)


@in_doubles
def test_whitened_noise_is_white():
    correlation = np.array([[[0.05, 0.1, 0.05], [0.2, 1.0, 0.2], [0.05, 0.1, 0.05]]])
    generator = np.random.default_rng(0)
    noise = torch.from_numpy(np.stack([correlated_noise(correlation, (48, 48), generator) for _ in range(20)]))
    white = whitened(noise, noise_power(torch.from_numpy(correlation), 48))
    assert white.var() == pytest.approx(1, abs=0.02)
    assert (white[..., 1:] * white[..., :-1]).mean() == pytest.approx(0, abs=0.06)
    assert (noise[..., 1:] * noise[..., :-1]).mean() == pytest.approx(0.2, abs=0.03)


# Samples of the posterior of one image: exact where the model is linear, and held by the truth of blobs.


BLOBS = Blobs(noise=0.02)
WITHOUT_CONDITIONS = replace(PLAIN, dropout=ConditionDropout(everything=1.0))
QUICK = {"steps": 10}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = ImageVAE((1, 16, 16), KINDS, WITHOUT_CONDITIONS, FluxScale(0.0, 1.0))
    fitted = trained(made, BLOBS, 80)
    generator = Generator().manual_seed(0)
    fitted.finish([BLOBS.draw(256, generator)], generator, steps=60, batch=128)
    return fitted


def one(batch: Batch, row: int) -> Batch:
    return Batch({name: field[row : row + 1] for name, field in batch.fields.items()})


def test_the_randomized_mode_of_a_linear_model_is_its_posterior():
    """x = A z + noise of variance 1: the posterior is N(C A'x, C), C = (I + A'A)^-1."""
    generator = Generator().manual_seed(0)
    design, data, count = torch.randn(6, 3, generator=generator), torch.randn(6, generator=generator), 4000
    noisy = data + torch.randn(count, 6, generator=generator)
    prior = torch.randn(count, 3, generator=generator)

    def energy(z):
        return 0.5 * (noisy - z @ design.T).square().sum() + 0.5 * (z - prior).square().sum()

    found = descended(energy, torch.zeros(count, 3), 200, 0.2)
    covariance = torch.linalg.inv(torch.eye(3) + design.T @ design)
    assert found.T.cov() == pytest.approx(covariance, abs=0.03)
    assert found.mean(0) == pytest.approx(covariance @ design.T @ data, abs=0.03)


def test_the_truth_lies_among_the_samples(model):
    """Of log flux, log size, e1 and e2 of 12 images of the model's prior: 90% are expected within the least and the
    greatest of 19 samples."""
    generator = Generator().manual_seed(7)
    with torch.no_grad():
        code = model.prior(torch.randn(12, 6, generator=generator))
        true = model.networks.image_of(code, [], None)
    like = BLOBS.draw(12, generator)
    seen = Batch({**like.fields, "image": with_noise(true, like, generator)})
    held = []
    for row in range(12):
        found = moments(posterior_samples(model, one(seen, row), 19, Generator().manual_seed(row)))
        numbers = moments(true[row : row + 1])
        held.append((found.amin(0) <= numbers) & (numbers <= found.amax(0)))
    assert torch.cat(held).float().mean() > 0.75


def test_samples_explain_the_image_and_differ(model):
    image = one(BLOBS.draw(1, Generator().manual_seed(3)), 0)
    model.zero_grad()
    samples = posterior_samples(model, image, 8, Generator().manual_seed(0), **QUICK)
    again = posterior_samples(model, image, 8, Generator().manual_seed(0), **QUICK)
    assert samples.shape == (8, 1, 16, 16)
    assert torch.equal(samples, again)
    assert samples.std(0).max() > 0
    assert not any(parameter.grad is not None for parameter in model.parameters())


def test_a_higher_temperature_widens(model):
    image = one(BLOBS.draw(1, Generator().manual_seed(3)), 0)
    samples = [posterior_samples(model, image, 19, Generator().manual_seed(0), one) for one in (1.0, 9.0)]
    narrow, wide = (moments(found)[:, 0].std() for found in samples)  # of log flux
    assert wide > 2 * narrow


def test_masked_pixels_do_not_count(model):
    image = one(BLOBS.draw(1, Generator().manual_seed(3)), 0)
    variance = image["variance"].expand(1, 1, 16, 16).clone()
    variance[..., :3] *= 1e4
    spoiled = image["image"].clone()
    spoiled[..., :3] += 0.5
    masked, spoiled = (Batch({**image.fields, "variance": variance, "image": x}) for x in (image["image"], spoiled))
    first, second = (
        posterior_samples(model, x, 8, Generator().manual_seed(0), **QUICK).mean(0) for x in (masked, spoiled)
    )
    assert (first - second).abs().max() < 0.2 * first.max()


class Linear(ImageVAE):
    """m(z) = A z, of 3 latents and 4 x 4 pixels."""

    sizes = (3, 0)

    def __init__(self, design, power):
        nn.Module.__init__(self)
        self.noise_power, self.settings = power, SimpleNamespace(misfit=0.0)
        self.networks = SimpleNamespace(image_of=lambda code, maps, _: (code @ design.T).unflatten(1, (1, 4, 4)))

    def prior(self, code):
        return code

    def encode(self, image):
        return torch.zeros(1, 3)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("correlated", [False, True])
def test_samples_of_a_linear_model_are_its_posterior(temperature, correlated, monkeypatch):
    """N(C A'K x / T, C), C = (I + A'K A / T)^-1, K: the inverse covariance of the noise. Samples are drawn in parts."""
    monkeypatch.setattr(pixels, "AT_ONCE", 700 * 16)
    generator = Generator().manual_seed(1)
    design = torch.randn(16, 3, generator=generator)
    power = noise_power(torch.tensor([[[0.0, 0.1, 0.0], [0.2, 1.0, 0.2], [0.0, 0.1, 0.0]]]), 4) if correlated else None
    x = torch.randn(1, 1, 4, 4, generator=generator)
    image = Batch({"image": x, "variance": torch.full((1, 1, 1, 1), 0.25)})
    found = posterior_samples(Linear(design, power), image, 2000, generator, temperature, steps=100)
    latents = torch.linalg.lstsq(design, found.flatten(1).T).solution.T
    white = whitened(torch.eye(16).unflatten(1, (1, 4, 4)), power).flatten(1)
    precision = white.T @ white / (0.25 * temperature)
    covariance = torch.linalg.inv(torch.eye(3) + design.T @ precision @ design)
    assert latents.T.cov() == pytest.approx(covariance, abs=0.15 * float(covariance.diagonal().max()))
    mean = covariance @ design.T @ precision @ x.flatten()
    assert latents.mean(0) == pytest.approx(mean, abs=0.15 * float(covariance.diagonal().max().sqrt()))
