"""Items on the map: the projection and its way back, neighbours, columns, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.api.latent_map import make_map
from sciencegen.config import MapSettings
from sciencegen.errors import ConfigError, DataError, UnknownNameError
from sciencegen.latent.geometry import axes_of_values


def test_every_row_has_a_place_or_a_reason(toy_map):
    items = toy_map.items
    assert len(items.text) == len(items.name) == len(items.latent) == len(toy_map.points) == 59
    assert [line for line, _, _ in items.refused] == [9]
    assert "1 rows have no place" in toy_map.notes[0]
    assert {"measured", "kind", "radius"} <= {column.name for column in items.columns}


def test_columns_belong_to_their_items(toy_map):
    kinds = toy_map.items.column("kind").cells()
    assert kinds == ["round" if at % 3 else "long" for at in range(60) if at != 7]
    assert toy_map.items.column("kind").categories == ("round", "long")
    with pytest.raises(ConfigError, match="Did you mean 'kind'"):
        toy_map.items.column("kin")


def test_the_axes_are_orthonormal_and_the_places_are_projections(toy_map):
    axes = toy_map.plane.axes
    assert axes @ axes.T == pytest.approx(np.eye(2), abs=1e-9)
    centred = toy_map.items.latent[:, : toy_map.size] - toy_map.plane.centre
    assert toy_map.points == pytest.approx(centred @ axes.T, abs=1e-4)


def test_there_are_no_axes_along_which_nothing_varies(workspace, table, tmp_path):
    rows = tmp_path / "three.csv"
    rows.write_text("".join(table.read_text().splitlines(keepends=True)[:4]))
    few = make_map("pointclouds", MapSettings(data=str(rows), model=str(workspace.model), threads=1, include="radius"))
    assert len(few.axes.axes) == len(few.axes.shares) == 2
    assert min(few.axes.shares) > 1e-6


@pytest.mark.parametrize("place", [(0.0, 0.0), (1.3, -0.4), (-2.0, 2.0)])
def test_a_place_leads_back_to_itself(toy_map, place):
    latent = toy_map.at_place(*place)
    assert toy_map.place(latent[None])[0] == pytest.approx(place, abs=1e-4)


def test_the_place_of_an_item_is_its_latent(toy_map):
    latent = toy_map.at_place(*toy_map.points[3].tolist())
    assert latent == pytest.approx(toy_map.items.latent[3], abs=1e-4)


def test_moving_along_an_axis_changes_only_that_coordinate(toy_map):
    latent = toy_map.items.latent[5]
    before, moved = toy_map.steps(latent), toy_map.moved(latent, 1, 1.25)
    after = toy_map.steps(moved)
    assert after[1] == pytest.approx(1.25, abs=1e-3)
    assert np.delete(after, 1) == pytest.approx(np.delete(before, 1), abs=1e-3)
    assert toy_map.moved(latent, 1, before[1]) == pytest.approx(latent, abs=1e-4)


def test_nearest_are_those_of_brute_force(toy_map):
    latents = toy_map.items.latent[:, : toy_map.size].astype(np.float64)
    distances = np.linalg.norm(latents - latents[4], axis=1)
    found, far = toy_map.nearest(toy_map.items.latent[4], 7)
    assert found.tolist() == np.argsort(distances, kind="stable")[:7].tolist()
    assert far == pytest.approx(np.sort(distances)[:7], abs=2e-3)
    assert len(toy_map.nearest(toy_map.items.latent[4], 1000)[0]) == 59


def test_along_values_the_first_axis_follows_them(workspace, table):
    settings = MapSettings(data=str(table), model=str(workspace.model), threads=1, colour_by="radius", along=True)
    found = make_map("pointclouds", settings)
    assert found.colour.name == "radius"
    assert "direction of radius" in found.labels[0]
    expected, _ = axes_of_values(found.items.latent[:, : found.size], found.colour.values)
    assert found.plane.axes == pytest.approx(expected.axes)


@pytest.mark.parametrize("change", [{}, {"colour_by": "kind"}])
def test_along_needs_numbers(workspace, table, change):
    settings = MapSettings(data=str(table), model=str(workspace.model), threads=1, along=True, **change)
    with pytest.raises(ConfigError, match="Expected `colour_by` with a column of numbers"):
        make_map("pointclouds", settings)


def test_without_data_the_items_are_draws_and_a_file_of_latents_is_as_its_items(workspace, tmp_path):
    drawn = make_map("pointclouds", MapSettings(model=str(workspace.model), threads=1, limit=20, seed=3))
    assert 2 <= len(drawn.items.text) <= 20
    path = tmp_path / "z.npz"
    np.savez(path, latent=drawn.items.latent, item=np.array(drawn.items.text))
    again = make_map("pointclouds", MapSettings(data=str(path), model=str(workspace.model), threads=1))
    assert again.items.text == drawn.items.text
    assert np.array_equal(again.points, drawn.points)
    np.savez(path, latent=drawn.items.latent, item=np.array(drawn.items.text[:-1]))
    with pytest.raises(DataError, match="Expected an item for each of"):
        make_map("pointclouds", MapSettings(data=str(path), model=str(workspace.model), threads=1))


def test_an_unknown_property_is_told_before_anything_is_encoded(workspace, table):
    told = []
    settings = MapSettings(data=str(table), model=str(workspace.model), threads=1, include="radius,weight")
    with pytest.raises(UnknownNameError, match="radius,weight"):
        make_map("pointclouds", settings, lambda *step: told.append(step))
    assert told == []


def test_the_steps_are_told(workspace, table):
    told = []
    make_map(
        "pointclouds", MapSettings(data=str(table), model=str(workspace.model), threads=1, include="radius"),
        lambda *step: told.append(step),
    )  # fmt: skip
    assert told[0] == ("encoding 60 items", 0, None)
    assert ("encoding", 59, 60) in told
    assert "measuring radius" in [what for what, _, _ in told]
