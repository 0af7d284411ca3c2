"""datasets: the list, and preparing of standard input."""

from __future__ import annotations

import json


def test_the_list_of_datasets_fits_a_terminal(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = cli("datasets", "list").out.splitlines()
    assert any(line.startswith("molecules/moses ") for line in lines)
    assert max(map(len, lines)) <= 80


def test_stdin_is_prepared_and_without_a_file_the_way_to_the_reasons_is_said(cli, workspace, tmp_path):
    good = (workspace.folder / "clouds.csv").read_bytes()
    assert cli("datasets", "prepare", "pointclouds", "-", "--format", ".csv", "-o", "p", stdin=good).code == 0
    summary = json.loads((tmp_path / "p/dataset.json").read_text())
    assert (summary["source"], summary["counts"]["usable"]) == ("-", 300)
    assert "pass -o" in cli("score", "pointclouds", "-", stdin=b"junk\n").err
