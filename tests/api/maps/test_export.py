"""Files of a map: the neighbours are those of brute force, the table opens in Embedding Atlas, bytes repeat."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sciencegen.api.latent_map import ATLAS_COLUMNS, NEIGHBOURS, TABLE_COLUMNS, neighbours_of, write_map
from sciencegen.errors import ConfigError


@pytest.mark.parametrize("count", [2, 7, 1500])
def test_neighbours_are_those_of_brute_force(count):
    latents = np.random.default_rng(0).standard_normal((count, 3)).astype(np.float32)
    near, far = neighbours_of(latents, 5)
    rows = np.arange(0, count, 97)
    distances = np.linalg.norm(latents[rows, None].astype(float) - latents[None], axis=2)
    distances[np.arange(len(rows)), rows] = np.inf
    kept = min(5, count - 1)
    assert near.shape == far.shape == (count, kept)
    assert far[rows] == pytest.approx(np.sort(distances, 1)[:, :kept], abs=2e-3)
    assert not (near == np.arange(count)[:, None]).any()


def test_the_parquet_is_what_embedding_atlas_opens(toy_map, tmp_path):
    write_map(toy_map, str(tmp_path / "map.parquet"))
    table = pq.read_table(tmp_path / "map.parquet")
    rows = table.to_pylist()
    assert tuple(table.column_names[: len(ATLAS_COLUMNS)]) == ATLAS_COLUMNS
    assert [rows[at]["projection_x"] for at in (0, 58)] == pytest.approx(toy_map.points[[0, 58], 0])
    assert len(rows[0]["neighbors"]["ids"]) == len(rows[0]["neighbors"]["distances"]) == NEIGHBOURS
    assert {at for row in rows for at in row["neighbors"]["ids"]} <= {row["id"] for row in rows}
    assert rows[0]["image"]["bytes"].startswith((b"<svg", b"\x89PNG"))
    assert (tmp_path / "map.parquet.rejects.csv").exists()


@pytest.mark.parametrize("name", ["map.png", "map.svg", "map.pdf", "map.csv", "map.parquet"])
def test_the_same_map_gives_the_same_bytes(toy_map, tmp_path, monkeypatch, name):
    contents = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_map(toy_map, str(tmp_path / folder / name))
        contents.append((tmp_path / folder / name).read_bytes())
    assert len(contents[0]) > 500
    assert name.endswith(".svg") or contents[0] == contents[1]


def test_the_csv_has_the_places(toy_map, tmp_path):
    write_map(toy_map, str(tmp_path / "map.csv"))
    table = pd.read_csv(tmp_path / "map.csv")
    assert set(table) - {one.name for one in toy_map.items.columns} <= set(TABLE_COLUMNS)
    assert table[["x", "y"]].to_numpy() == pytest.approx(toy_map.points, abs=1e-3)
    assert table["kind"].tolist() == toy_map.items.column("kind").cells()


def test_another_ending_is_an_error(toy_map, tmp_path):
    with pytest.raises(ConfigError, match=r"Expected `output` to end in \.png"):
        write_map(toy_map, str(tmp_path / "map.bmp"))
