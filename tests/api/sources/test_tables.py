"""Rows of files and of prepared datasets hold the same numbers."""

import numpy as np
import pytest

from sciencegen.api.science import domain_of
from sciencegen.api.sources.preparation import prepare_source
from sciencegen.api.sources.tables import given_source, is_item, notes_of_splits, read_rows
from sciencegen.config import PredictorSettings, PrepareSettings
from sciencegen.domains.proteins import DOMAIN
from sciencegen.errors import ConfigError, DataError
from tests.toy import write_clouds


def test_a_prepared_dataset_has_the_numbers_of_its_file(tmp_path):
    path = write_clouds(tmp_path / "clouds.csv", 9, extra=True)
    prepare_source("pointclouds", tmp_path / "data", PrepareSettings(source=str(path), threads=1))
    chosen = PredictorSettings(table=str(path), target="measured", limit=5)
    rows, files = read_rows("pointclouds", str(path), chosen)
    prepared, _ = read_rows("pointclouds", str(tmp_path / "data/train"), chosen)
    assert files == [path]
    assert len(rows) == len(prepared) == 5
    told = [row.values["measured"] for row in rows]
    assert [row.values["measured"] for row in prepared] == pytest.approx(told, rel=1e-6)


def test_held_out_splits_that_are_read_are_told(tmp_path):
    path, data = write_clouds(tmp_path / "clouds.csv", 20), tmp_path / "data"
    prepare_source("pointclouds", data, PrepareSettings(source=str(path), fractions={"train": 0.5, "test": 0.5}))
    assert notes_of_splits(str(data)) == [f"all of {data} is used; to hold out test, name {data}/train"]
    assert notes_of_splits(f"{data}/train") == notes_of_splits(str(path)) == []


def test_prepared_data_are_read_as_their_file_of_items(tmp_path):
    path, data = write_clouds(tmp_path / "clouds.csv", 9), tmp_path / "data"
    prepare_source("pointclouds", data, PrepareSettings(source=str(path), threads=1))
    science = domain_of("pointclouds")
    assert given_source(science, data) == data / "items.parquet"
    assert given_source(science, path) == path
    with pytest.raises(DataError, match=r"a part of prepared data. Read .*items.parquet"):
        given_source(science, data / "train")


def test_a_file_name_as_items_is_an_error(tmp_path):
    (tmp_path / "leads.csv").write_text("item\nCCO\n")
    with pytest.raises(ConfigError, match=r"pass pathlib.Path\('.*leads.csv'\)"):
        given_source(DOMAIN, str(tmp_path / "leads.csv"))
    assert len(given_source(DOMAIN, "nothing.csv")) == len(given_source(DOMAIN, "C" * 5000 + ".C")) == 1


def test_given_texts_count_from_1_and_one_may_stand_alone():
    assert [(row.line, row.text) for row in given_source(DOMAIN, ["A", "C"])] == [(1, "A"), (2, "C")]
    assert [row.text for row in given_source(DOMAIN, "AC")] == ["AC"]


def test_an_item_of_a_file_is_told_from_a_file(tmp_path):
    np.savez(tmp_path / "cube.npz", images=np.random.default_rng(0).normal(size=(2, 24, 24)))
    (tmp_path / "stamps.yaml").write_text("unit: nJy\npixel_scale: 0.1\nsigma: 0")
    cube = str(tmp_path / "cube.npz")
    assert [is_item("galaxies", name) for name in (f"{cube}[1]", cube, f"{cube}.gone[1]")] == [True, False, False]
    with pytest.raises(DataError, match=r"there is no number 2 .* Or name .*cube.npz"):
        is_item("galaxies", f"{cube}[2]")
    (tmp_path / "ten.smi").write_text("CCO\n")
    with pytest.raises(DataError, match=r"Expected a file, or an item of one, at .*ten.smi\[1\]"):
        is_item("molecules", str(tmp_path / "ten.smi[1]"))
