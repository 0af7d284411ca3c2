"""Restored stamps of several bands, with masks and maps of the variance; and models that refuse the order of bands."""

from dataclasses import replace

import numpy as np
import pytest

import sciencegen as sg
from sciencegen.api.models.folder import load_model
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.items import Refusal


@pytest.fixture(scope="module")
def kids():
    return load_model("galaxies", "galaxies-kids", "cpu", 1)


@pytest.fixture(scope="module")
def seen(kids):
    """A faint round source through a Gaussian PSF, in the model's four bands."""
    y, x = np.mgrid[:40, :40] - 19.5
    psf = np.exp(-(np.hypot(*np.mgrid[-9:10, -9:10]) ** 2) / 4)
    light = np.stack([scale * np.exp(-np.hypot(x, y) / 2) for scale in (60, 120, 180, 200)])
    noise = np.random.default_rng(0).normal(size=light.shape) * 15
    bands = kids.representation.bands
    found = standardize(Stamp(light + noise, 0.339, psf / psf.sum(), np.full(4, 225.0), bands, "one"))
    assert isinstance(found, Stamp)
    return found


def restored(kids, stamp):
    return kids.recipe.restoration.restore(kids.model, kids.representation, stamp, 19, 0)


@pytest.mark.long
def test_bands_masks_and_maps_of_the_variance(kids, seen):
    mask = np.zeros((40, 40), bool)
    mask[:, :6] = True
    spoiled = replace(seen, image=np.where(mask, 1e3, seen.image), mask=mask, variance=np.full((4, 40, 40), 225.0))
    plain, hidden = restored(kids, seen), restored(kids, standardize(spoiled))
    assert plain.mean.image.shape == plain.mean.variance.shape == (4, 40, 40)
    fluxes = [one.mean.image.sum((1, 2)) for one in (plain, hidden)]
    assert fluxes[1] == pytest.approx(fluxes[0], rel=0.25)
    assert 0.8 < hidden.agreement["chi_squared"] < 1.2


def test_bands_in_another_order_are_refused(kids, seen):
    turned = replace(seen, bands=("r", "g", "i", "Z"))
    refused = restored(kids, turned)
    assert isinstance(refused, Refusal)
    assert "expected bands g, r, i, Z, got r, g, i, Z" in refused.reason


def test_without_a_psf_a_note_says_so(kids, seen, quick_restoration):
    bare = standardize(replace(seen, psf=None))
    found = sg.restore("galaxies", [DOMAIN.items.text(bare)], "flux", model="galaxies-kids", threads=1)
    assert any("1 of 1: no PSF is given" in note for note in found.notes)
    assert restored(kids, seen).remarks == ()


def test_too_few_bands_have_no_remedy_by_resampling(kids, seen):
    one = standardize(replace(seen, image=seen.image[:1], variance=seen.variance[:1], bands=("g",)))
    refused = restored(kids, one)
    assert isinstance(refused, Refusal)
    assert "a model of 1 band" in refused.reason
    assert "resample" not in refused.reason
