"""The files in a workflow's folder."""

import pytest

from sciencegen.api.reports.contents import RunContents
from sciencegen.api.writing.writer import write_candidates
from sciencegen.config import RunSettings
from sciencegen.domains.galaxies import DOMAIN as GALAXIES
from sciencegen.errors import DataError


def test_items_in_a_file_beside_the_table_are_found_from_anywhere(tmp_path, monkeypatch):
    made = [text for text, _ in GALAXIES.items.simulate({"side": 32}, 0, 0, 3)]
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    write_candidates(GALAXIES, "results/candidates.parquet", {"item": made})
    monkeypatch.chdir("/")
    run = RunContents(tmp_path / "results", RunSettings(domain="galaxies"))
    assert [GALAXIES.items.key(item) for item in run.items] == [
        GALAXIES.items.key(GALAXIES.items.parse(text)) for text in made
    ]
    (tmp_path / "results/candidates.fits").unlink()
    with pytest.raises(DataError, match=r"there is no file .*candidates.fits"):
        _ = RunContents(tmp_path / "results", RunSettings(domain="galaxies")).items
