"""Laws of the latent space: arcs keep ends and lengths, noise follows the item's number, maps keep distances."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.config import COMPUTE_CHUNK
from sciencegen.errors import ConfigError, DataError, ShapeError
from sciencegen.latent.explorer import LatentSpace
from sciencegen.latent.geometry import arc, principal_axes
from sciencegen.latent.noise import latent_noise, uniform_targets
from tests.toy.models import latent_space, untrained

RNG = np.random.default_rng(0)


def test_an_arc_joins_its_ends_at_constant_speed_and_length():
    start, end = RNG.standard_normal((2, 64))
    end *= np.linalg.norm(start) / np.linalg.norm(end)
    path = arc(start, end, 11)
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert path[0] == pytest.approx(start, abs=1e-6)
    assert path[-1] == pytest.approx(end, abs=1e-6)
    assert np.linalg.norm(path, axis=1) == pytest.approx(np.linalg.norm(start), rel=1e-5)
    assert steps == pytest.approx(steps[0], rel=1e-4)
    assert arc(end, start, 11)[::-1] == pytest.approx(path, abs=1e-5)


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.0, -1.0])
def test_an_arc_between_parallel_latents_is_a_line(scale):
    start = RNG.standard_normal(8)
    assert arc(start, scale * start, 5)[2] == pytest.approx((1 + scale) / 2 * start, abs=1e-6)


def test_noise_differs_by_seed_chunk_and_purpose_and_is_normal():
    first = latent_noise(0, 0, 32)
    assert (latent_noise(0, 0, 32) == first).all()
    assert first.shape == (COMPUTE_CHUNK, 32)
    assert all((other != first).any() for other in (latent_noise(1, 0, 32), latent_noise(0, 1, 32)))
    assert abs(first.mean()) < 0.03
    assert abs(first.std() - 1) < 0.03
    assert 0 <= uniform_targets(0, 0, 2).min() <= uniform_targets(0, 0, 2).max() < 1


def test_a_plane_keeps_the_distances_of_what_lies_in_it():
    flat = RNG.standard_normal((50, 2)) @ np.linalg.qr(RNG.standard_normal((7, 2)))[0].T + RNG.standard_normal(7)
    plane = principal_axes(flat)
    shown = plane.project(flat)
    distance = lambda x: np.linalg.norm(x[:, None] - x[None], axis=2)  # noqa: E731
    assert distance(shown) == pytest.approx(distance(flat), abs=1e-9)
    assert sum(plane.shares) == pytest.approx(1)
    assert principal_axes(-flat).axes == pytest.approx(plane.axes, abs=1e-9)


def test_steps_along_an_axis_are_standard_deviations_of_the_items_there():
    items = RNG.standard_normal((200, 4)) * [3, 2, 0.5, 0]
    found = principal_axes(items, 5)
    walked = found.along(1, np.array([-2, 0, 1]))
    np.testing.assert_allclose(walked[1], items.mean(0), atol=1e-12)
    places = found.project(walked) / found.project(items).std(0, ddof=1)[1]
    np.testing.assert_allclose(places[:, 1], [-2, 0, 1], atol=1e-9)
    np.testing.assert_allclose(places[:, [0, 2]], 0, atol=1e-9)
    assert found.deviations[3:] == pytest.approx((0, 0), abs=1e-9)
    assert sum(found.shares) == pytest.approx(1)


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return latent_space(*untrained())


def test_samples_depend_on_their_number_only(space):
    many = space.sample(COMPUTE_CHUNK + 30, seed=3)
    assert (space.sample(10, seed=3) == many[:10]).all()
    assert space.decode(many[:4]) == space.decode(space.sample(600, seed=3))[:4]


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


def test_one_item_may_stand_without_a_list(space):
    (item,) = space.decode(space.sample(1))
    assert (space.encode(item) == space.encode([item])).all()
