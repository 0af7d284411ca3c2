"""Laws of the latent space: arcs keep ends and lengths, noise follows the item's number, maps keep distances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sciencegen.config import COMPUTE_CHUNK, as_texts
from sciencegen.errors import ConfigError, DataError, ShapeError
from sciencegen.latent.explorer import LatentSpace
from tests.toy.models import latent_space, untrained


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return latent_space(*untrained())


def test_samples_depend_on_their_number_only(space):
    many = space.sample(COMPUTE_CHUNK + 30, seed=3)
    assert (space.sample(10, seed=3) == many[:10]).all()
    assert space.decode(many[:4]) == space.decode(space.sample(600, seed=3))[:4]


@pytest.mark.parametrize("rows", [4, 7, COMPUTE_CHUNK])
def test_parts_are_the_same_for_any_number_of_draws(space, rows):
    """Rounding depends on which rows are computed together, so that a part is computed whole."""
    few = replace(space, cpu_rows=rows)
    longest = list(few.parts(COMPUTE_CHUNK + 9))
    covered = [COMPUTE_CHUNK * chunk + row for chunk, part in longest for row in range(part.start, part.stop)]
    assert covered == list(range(len(covered)))
    assert COMPUTE_CHUNK + 9 <= len(covered) < COMPUTE_CHUNK + 9 + rows
    assert max(part.stop - part.start for _, part in longest) == rows
    for count in (1, rows, rows + 1, COMPUTE_CHUNK):
        parts = list(few.parts(count))
        assert parts == longest[: len(parts)]
        assert sum(part.stop - part.start for _, part in parts) < count + rows


def test_few_draws_compute_few_rows(space):
    wide = replace(space, cpu_rows=128)
    computed = {count: sum(part.stop - part.start for _, part in wide.parts(count)) for count in (1, 10, 40, 100, 300)}
    assert computed == {1: 16, 10: 16, 40: 64, 100: 128, 300: 384}


@pytest.mark.filterwarnings("ignore:.*is not reconstructed")
def test_walks_start_where_they_are_told(space):
    first, second = space.decode(space.sample(2))
    path = space.interpolate(first, second, steps=5)
    assert path[0] == space.decode(space.encode([first]))[0]
    assert path[-1] == space.decode(space.encode([second]))[0]
    column = space.encode([first])[0, 1]
    assert space.traverse(first, 1, [float(column)]) == [path[0]]
    near = space.neighbours(first, 5, radius=0.5)
    assert len(set(near)) == 5
    assert first not in near
    assert space.neighbours(first, 5, radius=0.5) == near
    assert space.map([first, second, *near]).shape == (7, 2)


def test_a_condition_changes_what_is_decoded(space):
    latents = space.sample(20)
    assert space.decode(latents, {"radius": 0.2}) != space.decode(latents, {"radius": 1.9})
    with pytest.raises(ConfigError, match="radius"):
        space.decode(latents, {"radios": 1.0})


def test_what_can_not_be_encoded_is_an_error(space):
    with pytest.raises(DataError, match="expected 5 x 2 numbers"):
        space.encode(["junk"])
    with pytest.raises(ShapeError, match="4"):
        space.decode(np.zeros((2, 3)))


def test_items_are_given_as_the_space_converts_them(space):
    """By default texts; a domain adds its objects, which every method takes."""
    first, second = space.decode(space.sample(2))
    texts = {"first": first, "second": second}
    named = replace(space, texts=lambda given: [texts.get(one, one) for one in as_texts(given)])
    assert (named.encode("first") == space.encode(first)).all()
    assert named.interpolate("first", "second", 3) == space.interpolate(first, second, 3)
    assert named.traverse("first", 0, [1.0]) == space.traverse(first, 0, [1.0])
    assert np.allclose(named.map(["first", "second"]), space.map([first, second]))
    with pytest.raises(ConfigError, match="one item, got 2"):
        named.interpolate(["first", "second"], "first")
    with pytest.raises(ConfigError, match="texts of items, got float"):
        space.encode(1.5)


def test_objects_are_new_and_none_for_what_can_not_be_read(space):
    first = space.decode(space.sample(1))[0]
    assert (space.objects([first, "junk"])[0] == space.parse(first)).all()
    assert space.objects([first, "junk"])[1] is None
    assert replace(space, object_of=str).objects(first) == [str(space.parse(first))]


def test_drafts_are_the_fast_decoding_of_models_that_have_one(space, monkeypatch):
    latents = space.sample(20)
    texts = lambda items: [space.text(item) for item in items]  # noqa: E731
    assert texts(space.draft_items(latents)) == space.decode(latents)
    monkeypatch.setattr(
        type(space.model), "draft", lambda self, z, condition: self.decode(z[:1]).select([0] * len(z)), raising=False
    )
    monkeypatch.setattr(type(space.model), "noise_is_latent", True, raising=False)
    assert texts(space.draft_items(latents)) == space.decode(latents[:1]) * 20


def test_one_item_may_stand_without_a_list(space):
    (item,) = space.decode(space.sample(1))
    assert (space.encode(item) == space.encode([item])).all()


def test_neighbours_of_an_item_that_does_not_come_back_are_told(space, monkeypatch):
    first, second = space.decode(space.sample(2))
    monkeypatch.setattr(type(space), "decode", lambda self, latents, condition=None: [second] * len(latents))
    with pytest.warns(UserWarning, match="is not reconstructed: its latent decodes to"):
        space.neighbours(first, 2, radius=0.9)


def test_neighbours_are_plausible_and_a_lack_of_them_is_told(space):
    first = space.decode(space.sample(1))[0]
    near = space.neighbours(first, 4, radius=0.9)
    chosen = replace(space, plausible=lambda item: space.text(item) != near[0])
    assert near[0] not in chosen.neighbours(first, 4, radius=0.9)
    with pytest.warns(UserWarning, match=r"0 of 4 neighbours were found .* Pass another radius"):
        assert replace(space, plausible=lambda item: False).neighbours(first, 4, radius=0.9) == []
