"""Datasets with a card."""

import json
import re

import pytest

from sciencegen.api.croissant import croissant
from sciencegen.api.datasets import _copied, list_datasets, show
from sciencegen.errors import ConfigError


def test_every_listed_dataset_can_be_shown():
    rows = list_datasets()
    assert len({row["name"] for row in rows}) == len(rows) > 1
    for row in rows:
        card = show(row["name"])
        assert sum(file["rows"] for file in card["files"].values()) == row["rows"]
        assert (row["here"] == "yes") == card["fetched"]


def test_a_copy_never_replaces_another_file(tmp_path):
    source, folder = tmp_path / "x.csv", tmp_path / "copies"
    source.write_text("one")
    assert _copied(source, folder).read_text() == "one"
    assert _copied(source, folder) == folder / "x.csv"
    source.write_text("other")
    with pytest.raises(ConfigError, match="no other file"):
        _copied(source, folder)
    assert (folder / "x.csv").read_text() == "one"


@pytest.mark.parametrize("name", [row["name"] for row in list_datasets()])
def test_a_card_is_valid_croissant(name, tmp_path):
    """Each record set reads a file that is described, with its checksum."""
    found = croissant(name)
    files = {one["@id"]: one for one in found["distribution"]}
    assert {field["source"]["fileObject"]["@id"] for one in found["recordSet"] for field in one["field"]} <= set(files)
    assert all(re.fullmatch("[0-9a-f]{64}", one["sha256"]) for one in files.values())
    assert {one["containedIn"]["@id"] for one in files.values() if "containedIn" in one} <= {"archive"} & set(files)
    standard = pytest.importorskip("mlcroissant")
    (tmp_path / "croissant.json").write_text(json.dumps(found))
    assert not standard.Dataset(jsonld=tmp_path / "croissant.json").metadata.issues.errors
