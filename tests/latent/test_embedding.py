"""Maps by weighted means: items are at their own places; UMAP repeats and keeps neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from sciencegen.errors import ConfigError
from sciencegen.latent import geometry as module
from sciencegen.latent.geometry import Embedding, nearest_items, neighbours_kept, umap_embedding


@pytest.fixture
def made() -> Embedding:
    rng = np.random.default_rng(0)
    return Embedding(rng.normal(size=(40, 6)).astype(np.float32), rng.normal(size=(40, 2)).astype(np.float32))


def test_items_are_at_their_own_places(made):
    np.testing.assert_allclose(made.project(made.latents), made.points, atol=1e-5)
    for latent, point in zip(made.latents[:5], made.points[:5], strict=True):
        np.testing.assert_allclose(made.lift(point), latent, atol=1e-4)


def test_what_lies_between_is_a_mean_of_the_nearest(made):
    between = made.project((made.latents[:1] + made.latents[1:2]) / 2)
    assert (between >= made.points.min(0)).all()
    assert (between <= made.points.max(0)).all()
    lengths = np.linalg.norm(made.latents, axis=1)
    assert lengths.min() <= np.linalg.norm(made.lift(made.points[:2].mean(0))) <= lengths.max()


def test_the_nearest_are_those_of_all_distances():
    rng = np.random.default_rng(1)
    rows, items = rng.normal(size=(300, 4)).astype(np.float32), rng.normal(size=(77, 4)).astype(np.float32)
    near, found = nearest_items(rows, items, np.square(items).sum(1), 5)
    distances = np.square(rows[:, None].astype(float) - items).sum(2)
    np.testing.assert_array_equal(near, np.argsort(distances, 1)[:, :5])
    np.testing.assert_allclose(found, np.sort(distances, 1)[:, :5], rtol=1e-5)


def test_neighbours_are_kept_by_a_copy_and_lost_by_chance():
    rng = np.random.default_rng(2)
    plane = rng.normal(size=(400, 2))
    assert neighbours_kept(plane, 3 * plane + 1) == 1
    assert neighbours_kept(plane, rng.normal(size=(400, 2))) < 0.1
    assert neighbours_kept(plane[:3], plane[:3]) == 1


def test_a_missing_package_has_a_remedy(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'sciencegen\[map\]'"):
        umap_embedding(np.zeros((3, 2)), 0)


def test_a_file_in_the_current_folder_does_not_choose_the_compiled_code(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: cache\n")
    with pytest.raises(ConfigError, match=r"Expected no \.numba_config\.yaml in the current folder"):
        umap_embedding(np.zeros((3, 2)), 0)


@pytest.mark.slow
def test_umap_repeats_and_keeps_more_neighbours_than_a_plane():
    pytest.importorskip("umap", reason="needs the extra `map`")
    rng = np.random.default_rng(3)
    centres = 8 * rng.normal(size=(6, 10))
    latents = (np.repeat(centres, 40, 0) + rng.normal(size=(240, 10))).astype(np.float32)
    told = []
    made = umap_embedding(latents, 7, lambda *step: told.append(step))
    assert told[0] == ("UMAP: nearest items of 240", 0, None)
    assert told[-1] == ("epochs of UMAP", told[-1][2], told[-1][2])
    assert [done for _, done, total in told[1:]] == sorted(done for _, done, total in told[1:])
    assert np.isfinite(made.points).all()
    np.testing.assert_array_equal(made.points, umap_embedding(latents, 7).points)
    assert neighbours_kept(latents, made.points) > neighbours_kept(latents, latents[:, :2])
