"""Arcs keep ends and lengths, planes keep distances."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.latent.geometry import arc, axes_of_values, even_path, principal_axes

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


def test_the_direction_of_values_is_found_and_tested_on_items_left_out():
    generator = np.random.default_rng(0)
    latents = generator.standard_normal((80, 20))
    slope = np.eye(20)[3]
    plane, explained = axes_of_values(latents, latents @ slope + 0.1 * generator.standard_normal(80))
    assert abs(plane.axes[0] @ slope) > 0.98
    assert abs(plane.axes[0] @ plane.axes[1]) < 1e-9
    assert explained > 0.9
    assert axes_of_values(latents, generator.standard_normal(80))[1] < 0.2, "what fits these values fits no others"
    assert axes_of_values(latents, np.ones(80))[1] == 0


def test_an_even_path_moves_on_at_each_step_and_takes_no_item_twice():
    rng = np.random.default_rng(1)
    share = rng.random(400)  # items on the straight way, and detours
    alike = np.stack([1 - share, share], 1) * 0.8 + 0.2 - 0.3 * rng.random((400, 1))
    path = even_path(alike, 0.2, np.zeros(400), 7)
    progress = (1 - alike[path, 0]) / (2 - alike[path].sum(1))
    assert len(set(path)) == 7
    assert progress == pytest.approx(np.arange(1, 8) / 8, abs=0.04)
    assert (np.diff(alike[path, 0]) <= 0).all()
    assert (np.diff(alike[path, 1]) >= 0).all()


def test_an_even_path_prefers_items_that_nothing_speaks_against():
    alike = np.array([[0.6, 0.6], [0.6, 0.6], [0.9, 0.3]])
    assert even_path(alike, 0.2, np.array([0.5, 0.0, 0.0]), 1) == [1]
    assert even_path(alike, 0.2, np.array([0.0, 0.5, 0.0]), 2) == [2, 0]


def test_an_even_path_leaves_steps_empty_if_there_are_too_few_items():
    assert even_path(np.zeros((0, 2)), 0.2, np.zeros(0), 2) == [None, None]
    assert even_path(np.array([[1.0, 0.2], [0.2, 1.0]]), 0.2, np.zeros(2), 2) == [None, None]  # both are ends
    assert even_path(np.array([[0.9, 0.3], [0.9, 0.3]]), 0.2, np.zeros(2), 0) == []
