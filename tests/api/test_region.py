"""Whether items are like those that a model was trained on."""

from dataclasses import replace
from pathlib import Path

import galsim
import numpy as np
import pytest
import torch

import sciencegen as sg
from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.api.models.region import FEWEST, REGION, UNKNOWN, Region, judged, load_region, region_of
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.observation import in_bands, resampled
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.domains.recipes import TrainedRegion
from sciencegen.errors import IncompatibleError

SIGMA = 2.1228


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    torch.set_num_threads(1)
    return load_model("galaxies", "galaxies", "cpu")


@pytest.fixture(scope="module")
def stamps() -> list[Stamp]:
    return [one.observed for one in simulate(SurveySettings("euclid", 64), 0, 3_010_000, 3_010_024)]


def test_simulated_stamps_are_inside_and_sky_is_not(model: LoadedModel, stamps: list[Stamp]) -> None:
    region = load_region(model)
    assert region is not None
    noise = np.random.default_rng(0).normal(0, SIGMA, (1, 64, 64))
    sky = standardize(replace(stamps[0], image=noise))
    assert isinstance(sky, Stamp)
    inside = [not one for one in region.outside(stamps)]
    assert np.mean(inside) > 0.8
    assert any("fainter" in one for one in region.outside([sky])[0])


def test_encode_says_which_items_are_outside(stamps: list[Stamp]) -> None:
    spike = stamps[1].image.copy()
    spike[0, 9, 50] += 2000 * SIGMA
    found = sg.encode("galaxies", [stamps[0], replace(stamps[1], image=spike)], threads=1)
    assert found.table["in_domain"].tolist() == [True, False]
    assert "sigma from the reconstruction" in found.table["outside"][1]
    assert any(note.startswith("1 of 2 are outside") for note in found.notes)


def test_a_region_of_other_weights_is_refused(model: LoadedModel) -> None:
    with pytest.raises(IncompatibleError, match=REGION):
        load_region(replace(model, sha256={**model.sha256, "weights.safetensors": "0"}))


def test_a_model_of_an_earlier_version_says_that_it_does_not_know(model: LoadedModel, tmp_path: Path) -> None:
    assert judged(replace(model, folder=tmp_path), []) == ({}, (UNKNOWN,))


def test_limits_are_outer_quantiles_and_margins(model: LoadedModel) -> None:
    part = TrainedRegion(
        measure=lambda model, representation, items: {"size": np.array(items, float)},
        ends={"size": ("below {:.0f}", "above {:.0f}")}, margins={"size": 2.0},
    )  # fmt: skip
    recipe = replace(model.recipe, region=part)
    content = region_of(recipe, model.model, model.representation, "", list(range(100, 1101)))
    assert isinstance(content, dict)
    assert content["outside_of_held_out"] == 0
    low, *_, high = content["quantiles"]["size"]  # type: ignore[index, call-overload]
    region = Region(model, part, {"size": (low / 2, high * 2)})
    assert [bool(one) for one in region.outside([40, 60, 2000, 2300])] == [True, False, False, True]
    assert region_of(recipe, model.model, model.representation, "", list(range(FEWEST - 1))) is None


def test_an_isolated_galaxy_seen_from_the_ground_is_inside_of_the_model_for_it(model: LoadedModel) -> None:
    """A galaxy of 21 mag as HSC sees it: its PSF is too wide for `galaxies`, and the reason says how wide it is."""
    psf = galsim.Moffat(beta=2.5, fwhm=0.75)
    kernel = psf.drawImage(nx=41, ny=41, scale=0.168, method="no_pixel").array
    seen = galsim.Convolve(galsim.Sersic(1.5, half_light_radius=0.9, flux=14_500), psf).shear(g1=0.1, g2=0.0)
    plane = seen.drawImage(nx=80, ny=80, scale=0.168).array
    images = np.stack([share * plane for share in (0.5, 1.0, 1.4, 1.7)])
    noisy = images + np.random.default_rng(0).normal(0, 3, images.shape)
    stamp = Stamp.of(noisy, 0.168, np.full(4, 9.0), kernel, ("g", "r", "i", "Z"))
    ground = load_model("galaxies", "galaxies-kids", "cpu")
    assert load_region(ground).outside([resampled(stamp, 40, 0.339)]) == [()]
    seen_in_r = resampled(in_bands(stamp, ("r",)), 64, 0.1)
    (wide,) = (reason for reason in load_region(model).outside([seen_in_r])[0] if "PSF" in reason)
    assert float(wide.rpartition(": ")[2]) == pytest.approx(15.5, abs=0.5)


def test_masked_pixels_do_not_make_residuals_small(model: LoadedModel, stamps: list[Stamp]) -> None:
    mask = np.zeros((64, 64), bool)
    mask[:, :18] = mask[:, -18:] = True
    hidden = standardize(replace(stamps[0], mask=mask))
    region = load_region(model)
    whole, masked = region.part.measure(model.model, model.representation, [stamps[0], hidden])["chi_squared"]
    assert masked == pytest.approx(whole, rel=0.2)
