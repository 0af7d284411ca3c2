"""Maps of latents on pixels, and elliptical profiles."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator, nn

from sciencegen.batch import Batch
from sciencegen.domains.galaxies.survey import Component, binned, draw_profile
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import DescentSettings, descend
from sciencegen.networks.pixels import turned
from sciencegen.networks.pyramid import LatentGrid, PyramidSettings
from sciencegen.vae import image_priors
from sciencegen.vae.bounds import Warmup
from sciencegen.vae.image_networks import SQUARES, Profiles, profile_images
from sciencegen.vae.image_vae import ImageVAE, ImageVAESettings
from sciencegen.vae.posteriors import DiagonalGaussian, standard_normal_kl
from tests.blobs import KINDS, Blobs

# Latent maps above the code: a hierarchy whose parts are stated relative to their priors.


PYRAMID = PyramidSettings(width=4, multipliers=(1, 2, 2), known=16, maps=(3, 2))
SETTINGS = ImageVAESettings(
    code=5, pyramid=PYRAMID, flow_layers=2, flow_width=16, beta=Warmup(), dropout=ConditionDropout()
)
SIZES = [5, 3 * 4 * 4, 2 * 8 * 8]


def stirred(settings=SETTINGS):
    """A model in which everything depends on everything."""
    torch.manual_seed(0)
    model = ImageVAE((1, 16, 16), KINDS, settings)
    for parameter in model.networks.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return model


def test_latents_are_the_code_and_then_the_maps(generator):
    model = stirred()
    assert (model.semantic_size, model.latent_size) == (5, sum(SIZES) + KINDS.count)
    batch = Blobs().draw(3, generator)
    assert model.encode(batch).shape == (3, sum(SIZES) + KINDS.count)
    found = model.networks.infer(batch, batch.condition, generator)
    assert [posterior.mean.shape[1] for posterior in found.posteriors] == SIZES
    again = model.networks.image_of(found.latents[0], found.latents[1:], batch.condition)
    torch.testing.assert_close(found.image, again)


def test_every_divergence_is_zero_or_more_and_zero_before_training(generator):
    fresh, batch = ImageVAE((1, 16, 16), KINDS, SETTINGS), Blobs().draw(4, generator)
    assert (fresh.networks.infer(batch, None, generator).kl()[:, 1:] == 0).all(), "a map starts as its prior"
    kl = stirred().networks.infer(batch, None, generator).kl()
    assert kl.shape == (4, 3)
    assert (kl > 0).all()


def test_the_divergence_of_u_is_that_of_z(double_precision, generator):
    """z = mean(h) + std(h) u is one to one, so KL(q(z) || p(z)) = KL(q(u) || N(0, I))."""
    layer, hidden = LatentGrid(4, 2), torch.randn(3, 4, 5, 5)
    nn.init.normal_(layer.prior.weight)
    mean, log_std = layer.prior(hidden).flatten(2).chunk(2, 1)
    prior = DiagonalGaussian(mean.flatten(1), (4 * torch.tanh(log_std / 4)).flatten(1))
    u = DiagonalGaussian(torch.randn(3, 50), 0.3 * torch.randn(3, 50))
    z = DiagonalGaussian(prior.mean + prior.log_std.exp() * u.mean, prior.log_std + u.log_std)
    torch.testing.assert_close(z.kl(prior), standard_normal_kl(u))


def test_the_bound_counts_every_map(double_precision, generator):
    """The one-sample divergence of its maps is on average the exact one; more samples tighten the bound."""
    model, batch = stirred(), Blobs(noise=0.1).draw(2, generator)
    found = model.networks.infer(batch.repeat_interleave(1000), None, generator)
    sampled, exact = found.log_ratio(), found.kl()[:, 1:].sum(1)
    assert abs((sampled - exact).mean()) < 4 * (sampled - exact).std() / 2000**0.5
    free = batch.with_condition(None)
    elbo, same = (
        model.terms(free, Generator().manual_seed(1)),
        model.networks.infer(free, None, generator.manual_seed(1)),
    )
    code = same.posteriors[0].log_prob(same.latents[0]) - model.prior.log_prob(same.latents[0])
    torch.testing.assert_close(elbo.kl, code + same.log_ratio())
    assert model.bound(free, 100).mean() > model.bound(free, 1).mean()


@pytest.mark.long
def test_maps_carry_what_a_small_code_cannot(generator):
    """Trained alike, two numbers and maps reconstruct better than two numbers alone."""
    blobs, errors = Blobs(noise=0.003, psf=False), []
    for maps in ((), (2,)):
        settings = replace(SETTINGS, code=2, pyramid=replace(PYRAMID, width=8, maps=maps), symmetry="none")
        torch.manual_seed(0)
        model = ImageVAE((1, 16, 16), None, replace(settings, beta=Warmup(end=0.3)))

        def loss(step, model=model):
            generator = Generator().manual_seed(step)
            return model.loss(blobs.draw(32, generator).with_condition(None), step, generator)["loss"]

        descend(model.parameters(), loss, 80, DescentSettings(6e-3))
        held = blobs.draw(100, Generator().manual_seed(999)).with_condition(None)
        errors.append(float(model.loss(held, 0, Generator().manual_seed(0))["reconstruction"]))
    print("reconstruction in nats, without maps and with", errors)
    assert errors[1] < errors[0] - 10


def test_more_maps_than_levels_are_refused():
    with pytest.raises(ConfigError, match="fewer latent maps than the 2 levels"):
        PyramidSettings(multipliers=(1, 2), maps=(1, 1))


# --- Texture ----------------------------------------------------------------------------------------------------------


def textured(**changes):
    torch.manual_seed(0)
    settings = replace(SETTINGS, **changes)
    settings = replace(settings, pyramid=replace(settings.pyramid, texture=1))
    return ImageVAE((1, 16, 16), settings=settings).eval()


def quiet_batches(count, generator):
    batch = Blobs().draw(count, generator)
    return [Batch({**batch.fields, "variance": torch.zeros_like(batch["variance"])})]


def test_the_noise_of_a_texture_is_a_further_map_without_posterior(generator):
    model = textured()
    (batch,) = quiet_batches(4, generator)
    found = model.networks.infer(batch, None, generator)
    assert model.networks.map_shapes[-1] == (1, 8, 8)
    assert found.kl().shape == (4, 3)  # of the code and of two maps: a texture is counted nowhere
    assert not found.latents[-1].any()
    assert not model.encode(batch)[:, -64:].any()
    model.networks.writer.texture.fitted.fill_(True)
    model.networks.writer.texture.last.weight.data.normal_()
    first, second = (model.generate(torch.randn(4, model.latent_size, generator=generator))["image"] for _ in range(2))
    assert not torch.equal(first, second)
    latent = model.encode(batch)
    rough = latent + torch.cat([torch.zeros(4, model.latent_size - 64), torch.randn(4, 64, generator=generator)], 1)
    assert not torch.allclose(model.decode(latent)["image"], model.decode(rough)["image"])


def test_a_texture_adds_nothing_to_the_loss_nor_to_the_figures(generator):
    """Not even with free bits, of which each group has its own."""
    (batch,) = quiet_batches(4, generator)
    plain = replace(SETTINGS, free_bits=3.0, pyramid=replace(PYRAMID, maps=()))
    torch.manual_seed(0)
    without, rough = ImageVAE((1, 16, 16), settings=plain), textured(free_bits=3.0, pyramid=plain.pyramid)
    rough.load_state_dict(without.state_dict(), strict=False)
    first, second = (one.eval().loss(batch, 0, Generator().manual_seed(0)) for one in (without, rough))
    assert first == second
    assert set(second) == {"loss", "reconstruction", "kl"}


@pytest.mark.parametrize("fewest", [5, 9])
def test_a_texture_is_fitted_to_enough_images_without_noise(fewest, generator, monkeypatch):
    monkeypatch.setattr(image_priors, "FEWEST_MAPS", fewest)
    model, few = textured(), {"steps": 2, "map_steps": 4, "batch": 4}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    notes = model.finish(quiet_batches(8, generator), generator, **few).notes
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    networks = {name.removeprefix("networks.writer.") for name in changed if name.startswith("networks.")}
    assert ("texture.fitted" in networks) == ("texture.last.weight" in networks) == (fewest == 5)
    assert all(name.startswith("texture.") for name in networks)
    assert len(notes) == (fewest == 9)
    assert all("to 9 or more training images without noise, found 8: draws have none. Add" in one for one in notes)


def test_texture_in_the_light_is_that_of_the_decoder(generator):
    model = textured(profiles=1)
    texture = model.networks.writer.texture
    texture.fitted.fill_(True)
    texture.last.weight.data.normal_()
    (batch,) = quiet_batches(4, generator)
    with torch.no_grad():
        found = model.networks.infer(batch, None, None)
        noise = torch.randn(4, 1, 8, 8, generator=generator)
        code, *maps, _ = found.latents
        expected = model.networks.image_of(code, [*maps, noise.flatten(1)], None)
        made = found.light.textured(texture(found.above[-1], noise))
    torch.testing.assert_close(made, expected)
    assert not torch.allclose(made, found.image)
    torch.testing.assert_close(made.sum((-2, -1)), found.image.sum((-2, -1)))


# Profiles in the decoder: their images are those of GalSim, and what is smooth is left to them.


PROFILES_SETTINGS = ImageVAESettings(
    code=4, pyramid=PyramidSettings(width=4, multipliers=(1, 2), known=16), flow_layers=2, profiles=2
)


def image_of(x=0.0, y=0.0, radius=3.0, index=1.0, g1=0.0, g2=0.0, side=32):
    centre, size, steepness = torch.tensor([[x, y]]), torch.tensor([[radius]]).log(), torch.tensor([[index]])
    return profile_images(centre, size, steepness, torch.tensor([[[g1, g2]]]), side)[0, 0]


@pytest.mark.parametrize("side", [16, 64])
@pytest.mark.parametrize(
    ("radius", "index", "g1", "g2"),
    [(2.0, 1.0, 0.1, 0.2), (4.0, 1.0, 0.5, 0.3), (3.0, 0.6, -0.4, 0.0), (2.0, 4.0, 0.0, -0.2), (5.0, 5.0, 0.0, 0.0)],
)
def test_profiles_are_those_of_galsim_within_a_percent_of_the_light(radius, index, g1, g2, side):
    component = Component("disc", index, 0.1 * radius, g1, g2, 1.0)
    expected = binned(draw_profile(component, 0.1, side, np.array([0.3, -0.2]))[None])[0]
    made = image_of(0.3, -0.2, radius, index, g1, g2, side).numpy()
    assert np.abs(made - expected / expected.sum()).sum() < 0.01


@pytest.mark.parametrize("side", [2 * SQUARES[0][0], 16, 24, 25, 33])
def test_those_in_the_middle_have_the_symmetries_of_a_square_at_any_side(side):
    image = image_of(side=side, index=3.0)
    assert image.shape == (side, side)
    torch.testing.assert_close(image.sum(), torch.tensor(1.0))
    for element in range(8):
        torch.testing.assert_close(turned(image, element), image)


def test_an_ellipse_keeps_its_area_and_its_angle():
    across, along = image_of(radius=2.0, g1=-0.3), image_of(radius=2.0, g1=0.3)
    torch.testing.assert_close(across, along.T)
    at = torch.arange(32) - 15.5
    width, height = (along.sum(axis) @ at.square() - 1 / 12 for axis in (0, 1))  # a pixel's own variance
    assert ((width / height).sqrt() - 1.3 / 0.7).abs() < 0.01
    slanted = image_of(radius=2.0, g2=0.3)
    assert (slanted * at * at[:, None]).sum() > 1


def test_shares_add_up_and_differ_between_bands(generator):
    model = Profiles(3, 2, 16, 2)
    smooth, structure = model(torch.randn(5, 3))
    assert (structure < 0.01).all()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    smooth, structure = model(torch.randn(5, 3, generator=generator))
    torch.testing.assert_close(smooth.sum((-2, -1)) + structure, torch.ones(5, 2))
    assert not torch.allclose(structure[:, 0], structure[:, 1])


def test_gradients_are_finite_at_any_numbers():
    model = Profiles(1, 1, 16, 2)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=1.0)
    for size in (0.0, 1.0, 1e3, -1e3):
        inputs = torch.full((1, 1), size, requires_grad=True)
        (gradient,) = torch.autograd.grad(model(inputs)[0].square().sum(), inputs)
        assert gradient.isfinite().all()


def test_mixed_precision_leaves_profiles_as_they_are(generator):
    model = Profiles(3, 1, 16, 2)
    torch.nn.init.normal_(model.plain.weight)
    inputs = torch.randn(2, 3, generator=generator)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(inputs)[0]
    assert torch.equal(mixed, model(inputs)[0])


def test_what_they_leave_costs_what_the_settings_say(generator):
    torch.manual_seed(0)
    model = ImageVAE((1, 16, 16), settings=replace(PROFILES_SETTINGS, structure=Warmup("linear", 10, 100.0, 0.0)))
    batch = Blobs().draw(4, generator).with_condition(None)
    first, last = (model.loss(batch, step, Generator().manual_seed(0)) for step in (0, 10))
    assert 0 < first["structure"] < 0.1
    beta = model.settings.beta(10) - model.settings.beta(0)
    cost = first["loss"] - last["loss"] + beta * first["kl"]
    torch.testing.assert_close(cost, 100 * first["structure"], rtol=0, atol=1e-3)


def test_a_decoder_without_structure_is_symmetric():
    torch.manual_seed(0)
    model = ImageVAE((1, 16, 16), settings=PROFILES_SETTINGS).eval()
    torch.nn.init.normal_(model.networks.profiles.plain.weight, std=0.1)
    with torch.no_grad():
        model.networks.profiles.plain.bias[-3] = -50.0  # the structure's logit
        model.networks.profiles.plain.weight[:2] = 0.0  # the centre
        image = model.generate(torch.randn(3, model.latent_size))["image"]
    torch.testing.assert_close(turned(image, 2), image)


def test_images_of_both_signs_have_no_profiles():
    with pytest.raises(ConfigError, match="positive: false"):
        replace(PROFILES_SETTINGS, positive=False)
    with pytest.raises(ConfigError, match="profiles of 0 or more"):
        replace(PROFILES_SETTINGS, profiles=-1)
