"""Rows of files and of prepared datasets hold the same numbers."""

import pytest

from sciencegen.api.sources.preparation import prepare_source
from sciencegen.api.sources.tables import given_rows, read_rows
from sciencegen.config import PredictorSettings, PrepareSettings
from sciencegen.domains.proteins import DOMAIN
from sciencegen.errors import ConfigError
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


def test_a_file_name_as_items_is_an_error(tmp_path):
    (tmp_path / "leads.csv").write_text("item\nCCO\n")
    with pytest.raises(ConfigError, match=r"pass pathlib.Path\('.*leads.csv'\)"):
        given_rows(DOMAIN, str(tmp_path / "leads.csv"))
    assert len(given_rows(DOMAIN, "nothing.csv")) == len(given_rows(DOMAIN, "C" * 5000 + ".C")) == 1


def test_given_texts_count_from_1_and_one_may_stand_alone():
    assert [(row.line, row.text) for row in given_rows(DOMAIN, ["A", "C"])] == [(1, "A"), (2, "C")]
    assert [row.text for row in given_rows(DOMAIN, "AC")] == ["AC"]
