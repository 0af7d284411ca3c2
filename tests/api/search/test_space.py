"""Search spaces and start items."""

import numpy as np
import pytest
from pointclouds import DOMAIN as CLOUDS

from sciencegen.api.models.folder import load_model
from sciencegen.api.search import search_space, start_items, too_narrow
from sciencegen.domains import load_domain
from sciencegen.domains.proteins import DOMAIN
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from sciencegen.latent.explorer import LatentSpace
from sciencegen.optimization.goals import parse_goal

WILD = Reference("MKVLAW", 2)


def test_names_and_sequences_are_read_against_the_reference():
    assert [DOMAIN.items.text(item) for item in start_items(DOMAIN, ["K3A", "MKVLAC"], WILD)] == ["MAVLAW", "MKVLAC"]
    with pytest.raises(ConfigError, match="for `controls`, got 'MK'"):
        start_items(DOMAIN, ["MK"], WILD, flag="`controls`")


def test_searches_decode_drafts(monkeypatch):
    model = load_model("molecules", None, "cpu")
    monkeypatch.setattr(LatentSpace, "draft_items", lambda self, latents: [Refusal("odd"), "C"])
    assert search_space(model).decode(np.zeros((2, model.model.latent_size))) == [None, "C"]


def test_the_noise_of_draws_is_their_latents_where_models_make_drafts():
    model = load_model("molecules", "molecules-moses", "cpu")
    space, generator = search_space(model), np.random.default_rng(0)
    items, latents = space.draw_accepted(16, generator)
    again = np.random.default_rng(0).standard_normal((16, space.latent_size), dtype=np.float32)
    assert np.array_equal(latents, again)
    assert len(items) == 16
    usual = model.space.generate_items(again)
    key = model.domain.items.key
    same = [key(one) == key(other) for one, other in zip(items, usual, strict=True) if one is not None]
    assert sum(same) >= 12


def test_draws_that_are_decoded_as_no_item_s_code_get_their_latents_from_the_encoder():
    model = load_model("molecules", None, "cpu")
    space, key = search_space(model), model.domain.items.key
    items, latents = space.draw_accepted(8, np.random.default_rng(0))
    noise = np.random.default_rng(0).standard_normal((8, space.latent_size), dtype=np.float32)
    assert list(map(key, items)) == list(map(key, model.space.generate_items(noise)))
    assert np.isnan(latents).all()
    assert space.encode is not None
    back = space.decode_accepted(np.asarray(space.encode(items)))
    assert sum(one is not None and key(one) == key(other) for one, other in zip(back, items, strict=True)) >= 7


def test_odd_molecules_are_searched_only_from_odd_starts():
    model, odd = load_model("molecules", None, "cpu"), "NC(=O)C1CCCCCCCC1"
    item = model.domain.items.parse(odd)
    assert not search_space(model, plausible=True, known=[]).accept(item)
    assert search_space(model, plausible=True, known=[item]).accept(item)
    assert search_space(model, [odd], plausible=True, known=[]).accept(item)
    assert search_space(model, known=[]).accept(item)


def test_an_item_that_the_model_cannot_take_is_an_error():
    cloud = "0 0;1 0;0 1;1 1;2 2"
    assert len(start_items(CLOUDS, [cloud], encode=lambda items: [object() for _ in items])) == 1
    with pytest.raises(ConfigError, match="too large"):
        start_items(CLOUDS, [cloud], encode=lambda items: [Refusal("too large") for _ in items])
    with pytest.raises(ConfigError, match="got 'junk'"):
        start_items(CLOUDS, ["junk"])


def test_a_file_stands_for_its_items(tmp_path):
    path = tmp_path / "leads.csv"
    path.write_text("item\n0 0;1 0;0 1;1 1;2 2\n0 0;1 0;0 1;1 1;3 3\n")
    assert len(start_items(CLOUDS, [str(path), "0 0;1 0;0 1;1 1;4 4"])) == 3


@pytest.mark.parametrize(
    ("domain", "file"),
    [
        ("molecules", "missing.smi"),
        ("proteins", "missing.fasta"),
        ("crystals", "missing.cif"),
        ("arrays", "missing.csv"),
    ],
)
def test_a_file_that_is_not_there_is_no_item(domain, file):
    with pytest.raises(DataError, match=f"Expected an item or a file of items for `start`, found no file '{file}'"):
        start_items(load_domain(domain), [file])


def test_a_range_narrower_than_intervals_there_is_told(tmp_path):
    rows = "\n".join(f"random,{row},{row},{row},{row - 1},{row + 1},true" for row in range(9))
    (tmp_path / "held_out.csv").write_text(f"split,row,measured,predicted,lower,upper,in_domain\n{rows}\n")
    narrow, wide = (too_narrow([parse_goal(f"gap in {ends}")], {"gap": str(tmp_path)}) for ends in ("2..3", "2..5"))
    assert "of 2 left-out rows predicted there 0% were so narrow" in narrow[0]
    assert wide == []
