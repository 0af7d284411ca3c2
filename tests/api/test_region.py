"""Whether items are like those that a model was trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import sciencegen as sg
from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.api.models.region import FEWEST, REGION, UNKNOWN, Region, judged, load_region, region_of
from sciencegen.domains.galaxies.items import Stamp, standardize
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
