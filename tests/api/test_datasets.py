"""Datasets with a card."""

import pytest

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
