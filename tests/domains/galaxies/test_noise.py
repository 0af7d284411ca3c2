"""Correlated noise: measured on the sky of stamps, and drawn again."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from sciencegen.data.observation import correlated_noise
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies import representation as image_representation
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.measurements import noise_correlation, smoothness
from sciencegen.domains.galaxies.models import RECIPES
from sciencegen.networks.pyramid import PyramidSettings
from sciencegen.vae.image_vae import ImageVAESettings

KERNEL = np.array([[[0.0, 0.2, 0.0], [0.3, 1.0, 0.3], [0.0, 0.2, 0.0]]] * 2)
KERNEL[1, 0] = KERNEL[1, 2] = 0


def sky(seed: int, correlation: np.ndarray | None, mask: np.ndarray | None = None) -> Stamp:
    generator = np.random.default_rng(seed)
    white = generator.standard_normal((2, 32, 32))
    image = white if correlation is None else correlated_noise(correlation, (32, 32), generator)
    variance = np.array([4.0, 9.0], np.float32)
    stamp = Stamp((image * np.sqrt(variance)[:, None, None]).astype(np.float32), 0.2, None, variance, ("a", "b"))
    found = standardize(replace(stamp, mask=mask))
    assert isinstance(found, Stamp)
    return found


@pytest.fixture(scope="module")
def correlated() -> list[Stamp]:
    return [sky(seed, KERNEL) for seed in range(60)]


def middle(found: np.ndarray) -> np.ndarray:
    at = found.shape[-1] // 2
    return found[:, at - 1 : at + 2, at - 1 : at + 2]


def test_the_correlation_of_the_sky_is_found(correlated):
    assert middle(noise_correlation(correlated)) == pytest.approx(KERNEL, abs=0.03)


@pytest.mark.parametrize("count", [0, 1, 3, 10, 60])
def test_white_noise_has_none(count):
    assert noise_correlation([sky(seed, None) for seed in range(count)]) is None


def test_too_little_sky_tells_nothing(correlated):
    mask = np.ones((32, 32), bool)
    mask[0, :5] = False
    assert noise_correlation([replace(one, mask=mask) for one in correlated]) is None


def test_a_band_without_sky_is_white(correlated):
    flat = [replace(one, image=one.image * np.array([1, 0])[:, None, None]) for one in correlated]
    found = noise_correlation(flat)
    assert middle(found)[0] == pytest.approx(KERNEL[0], abs=0.03)
    assert found[1].sum() == 1


def test_scatter_of_far_offsets_is_left_out(correlated):
    found = noise_correlation(correlated)
    assert (found == 0).mean() > 0.8


def test_light_in_the_middle_and_compact_sources_do_not_count(correlated):
    away = np.arange(32) - 15.5
    galaxy = 200 * np.exp(-np.hypot(away, away[:, None]) / 1.5)
    spoiled = [replace(one, image=one.image + galaxy) for one in correlated]
    for number, one in enumerate(spoiled):
        one.image[:, 2, number % 28 : number % 28 + 2] += 300
    assert middle(noise_correlation(spoiled)) == pytest.approx(KERNEL, abs=0.15)


def test_sources_and_masked_pixels_do_not_count(correlated):
    bright = [replace(correlated[0], image=correlated[0].image + 1e6)] * 10
    mask = np.zeros((32, 32), bool)
    mask[:6] = True
    hidden = [sky(seed, KERNEL, mask) for seed in range(60)]
    spoiled = [replace(one, image=np.where(mask, 1e3, one.image)) for one in hidden]
    assert middle(noise_correlation([*correlated, *bright])) == pytest.approx(KERNEL, abs=0.03)
    assert middle(noise_correlation(spoiled)) == pytest.approx(KERNEL, abs=0.05)


def test_noise_that_is_larger_than_stated_is_found(correlated):
    louder = [replace(one, variance=one.variance / 1.21) for one in correlated]
    assert middle(noise_correlation(louder)) == pytest.approx(1.21 * KERNEL, abs=0.04)


@pytest.mark.parametrize("variance", [1.0, 2.0])
def test_a_bad_correlation_gives_noise_of_its_variance(variance):
    impossible = variance * np.array([[[0.9, 0.9, 0.9], [0.9, 1.0, 0.9], [0.9, 0.9, 0.9]]])
    noise = correlated_noise(impossible, (128, 128), np.random.default_rng(0))
    assert noise.var() == pytest.approx(variance, rel=0.1)


def test_observing_conditions_draw_such_noise_and_keep_it_in_json(correlated):
    conditions = DOMAIN.observation.fit(correlated)
    again = DOMAIN.observation.load(json.loads(json.dumps(conditions.to_json())))
    blank = replace(correlated[0], image=np.full((2, 32, 32), 1e-3, np.float32), variance=np.zeros(2, np.float32))
    blanks = [replace(blank, image=blank.image * (1 + number)) for number in range(60)]
    for one in (conditions, again):
        assert middle(noise_correlation(one.observed(blanks, 0))) == pytest.approx(KERNEL, abs=0.05)


def test_a_model_learns_the_noise_of_its_stamps(correlated):
    texts = [DOMAIN.items.text(one) for one in correlated]
    fitted = image_representation.fit(texts, np.zeros((len(texts), 0)), ())
    loaded = image_representation.load(json.loads(json.dumps(fitted.to_json())))
    assert middle(loaded.instrument.correlation) == pytest.approx(KERNEL, abs=0.03)
    white = [DOMAIN.items.text(sky(seed, None)) for seed in range(60)]
    assert image_representation.adapt(fitted, white, np.zeros((60, 0)), ()).instrument.correlation is None


def test_smoothness_of_light_below_the_noise_is_unknown():
    image = np.where(np.indices((32, 32)).sum(0) % 2, 1.0, -1.0) + 1e-3
    assert math.isnan(smoothness(image, 15.5, 15.5, 8.0, 1.0))
    assert smoothness(image, 15.5, 15.5, 8.0, 1e-6) > 0


def test_a_model_takes_its_noise_to_be_correlated(correlated):
    fitted = image_representation.fit([DOMAIN.items.text(one) for one in correlated], np.zeros((60, 0)), ())
    model = RECIPES["stamp-vae"].build(fitted, ImageVAESettings(code=2, pyramid=PyramidSettings(8, (1, 2), 2, 16)))
    batch = fitted.batch(fitted.encode(correlated))
    right = model.bound(batch, misfit=0.0)
    model.noise_power = None
    assert (right - model.bound(batch, misfit=0.0)).mean() > 30
    assert "noise_power" not in model.state_dict()
