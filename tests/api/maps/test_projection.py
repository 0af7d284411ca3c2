"""A map by UMAP: the same calls as a plane, with means of the nearest items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sciencegen.api.latent_map import make_map, summary_of
from sciencegen.config import MapSettings
from sciencegen.errors import ConfigError
from sciencegen.latent.geometry import Embedding


@pytest.fixture(scope="module")
def bent(toy_map):
    """The map with places that are no linear function of the latents."""
    latents = toy_map.items.latent[:, : toy_map.size]
    points = np.stack([latents[:, 0] ** 3, np.abs(latents[:, 1])], 1).astype(np.float32)
    return replace(toy_map, plane=Embedding(latents, points), labels=("UMAP 1", "UMAP 2"))


def test_items_are_where_they_were_placed_and_decoded_there(bent):
    assert bent.points is bent.plane.points
    np.testing.assert_allclose(bent.place(bent.items.latent), bent.points, atol=1e-3)
    x, y = bent.points[4].tolist()
    np.testing.assert_allclose(bent.at_place(x, y), bent.items.latent[4], atol=1e-3)


def test_the_summary_says_what_is_kept(bent, toy_map):
    for found in (bent, toy_map):
        assert 0 < summary_of(found)["neighbours_kept"] <= 1


def test_a_direction_needs_a_plane(table, workspace):
    given = {"data": str(table), "model": str(workspace.model), "projection": "umap", "along": True}
    settings = MapSettings(**given, colour_by="radius")
    with pytest.raises(ConfigError, match="Expected no `along` with `projection` umap"):
        make_map("pointclouds", settings)
