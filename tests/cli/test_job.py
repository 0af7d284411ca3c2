"""What a command leaves for the server that started it."""

from __future__ import annotations

import json

import pytest

from sciencegen import progress as notes
from sciencegen.cli import console
from sciencegen.serving.records import Outcome, read_outcome


@pytest.fixture
def records(tmp_path, monkeypatch):
    (tmp_path / "records").mkdir()
    monkeypatch.setenv(notes.JOB, str(tmp_path / "records"))
    monkeypatch.setattr(notes, "_noted", [])
    monkeypatch.setattr(console, "_next", 0.0)
    return tmp_path / "records"


def test_an_outcome_has_the_code_the_error_and_the_notes(cli, records):
    assert cli("score", "molecules", "nowhere.csv").code == 3
    found = read_outcome(records)
    assert (found.exit_code, found.error) == (
        3,
        "Expected a file at nowhere.csv, found none. Items themselves are read from stdin: -",
    )
    assert cli("datasets", "show", "moses").code == 0
    assert read_outcome(records) == Outcome(0, "", [])


def test_errors_name_parameters(cli, records):
    assert cli("replay", "hits.csv").code == 2
    assert read_outcome(records).error == "Expected `row` N or `all`, got neither."


def test_progress_is_recorded_now_and_at_the_end(records):
    for done in range(1, 101):
        console.show_progress("scoring", done, 100, "fast")
        if done == 1:
            assert json.loads((records / "progress.json").read_text())["done"] == 1
    assert json.loads((records / "progress.json").read_text()) == {
        "what": "scoring", "done": 100, "total": 100, "note": "fast",
    }  # fmt: skip


def test_work_is_known_before_its_first_part_is_done(records):
    with console.progress("scoring", 50):
        found = json.loads((records / "progress.json").read_text())
    assert found == {"what": "scoring", "done": 0, "total": 50, "note": ""}


def test_without_a_server_nothing_is_written(cli, monkeypatch, tmp_path):
    monkeypatch.delenv(notes.JOB, raising=False)
    console.show_progress("scoring", 1, 1)
    cli("score", "molecules", "nowhere.csv")
    assert not list(tmp_path.iterdir())
