"""Settings in a record name files relative to the output, and are found again from there."""

import os
from pathlib import Path

import pytest

from sciencegen.api.writing.output_record import file_checksums, located, portable
from sciencegen.files import sha256_of

SETTINGS = {
    "model": None,
    "seed": 0,
    "scaffold": "part.sdf",
    "vary": "designs.pdb[3]",
    "start": ["CCO", "starts.smi"],
    "predictors": {"sol": "runs/sol", "gap": "qm9-properties"},
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "here" / "runs" / "sol").mkdir(parents=True)
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("part.sdf", "designs.pdb", "starts.smi", "runs/sol/predictor.json"):
        Path(name).write_text(name)
    return tmp_path


def test_files_are_found_again_from_the_folder_of_the_output(place, monkeypatch):
    kept = portable(SETTINGS, place / "there")
    assert kept["scaffold"] == "../here/part.sdf"
    assert kept["vary"] == "../here/designs.pdb[3]"
    assert kept["start"] == ["CCO", "../here/starts.smi"]
    assert kept["predictors"] == {"sol": "../here/runs/sol", "gap": "qm9-properties"}
    monkeypatch.chdir("/")
    found = located(kept, place / "there")
    assert Path(found["scaffold"]).read_text() == "part.sdf"
    assert os.path.samefile(found["vary"].removesuffix("[3]"), place / "here" / "designs.pdb")
    assert found["start"][0] == "CCO"
    assert located(kept, Path("/"))["scaffold"] == "../here/part.sdf"  # it isn't there: the text is kept


def test_each_file_has_a_checksum(place):
    found = file_checksums("molecules", SETTINGS)
    assert found.keys() == {"scaffold", "vary", "start 1", "predictor sol", "predictor gap"}
    assert found["scaffold"] == sha256_of("part.sdf")
    assert found["predictor sol"] == sha256_of("runs/sol")
