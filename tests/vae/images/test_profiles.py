"""Profiles in the decoder: their images are those of GalSim, and what is smooth is left to them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator

from sciencegen.domains.galaxies.survey import Component, binned, draw_profile
from sciencegen.errors import ConfigError
from sciencegen.networks.pixels import turned
from sciencegen.networks.pyramid import PyramidSettings
from sciencegen.vae.image_networks import SQUARES, Profiles, profile_images
from sciencegen.vae.image_vae import ImageVAE, ImageVAESettings
from sciencegen.vae.warmup import Warmup
from tests.blobs import Blobs

SETTINGS = ImageVAESettings(
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
    model = ImageVAE((1, 16, 16), settings=replace(SETTINGS, structure=Warmup("linear", 10, 100.0, 0.0)))
    batch = Blobs().draw(4, generator).with_condition(None)
    first, last = (model.loss(batch, step, Generator().manual_seed(0)) for step in (0, 10))
    assert 0 < first["structure"] < 0.1
    beta = model.settings.beta(10) - model.settings.beta(0)
    cost = first["loss"] - last["loss"] + beta * first["kl"]
    torch.testing.assert_close(cost, 100 * first["structure"], rtol=0, atol=1e-3)


def test_a_decoder_without_structure_is_symmetric():
    torch.manual_seed(0)
    model = ImageVAE((1, 16, 16), settings=SETTINGS).eval()
    torch.nn.init.normal_(model.networks.profiles.plain.weight, std=0.1)
    with torch.no_grad():
        model.networks.profiles.plain.bias[-3] = -50.0  # the structure's logit
        model.networks.profiles.plain.weight[:2] = 0.0  # the centre
        image = model.generate(torch.randn(3, model.latent_size))["image"]
    torch.testing.assert_close(turned(image, 2), image)


def test_images_of_both_signs_have_no_profiles():
    with pytest.raises(ConfigError, match="positive: false"):
        replace(SETTINGS, positive=False)
    with pytest.raises(ConfigError, match="profiles of 0 or more"):
        replace(SETTINGS, profiles=-1)
