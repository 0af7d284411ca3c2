"""What a dry run says comes of trials of the command itself, which leave nothing behind."""

import json
import os

import pytest

from sciencegen.cli import process
from sciencegen.cli.commands import TRIED, Commands
from sciencegen.cli.options import GROWS
from sciencegen.data.tables import read_table
from sciencegen.domains import load_domain
from sciencegen.progress import TRIAL


def test_commands_that_compute_have_a_dry_run_and_the_others_have_none():
    commands = Commands()
    flags = {name: {flag for one in commands[name].params for flag in one.opts} for name in ("score", "report", "run")}
    assert {name for name, own in flags.items() if "--dry-run" in own} == {"score"}
    assert "--dry-run" in [flag for one in commands["train"].commands["predictor"].params for flag in one.opts]
    assert set(TRIED) <= set(commands)


def test_what_grows_is_a_setting_of_its_record():
    from sciencegen import config

    for record, (name, _) in GROWS.items():
        assert name in vars(config)[record].model_fields


def test_a_table_is_read_in_part_in_a_trial(tmp_path, monkeypatch):
    table = tmp_path / "table.csv"
    table.write_text("item\n" + "\n".join(map(str, range(1000))) + "\n")
    monkeypatch.setenv(TRIAL, f"0.1 {tmp_path / 'parts'}")
    found = [int(row.text) for row in read_table(table, ["item"])]
    assert (len(found), found[0], found[-1]) == (100, 0, 999)
    assert json.loads((tmp_path / "parts").read_text()) == [f"rows of {table}", 100, 1000]


@pytest.mark.parametrize("ending", [".smi", ".csv", ".tsv"])
def test_files_of_every_format_are_read_in_part_once(tmp_path, monkeypatch, ending):
    path = tmp_path / f"many{ending}"
    path.write_text(
        ("" if ending == ".smi" else "smiles\n") + "\n".join("C" * (1 + at % 20) for at in range(1000)) + "\n"
    )
    monkeypatch.setenv(TRIAL, f"0.1 {tmp_path / 'parts'}")
    rows = list(load_domain("molecules").items.rows(path))
    (told,) = map(json.loads, (tmp_path / "parts").read_text().splitlines())
    assert told[1] == len(rows) == pytest.approx(100, abs=1)


def test_without_proc_memory_and_time_are_those_of_ended_processes(cli, molecules, monkeypatch):
    monkeypatch.setattr(process, "_family", lambda number, used: iter(()))
    told = cli("score", "molecules", "many.csv", "--threads", 1, "--dry-run", "--json")
    found = json.loads(told.out)
    assert found["memory_gb"][1] > 0.03
    assert found["cpu_seconds"][1] > 0.1


@pytest.fixture
def molecules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "many.csv").write_text("smiles\n" + "\n".join("C" * (1 + at % 20) + "O" for at in range(200)) + "\n")


@pytest.mark.long
def test_a_dry_run_tells_time_and_memory_and_writes_nothing(cli, molecules):
    told = cli("score", "molecules", "many.csv", "--threads", 1, "-o", "scored.csv", "--dry-run", "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert found["rows"] == {"rows of many.csv": 200}
    assert 0 < found["seconds"][0] <= found["seconds"][1] <= found["seconds"][2]
    assert 0.05 < found["memory_gb"][1] < 3
    assert os.listdir() == ["many.csv"]


@pytest.mark.long
def test_what_does_not_fit_is_refused(cli, molecules, monkeypatch):
    monkeypatch.setattr(process, "memory_of_machine", lambda: 10_000_000)
    refused = cli("score", "molecules", "many.csv", "--threads", 1, "--dry-run")
    assert refused.code == 2
    assert "0.0 GB of memory" in refused.err
    assert "200 rows of many.csv" in refused.err


def test_an_error_of_the_command_is_that_of_its_dry_run(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = cli("score", "molecules", "nothing.csv", "--dry-run")
    assert told.code in (2, 3)
    assert "nothing.csv" in told.err


def test_standard_input_has_no_dry_run(cli):
    told = cli("score", "molecules", "-", "--dry-run")
    assert told.code == 2
    assert "standard input" in told.err
