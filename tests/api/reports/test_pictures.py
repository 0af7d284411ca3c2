"""Pictures of a run: training data and draws on one scale, and latent traversals."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from sciencegen.api.reports import sections as report_pictures
from sciencegen.api.reports.sections import charts, gallery, pictures_of, traversals
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.capabilities import Compared
from sciencegen.domains.galaxies import DOMAIN as GALAXIES
from sciencegen.domains.galaxies.models import RECIPES, stamp_vae
from sciencegen.domains.galaxies.representation import fit
from sciencegen.items import Refusal
from sciencegen.latent.explorer import LatentSpace
from sciencegen.networks.pyramid import PyramidSettings
from sciencegen.vae.image_vae import ImageVAESettings

SIDE, NAMES = 32, ("half_light_radius", "flux")
MADE = GALAXIES.items.simulate({"side": SIDE}, 0, 0, 24)
TEXTS = [text for text, _ in MADE]
VALUES = np.array([[values[name] for name in NAMES] for _, values in MADE], np.float32)


class Texts(list):
    def take(self, rows):
        return [self[row] for row in rows]


def training():
    return SimpleNamespace(
        splits=("train",), items=lambda split: Texts(TEXTS), property_names=NAMES,
        values=lambda split, names: VALUES[:, [NAMES.index(name) for name in names]],
    )  # fmt: skip


@pytest.fixture(scope="module")
def loaded():
    representation = fit(TEXTS, VALUES.astype(float), NAMES)
    settings = ImageVAESettings(
        code=4, pyramid=PyramidSettings(4, (1, 2), known=8), flow_layers=1, flow_width=8, corrections=1
    )
    model = stamp_vae(representation, settings).eval()
    space = LatentSpace(model, representation, parse=GALAXIES.items.parse, text=GALAXIES.items.text)
    return SimpleNamespace(recipe=RECIPES["stamp-vae"], representation=representation, model=model, space=space)


def run_of(loaded, noise_free=True, **others):
    generated = SimpleNamespace(further=SimpleNamespace(noise_free=noise_free))
    latents = np.zeros((24, loaded.space.size))
    latents[:, :4] = np.random.default_rng(0).standard_normal((24, 4)) * [3, 2, 1, 0]
    record = dict(
        domain=GALAXIES, training=training(), model=loaded, samples={"item": ["", *TEXTS[:6]]}, goals=[],
        settings=SimpleNamespace(generate=generated, seed=0), training_latents=latents,
        training_sample=lambda most: evenly_spaced(24, most),
    )  # fmt: skip
    return SimpleNamespace(**{**record, **others})


def test_training_data_stands_beside_draws_and_what_the_instrument_sees_of_them(loaded):
    found = gallery(run_of(loaded))
    assert [len(pictures) for pictures in found.values()] == [24, 6, 6]
    assert len(gallery(run_of(loaded, noise_free=False))) == 2
    assert found == gallery(run_of(loaded))


@pytest.mark.parametrize(
    "missing", [{"samples": {}}, {"training": None}, {"domain": SimpleNamespace(name="x", pictures=None)}]
)
def test_there_is_none_without_both_or_where_the_domain_has_none(loaded, missing):
    assert gallery(run_of(loaded, **missing)) == {}


def test_charts_are_made_of_training_items_draws_and_candidates(loaded):
    pictures = replace(GALAXIES.pictures, charts=lambda compared: [compared])
    found = charts(run_of(loaded, domain=replace(GALAXIES, pictures=pictures), items=["one", "two"]))[0]
    assert [len(group) for group in (found.training, found.draws, found.candidates)] == [24, 6, 2]
    without = charts(run_of(loaded, domain=replace(GALAXIES, pictures=pictures), items=[], training=None, samples={}))
    assert without == [Compared([], [], [])]
    assert charts(run_of(loaded, items=[])) == [], "galaxies have no charts"


def test_what_is_no_item_has_no_picture():
    items = [GALAXIES.items.parse(TEXTS[0]), Refusal("no"), GALAXIES.items.parse(TEXTS[1])]
    first, none, second = pictures_of(GALAXIES, items)
    assert none == ""
    assert [first, second] == GALAXIES.pictures.render_alike([items[0], items[2]])


def test_rows_along_the_directions_in_which_items_vary_then_under_each_condition(loaded):
    rows = traversals(run_of(loaded, goals=[SimpleNamespace(name="flux")]))
    labels, pictures, asides = zip(*(zip(*row["steps"], strict=True) for row in rows), strict=True)
    assert [row["name"] for row in rows] == ["direction 1", "direction 2", "direction 3", "flux", "half_light_radius"]
    assert list(labels[0]) == ["−2 σ", "−1 σ", "mean", "1 σ", "2 σ"]
    assert pictures[0][2] == pictures[1][2]
    assert len({*pictures[0], *pictures[1]}) == 9
    assert [row["unit"] for row in rows[3:]] == ["nJy", "arcsec"]
    asked = [float(label) for label in labels[4]]
    np.testing.assert_allclose(asked, np.quantile(VALUES[:, 0], report_pictures.QUANTILES), rtol=0.02)
    assert all(aside.startswith("got ") for row in asides[3:] for aside in row)


def test_a_diffusion_is_not_walked_through(loaded, monkeypatch):
    monkeypatch.setattr("sciencegen.diffusion.model.DiffusionModel", type(loaded.model))
    assert traversals(run_of(loaded)) == []
