"""Images of a Gaussian random field, whose density and denoiser are known exactly."""

import math
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator, nn
from torch.distributions import MultivariateNormal

from sciencegen.batch import Batch
from sciencegen.diffusion.images import ImageDiffusionSettings, image_diffusion
from sciencegen.diffusion.likelihood import hutchinson_divergence
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.process import alpha, convert, sigma
from sciencegen.diffusion.schedules import Linear
from sciencegen.diffusion.state import Euclidean, Field, State
from sciencegen.diffusion.vectors import DiffusionPrior, VectorDiffusionSettings
from sciencegen.networks.descent import DescentSettings, descend
from sciencegen.networks.pixels import ConditionKinds, turned
from sciencegen.networks.pyramid import PyramidSettings
from sciencegen.networks.unet import UNetSettings
from sciencegen.vae.image_vae import ImageVAE, ImageVAESettings
from tests.blobs import KINDS, Blobs

IMAGES = State({"image": Field(Euclidean(), positions=0)})


@dataclass(frozen=True)
class RandomField:
    """On a torus, of spectrum exp(-(length k)^2 / 2) + floor and variance 1 in each pixel; length 0: white."""

    side: int
    length: float = 1.5
    floor: float = 0.05

    def spectrum(self):
        k = 2 * math.pi * torch.fft.fftfreq(self.side)
        shape = torch.exp(-0.5 * self.length**2 * (k[:, None] ** 2 + k[None, :] ** 2)) + self.floor
        return shape / shape.mean()

    def filtered(self, image, gain):
        return torch.fft.ifft2(torch.fft.fft2(image) * gain).real

    def draw(self, count, generator):
        white = torch.randn(count, 1, self.side, self.side, generator=generator)
        return Batch({"image": self.filtered(white, self.spectrum().sqrt())})

    def denoise(self, z, log_snr, condition=None, mask=None):
        """E[x | z] = alpha S / (alpha^2 S + sigma^2) z, wave by wave."""
        a, s = (one(log_snr)[:, None, None, None] for one in (alpha, sigma))
        spectrum = self.spectrum()
        return {"image": self.filtered(z["image"], a * spectrum / (a.square() * spectrum + s.square()))}

    def log_prob(self, image):
        size = self.side**2
        rows = self.filtered(torch.eye(size).reshape(size, self.side, self.side), self.spectrum()).flatten(1)
        return MultivariateNormal(torch.zeros(size), 0.5 * (rows + rows.T)).log_prob(image.flatten(1))


class Exact(nn.Module):
    def __init__(self, data):
        super().__init__()
        self.data, self.weight = data, nn.Parameter(torch.zeros(()))

    def forward(self, z, log_snr, condition, mask):
        return convert(IMAGES, self.data.denoise(z, log_snr), Batch(z), log_snr, "x", "v")


def exact_model(data):
    shape = (1, data.side, data.side)
    return DiffusionModel(Exact(data), IMAGES, Linear(9.0, -9.0), {"image": shape}, DiffusionSettings(flow_steps=20))


def test_the_bound_is_the_density_at_the_exact_denoiser(generator):
    data = RandomField(8)
    model, batch = exact_model(data), data.draw(100, generator).repeat_interleave(40)
    exact = -data.log_prob(batch["image"]) / math.log(2) / 64
    gap = model.terms(batch).bits_per_dimension(IMAGES.dimensions(batch)) - exact
    print("bits per dimension", float(exact.mean()), "above by", float(gap.mean()))
    assert abs(gap.mean()) < 0.08  # of one time each it strays by 7


def test_the_flow_carries_the_density_of_images(generator):
    data = RandomField(6)
    model, batch = exact_model(data), data.draw(5, generator)
    exact = data.log_prob(batch["image"])
    torch.testing.assert_close(model.log_prob(batch), exact, rtol=0, atol=0.05)
    estimates = [model.log_prob(batch, hutchinson_divergence(IMAGES, batch, generator)) for _ in range(4)]
    assert abs((torch.stack(estimates) - exact).mean()) < 2


@pytest.mark.parametrize(("step", "excess"), [(0.05, 0.0), (2.0, 0.264)])
def test_bits_of_quantized_pixels_lie_above_their_information(step, excess, generator):
    """White noise of deviation 1: the probability of a bin is known, and what spreading it over a coarse one costs,
    log2 step + E[-log2 N(spread; 0, 1)] - H(bin)."""
    data = RandomField(8, 0.0, 0.0)
    bins = (data.draw(300, generator)["image"] / step).round()
    edges = torch.special.ndtr(torch.stack([bins - 0.5, bins + 0.5]) * step)
    exact = -(edges[1] - edges[0]).log2().mean()
    many = bins.repeat_interleave(30, 0)
    spread = Batch({"image": (many + torch.rand(many.shape, generator=generator) - 0.5) * step})
    bound = exact_model(data).terms(spread).bits_per_dimension(IMAGES.dimensions(spread), step).mean()
    print("step", step, "bits", float(exact), "above by", float(bound - exact))
    assert abs(bound - exact - excess) < 0.08


@pytest.mark.long
@pytest.mark.parametrize("symmetry", ["none", "d4"])
def test_a_trained_unet_comes_near_the_density_and_stays_above(symmetry, generator):
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    data = RandomField(16)
    unet = UNetSettings(symmetry, 6, (1, 2), known=16)
    settings = DiffusionSettings(weighting="elbo")
    model = image_diffusion((1, 16, 16), settings=ImageDiffusionSettings(unet, 8.0, -8.0, settings))
    held = data.draw(300, Generator().manual_seed(99))

    def excess():
        bound = model.terms(held).bits_per_dimension(IMAGES.dimensions(held))
        return float((bound + data.log_prob(held["image"]) / math.log(2) / 256).mean())

    before = excess()
    loss = lambda step: model.loss(data.draw(16, generator), step, generator)["loss"]  # noqa: E731
    descend(model.parameters(), loss, 80, DescentSettings(8e-3))
    print(symmetry, "bits per dimension above the exact", before, excess())
    assert 0 < excess() < 0.7 * before


def test_an_equivariant_model_turns_with_its_noise(generator):
    unet = UNetSettings("d4", 6, (1, 2), known=8)
    kinds = ConditionKinds((), ((0, 1),))
    settings = ImageDiffusionSettings(unet, diffusion=DiffusionSettings(steps=6, guidance=0.5))
    model = image_diffusion((1, 8, 8), kinds, {"psf": 1}, settings)
    for parameter in model.network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    noise, condition, psf = torch.randn(2, 64), torch.randn(2, 2), torch.rand(2, 5, 5)
    still = model.generate(noise, condition, like=Batch({"psf": psf}))["image"]
    for g in range(8):
        moved = turned(noise.unflatten(1, (1, 8, 8)), g).flatten(1)
        like = Batch({"psf": turned(psf, g)})
        found = model.generate(moved, kinds.turned(condition, g), like=like)["image"]
        torch.testing.assert_close(found, turned(still, g), rtol=0, atol=1e-10)


@pytest.mark.long
def test_a_diffusion_prior_sits_on_the_autoencoder_of_images(generator):
    """In the place of its flow prior, fitted to the same posteriors."""
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    pyramid = PyramidSettings(width=4, multipliers=(1, 2), known=16)
    prior = DiffusionPrior(4, 4, VectorDiffusionSettings(32, 2, DiffusionSettings(flow_steps=8)))
    settings = ImageVAESettings(code=4, pyramid=pyramid, latent_prior="diffusion")
    vae = ImageVAE((1, 16, 16), KINDS, settings, prior=prior)
    blobs = Blobs(noise=0.003)
    loss = lambda step: vae.loss(blobs.draw(16, generator), step, generator)["loss"]  # noqa: E731
    descend(vae.parameters(), loss, 10, DescentSettings(5e-3))
    batches = [blobs.draw(128, generator) for _ in range(4)]
    fit = vae.finish(batches, generator, steps=20, batch=64, map_steps=2)
    assert math.isfinite(fit.end)
    condition = batches[0].condition
    latent = vae.sample(torch.randn(5, vae.latent_size), condition[:5])
    assert vae.decode(latent, condition[:5])["image"].isfinite().all()
    code = vae.networks.infer(batches[0], None, None).latents[0]
    torch.testing.assert_close(vae.prior(vae.encode(batches[0])[:, :4]), code, rtol=0, atol=0.05)
    assert vae.terms(batches[0].select(slice(0, 3))).elbo.isfinite().all()


def test_by_default_a_draw_takes_32_evaluations_of_the_network(generator):
    model = image_diffusion((1, 8, 8), settings=ImageDiffusionSettings(UNetSettings("none", 6, (1, 2), known=8)))
    levels = []
    model.network.register_forward_pre_hook(lambda _, inputs: levels.append(inputs[1][0]))
    model.generate(torch.randn(2, 64, generator=generator))
    assert len(levels) == 32


def test_settings_are_a_record_that_distillation_can_change():
    settings = ImageDiffusionSettings()
    assert replace(settings, diffusion=replace(settings.diffusion, steps=4)).diffusion.steps == 4
