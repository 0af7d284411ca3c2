"""The weights of backbones that come with the package: small, sound draws, and conditions that are obeyed."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

import sciencegen as sg
from sciencegen.api.models.folder import WEIGHTS, find_model, load_model
from sciencegen.api.sampling import generation
from sciencegen.api.sampling.request import resolve_draws
from sciencegen.config import GenerateSettings
from sciencegen.domains.proteins.backbones.diffusion import CPU_ROWS
from sciencegen.domains.proteins.backbones.files import parse
from sciencegen.domains.proteins.backbones.geometry import ca_clashes, ca_distances, chain_breaks, helix_handedness
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.metrics import measure
from sciencegen.errors import ConfigError, SciencegenError

pytestmark = pytest.mark.long


def drawn(**asked: float) -> list[Backbone]:
    where = [f"{name} = {value}" for name, value in {"length": 64, **asked}.items()]
    result = sg.generate("proteins", n=4, model="backbones", where=where, raw=True, seed=1, threads=1)
    return [one for one in map(parse, result.table["item"]) if isinstance(one, Backbone)]


@pytest.fixture(scope="module")
def helices() -> list[Backbone]:
    return drawn(helix=0.65, strand=0.0)


@pytest.fixture(scope="module")
def strands() -> list[Backbone]:
    return drawn(helix=0.0, strand=0.45)


def test_they_are_small_and_have_a_card() -> None:
    folder = find_model("proteins", "backbones")
    assert (folder / WEIGHTS).stat().st_size <= 10e6
    assert "protein data bank" in (folder / "card.md").read_text().lower()


def test_draws_are_sound(helices, strands) -> None:
    for one in (*helices, *strands):
        assert len(one) == 64
        assert not chain_breaks(one.coordinates)
        assert not ca_clashes(one.coordinates)
        assert np.mean(abs(ca_distances(one.coordinates) - 3.8) < 0.2) > 0.95


def test_shares_of_helix_and_strand_are_obeyed(helices, strands) -> None:
    assert np.mean(measure(helices, ("helix",))) > 0.5
    assert np.mean(measure(strands, ("helix",))) < 0.15
    assert np.mean(measure(strands, ("strand",))) > 0.25


def test_helices_are_right_handed(helices) -> None:
    found = [helix_handedness(one.coordinates) for one in helices]
    assert sum(one.total for one in found) > 50
    assert sum(one.right for one in found) >= 0.98 * sum(one.total for one in found)


def test_few_are_drawn_ahead(monkeypatch) -> None:
    """Each worker waits for a whole task: with 64 rows in it, a few backbones took the time of 200."""
    sizes = []

    def judged(function, items, *, processes, chunk, first_alone):
        sizes.append(chunk)
        return iter(())

    monkeypatch.setattr(generation, "map_chunks_killable", judged)
    with suppress(SciencegenError):
        sg.generate("proteins", n=2, model="backbones", seed=1, threads=1)
    assert sizes == [CPU_ROWS]


@pytest.mark.parametrize("asked", ["length = 500", "length <= 20"])
def test_lengths_that_no_draw_has_are_refused(asked) -> None:
    """They were drawn a thousand times, and each draw was rejected."""
    with pytest.raises(ConfigError, match=r"length of 40 to 256, .* got 'length"):
        sg.generate("proteins", n=1, model="backbones", where=asked, threads=1)


def test_guidance_needs_no_condition_where_draws_have_those_of_training_chains() -> None:
    model = load_model("proteins", "backbones", "cpu")
    assert not resolve_draws(model, GenerateSettings(guidance=1.0)).conditions
    with pytest.raises(ConfigError, match="Expected a condition of the model with `guidance`"):
        resolve_draws(model, GenerateSettings(guidance=1.0, symmetry="C2"))
