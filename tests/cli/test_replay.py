"""sciencegen replay: exit code, table and messages; and hundreds of rows of each domain from a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sciencegen.data.number_ranges import NumberRanges
from tests.api.test_replay import array_model, named_in_record  # noqa: F401
from tests.cli.conftest import read

ROWS = 200


@pytest.fixture
def hits(cli, workspace):
    call = ("generate", "pointclouds", "--model", workspace.model, "-n", 6, "--with", "height", "--threads", 1)
    assert cli(*call, "-o", "hits.csv").code == 0
    return Path("hits.csv")


@pytest.mark.usefixtures("tiny_draws")
def test_the_exit_code_says_whether_rows_are_the_same(cli, hits):
    same = cli("replay", hits, "--row", 2, "--row", "4-5", "--threads", 1)
    assert same.code == 0, same.err
    assert same.out == "row,result,column,expected,found\n2,same,,,\n4,same,,,\n5,same,,,\n"
    hits.write_text(hits.read_text().replace("\n", ",\n").replace("height,", "height"))
    other = cli("replay", hits, "--all", "--threads", 1, "-o", "rows.csv", "--json")
    assert other.code == 6
    assert {row["result"] for row in read(Path("rows.csv"))} == {"differs"}
    assert json.loads(other.out)["differ"] == 6
    assert "6 of 6 rows of hits.csv differ" in other.err
    assert "note: output: expected sha256" in other.err


@pytest.mark.usefixtures("tiny_draws")
def test_what_prevents_it_is_named(cli, hits):
    place = Path("hits.csv.provenance.json")
    place.write_text(place.read_text().replace('"seed": 0', '"seed": 1', 1))
    found = cli("replay", hits, "--row", 2)
    assert found.code == 6
    assert found.out == ""
    assert "note: seed: expected 1, found 0" in found.err
    assert "seed differs" in found.err


@pytest.mark.usefixtures("tiny_draws")
def test_a_function_of_a_record_is_shown_and_runs_only_with_a_flag(cli, hits, monkeypatch):
    monkeypatch.delitem(sys.modules, "evil_module", raising=False)  # of another test
    Path("evil_module.py").write_text("open('ran', 'w')\ndef score(item):\n    return 1.0\n")
    named_in_record(hits, include=["height", "evil_module:score"])
    refused = cli("replay", hits, "--row", 2)
    assert (refused.code, Path("ran").exists()) == (2, False)
    assert "names the function 'evil_module:score'. Pass --run-programs" in refused.err
    run = cli("replay", hits, "--row", 2, "--run-programs")
    assert (run.code, Path("ran").exists()) == (6, True), run.err  # there is another column
    assert "note: the record names the function 'evil_module:score', which may run." in run.err


def test_wrong_usage(cli, hits):
    assert cli("replay", hits).code == cli("replay", hits, "--row", 1, "--all").code == 2
    assert "Expected --row N or --all, got neither" in cli("replay", hits).err
    assert cli("replay", hits, "--row", 7).code == 3
    assert cli("replay", hits, "--row", 1, "-o", "rows.sdf").code == 2
    assert "Expected another file" in cli("replay", hits, "--row", 1, "-o", hits, "--force").err
    assert cli("replay", "none.csv", "--all").code == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("domain", "fixture", "name"),
    [
        ("molecules", None, "hits.csv"),
        ("molecules", None, "hits.sdf"),
        ("proteins", "family_model", "hits.fasta"),
        ("galaxies", "galaxy_model", "hits.csv"),
        ("galaxies", "galaxy_model", "hits.fits"),
        ("arrays", "array_model", "hits.csv"),
    ],
)
def test_hundreds_of_rows_from_a_process_of_its_own(cli, request, domain, fixture, name):
    """On one thread and on two, whatever the number was when they were drawn; some rows alone."""
    model = () if fixture is None else ("--model", request.getfixturevalue(fixture))
    drawn = cli("generate", domain, *model, "-n", ROWS, "--seed", 5, "--threads", 1, "-o", name)
    assert drawn.code == 0, drawn.err
    for rows, threads in (("--all", 1), ("--all", 2), ("--row=17,198", 2)):
        command = [
            sys.executable,
            "-m",
            "sciencegen.cli.main",
            "replay",
            name,
            rows,
            "--threads",
            str(threads),
            "--json",
        ]
        found = subprocess.run([*command, "-o", "rows.csv", "--force"], capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
        summary = json.loads(found.stdout)
        count = ROWS if rows == "--all" else len(NumberRanges.parse("17,198"))
        assert (summary["rows"], summary["same"], summary["ingredients"]) == (count, count, [])
