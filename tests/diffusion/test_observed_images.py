"""Images with noise of a known variance, seen through a psf: what is known of them, and that all of it turns."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Generator, nn

from sciencegen.batch import Batch
from sciencegen.diffusion.distillation import Distillation
from sciencegen.diffusion.images import ImageDiffusionSettings, ObservedImageDiffusion, image_diffusion, psf_channels
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.objectives import DiffusionBound
from sciencegen.diffusion.process import alpha, convert, sigma
from sciencegen.diffusion.schedules import Linear
from sciencegen.diffusion.state import Euclidean, Field, State
from sciencegen.diffusion.steering import SteeredModel, Steering
from sciencegen.errors import ConfigError, DataError, ShapeError
from sciencegen.networks.pixels import turned
from sciencegen.networks.unet import UNetSettings
from tests.blobs import KINDS, Blobs, gaussian_image

IMAGES = State({"image": Field(Euclidean(), positions=0)})
BLOBS = Blobs(8, noise=0.02)


def seen(count=3, noise=0.02):
    widths = torch.linspace(0.8, 1.2, count)
    psf = gaussian_image(7, widths[:, None, None].square() * torch.diag(torch.tensor([1.3, 0.8])))
    return Batch({"psf": psf, "variance": torch.full((count, 1, 1, 1), noise**2)})


def model(symmetry="d4", side=8, **settings):
    """Small, and no longer the zero function."""
    torch.manual_seed(0)
    chosen = DiffusionSettings(**{"steps": 6, "flow_steps": 24, **settings})
    sizes = ImageDiffusionSettings(UNetSettings(symmetry, 6, (1, 2), known=8), 9.0, -9.0, chosen)
    made = image_diffusion((1, side, side), KINDS, {"psf": 1, "noise": 1}, sizes)
    for parameter in made.network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return ObservedImageDiffusion(made, seen(), 16)


class NoiseAlone(nn.Module):
    """The exact denoiser of asinh(n), n standard normal in each pixel, by quadrature."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, z, log_snr, condition, mask):
        values = torch.linspace(-2.6, 2.6, 401)
        pixels = torch.sinh(values)
        log_prior = -0.5 * pixels.square() + values.cosh().log()
        a, s = (one(log_snr)[:, None, None] for one in (alpha, sigma))
        misfit = (z["image"].flatten(1)[..., None] - a * values) / s
        share = (log_prior - 0.5 * misfit.square()).softmax(-1)
        estimate = (share * values).sum(-1).reshape(z["image"].shape)
        return convert(IMAGES, {"image": estimate}, Batch(z), log_snr, "x", "v")


@pytest.mark.parametrize("unit", [1.0, 37.0])
def test_noise_alone_costs_its_entropy(unit, generator):
    """log2(16 sqrt(2 pi e)) bits a pixel in steps of sigma / 16, whatever the unit."""
    diffusion = DiffusionModel(NoiseAlone(), IMAGES, Linear(7.0, -9.0), {"image": (1, 4, 4)})
    exact = ObservedImageDiffusion(diffusion, seen(), 16)
    count, step = 1500, unit / 16
    image = (torch.randn(count, 1, 4, 4, generator=generator) * 16).round() * step
    given = {"psf": torch.zeros(count, 1, 1), "variance": torch.full((count, 1, 1, 1), unit**2)}
    bits = exact.bits_per_pixel(Batch({"image": image, **given}), generator)
    print("bits", float(bits.mean()), "entropy", exact.noise_bits)
    assert exact.noise_bits == pytest.approx(math.log2(16 * math.sqrt(2 * math.pi * math.e)))
    assert bits.mean() == pytest.approx(exact.noise_bits, abs=0.06)


def test_the_density_is_one_of_the_images_own_unit(generator):
    """Ten times the image in ten times the noise: the density of 64 pixels falls by 10^64, the bits stay."""
    one, batch = model(), BLOBS.draw(5, generator)
    other = Batch(
        {**batch.fields, "image": 10 * batch["image"], "variance": 100 * batch["variance"]}, None, batch.condition
    )
    one.log_sigma = 0.0
    ten = replace_sigma(one, math.log(10))
    first, second = (m.terms(b, Generator().manual_seed(1)).nats for m, b in ((one, batch), (ten, other)))
    torch.testing.assert_close(second - first, torch.full((5,), 64 * math.log(10)), rtol=0, atol=1e-6)
    first, second = (m.bits_per_pixel(b, Generator().manual_seed(1)) for m, b in ((one, batch), (ten, other)))
    torch.testing.assert_close(first, second)
    assert isinstance(one.terms(batch), DiffusionBound)


def replace_sigma(one, log_sigma):
    """The same network, told of noise beside another reference."""
    other = ObservedImageDiffusion(one.diffusion, seen(), one.steps_per_sigma)
    other.log_sigma = log_sigma
    return other


def test_only_images_with_less_noise_than_the_least_get_more(generator):
    one, batch = model(), BLOBS.draw(2, generator)
    other = ObservedImageDiffusion(one.diffusion, seen(), 16, torch.full((1, 1, 1), 0.01**2))
    first, second = (m.embed(batch, Generator().manual_seed(1)) for m in (one, other))
    torch.testing.assert_close(first["image"], second["image"], rtol=0, atol=0)
    free = Batch({**batch.fields, "variance": torch.zeros_like(batch["variance"])})
    with pytest.raises(DataError, match="above 0"):
        one.embed(free)
    drawn = other.generate(torch.zeros(2, 65), like=free)
    torch.testing.assert_close(drawn["variance"], torch.full((2, 1, 1, 1), 0.01**2), check_dtype=False)


def test_a_variance_map_has_the_step_of_its_least_noise():
    one, batch = model(), BLOBS.draw(2, Generator().manual_seed(0))
    variance = batch["variance"].expand(-1, 1, 8, 8).clone()
    variance[:, :, 2:4] *= 9
    mapped = Batch({**batch.fields, "variance": variance})
    torch.testing.assert_close(one.step(mapped), one.step(batch))
    torch.testing.assert_close(one.step(batch), torch.full((2, 1, 1, 1), 0.02 / 16))
    assert one.bits_per_pixel(mapped).isfinite().all()


def test_draws_turn_with_their_noise_condition_and_psf(generator):
    one = model(guidance=0.5)
    noise, condition, like = torch.randn(3, 65), torch.randn(3, 4), seen()
    still = one.generate(noise, condition, like=like)["image"]
    for g in range(8):
        moved = torch.cat([noise[:, :1], turned(noise[:, 1:].unflatten(1, (1, 8, 8)), g).flatten(1)], 1)
        other = Batch({**like.fields, "psf": turned(like["psf"], g)})
        found = one.generate(moved, KINDS.turned(condition, g), like=other)["image"]
        torch.testing.assert_close(found, turned(still, g), rtol=1e-9, atol=1e-12)
    elsewhere = one.generate(noise, condition, like=Batch({**like.fields, "psf": turned(like["psf"], 1)}))["image"]
    assert not torch.allclose(elsewhere, still), "a psf that is told"


@pytest.mark.long
def test_decode_gives_the_pixels_back_through_the_nearest_psf(generator):
    one, batch = model(), BLOBS.draw(4, generator)
    kept = seen()
    batch = Batch({"image": batch["image"], "psf": kept["psf"][[2, 0, 1, 2]], "variance": batch["variance"]})
    latent = one.encode(batch)
    back = one.decode(latent)
    torch.testing.assert_close(back["psf"], batch["psf"])
    torch.testing.assert_close(back["image"], batch["image"], rtol=0.01, atol=0.004)
    assert latent.shape == (4, one.latent_size)
    narrow = Batch({**batch.fields, "psf": torch.zeros(4, 1, 1), "variance": 1.1 * batch["variance"]})
    assert one.encode(narrow).isfinite().all()


def test_each_band_may_have_its_psf(generator):
    blur = torch.stack([seen()["psf"], seen()["psf"].mT], 1)
    kept = Batch({"psf": blur, "variance": torch.full((3, 2, 1, 1), 0.02**2)})
    sizes = ImageDiffusionSettings(UNetSettings("none", 6, (1, 2), known=8), 9.0, -9.0, DiffusionSettings(steps=6))
    made = image_diffusion((2, 8, 8), KINDS, {"psf": psf_channels(kept), "noise": 2}, sizes)
    one = ObservedImageDiffusion(made, kept, 16)
    assert (one.psf_channels, model().psf_channels) == (2, 1)
    batch = one.generate(torch.randn(3, one.latent_size, generator=generator))
    assert batch["psf"].shape[1] == 2
    other = Batch({**batch.fields, "psf": blur[:, 0]})  # one for all bands
    for each in (batch, other):
        assert one.loss(each, 0, generator)["loss"].isfinite()
        assert one.encode(each).shape == (3, one.latent_size)


def test_each_place_of_the_first_number_is_one_of_the_kept(generator):
    one = model()
    noise = torch.randn(400, 65, generator=generator)
    found = one.generate(noise)
    counts = [int((found["psf"] == psf).all((1, 2)).sum()) for psf in seen()["psf"]]
    assert sum(counts) == 400
    assert min(counts) > 100
    torch.testing.assert_close(one.sample(noise), noise)


def test_a_students_loss_is_of_stretched_images(generator):
    teacher, batch = model(sampler="ddim", steps=4), BLOBS.draw(6, generator)
    halving = Distillation(teacher, 2)
    loss = halving.loss(batch, 0, Generator().manual_seed(3))["loss"]
    loss.backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in halving.student.parameters())
    teacher.log_sigma, scaled = 0.0, {"image": 7 * batch["image"], "variance": 49 * batch["variance"]}
    with torch.no_grad():
        halving.student.log_sigma = teacher.log_sigma
        first = halving.loss(batch, 0, Generator().manual_seed(3))["loss"]
        halving.student.log_sigma = math.log(7)
        again = halving.loss(Batch({**batch.fields, **scaled}, None, batch.condition), 0, Generator().manual_seed(3))
    torch.testing.assert_close(again["loss"], first)


def test_noise_that_is_none_and_latents_of_another_size_are_refused():
    one, batch = model(), BLOBS.draw(2, Generator().manual_seed(0))
    with pytest.raises(DataError, match="variance above 0"):
        one.terms(Batch({**batch.fields, "variance": 0 * batch["variance"]}))
    with pytest.raises(ShapeError, match="batch 65"):
        one.decode(torch.zeros(2, 64))
    with pytest.raises(ConfigError, match="1 or more"):
        ObservedImageDiffusion(one.diffusion, seen(), 0)


def test_settings_of_drawing_can_be_changed():
    settings = ImageDiffusionSettings()
    assert replace(settings, diffusion=replace(settings.diffusion, guidance=1.0)).diffusion.guidance == 1


def test_steered_images_are_seen_as_their_first_particle_and_have_a_greater_reward(generator):
    images = model()
    noise = torch.randn(12 * 3, images.latent_size, generator=generator)
    reward = lambda x: 50 * x["image"].mean((1, 2, 3))  # noqa: E731
    steered = images.steered(noise, Steering(reward, 3))
    assert isinstance(images, SteeredModel)
    torch.testing.assert_close(steered["psf"], images.generate(noise[::3])["psf"])
    assert reward(steered).mean() > reward(images.generate(noise)).mean()
