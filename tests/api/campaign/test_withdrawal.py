"""A plate that won't be measured is withdrawn: its items are free again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.campaign.journal_items import withdrawals
from sciencegen.api.campaign.notes import outcomes
from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.forecast import Forecast
from sciencegen.optimization.journal import Entry, Journal, read_journal

SPACE = {"wild_type": "MKVLA", "space": {"positions": "2"}}
ALL = 19
"""Variants of one position."""
MEASURED = 4


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal with one plate of all 19 variants, of which the first four are measured."""
    journal, plate = tmp_path / "journal.csv", tmp_path / "plate.csv"
    sg.propose("proteins", batch=ALL, journal=journal, **SPACE).write(plate)
    table = pd.read_csv(plate).head(MEASURED)
    table.assign(value=range(MEASURED)).to_csv(tmp_path / "measured.csv", index=False)
    sg.record("proteins", journal, tmp_path / "measured.csv")
    return journal


def test_items_of_a_withdrawn_plate_are_proposed_again_in_a_new_round(journal: Path):
    before = sg.propose("proteins", batch=3, journal=journal, **SPACE)
    assert len(before.table) < 3
    found = sg.record("proteins", journal, withdraw=1)
    assert found.summary == {"withdrawn": ALL - MEASURED, "awaited": 0}
    plate = sg.propose("proteins", batch=ALL - MEASURED, journal=journal, **SPACE)
    measured = {entry.item for entry in read_journal(journal).measured}
    assert len(plate.table) == ALL - MEASURED
    assert set(plate.table["round"]) == {2}
    assert not measured & set(plate.table["item"])


def test_a_round_without_a_plate_and_settings_of_a_table_are_refused(journal: Path):
    with pytest.raises(ConfigError, match=r"got 0\. It has those of 1"):
        sg.record("proteins", journal, withdraw=0)
    with pytest.raises(ConfigError, match="no target with `withdraw`"):
        sg.record("proteins", journal, withdraw=1, target="value", round=0)


def test_a_plate_is_withdrawn_once(journal: Path):
    sg.record("proteins", journal, withdraw=1)
    before = journal.read_bytes()
    assert sg.record("proteins", journal, withdraw=1).summary["withdrawn"] == 0
    assert journal.read_bytes() == before


def test_a_late_measurement_of_a_withdrawn_item_belongs_to_its_round(journal: Path, tmp_path: Path):
    sg.record("proteins", journal, withdraw=1)
    late = next(entry.item for entry in read_journal(journal).entries if entry.kind == "withdrawn")
    (tmp_path / "late.csv").write_text(f"item,value\n{late},0.5\n")
    sg.record("proteins", journal, tmp_path / "late.csv")
    assert read_journal(journal).measured[-1].round == 1


def test_a_round_without_a_plate_and_a_measured_one_are_errors(journal: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"got 7.*has those of 1"):
        sg.record("proteins", journal, withdraw=7)
    with pytest.raises(ConfigError, match="got neither"):
        sg.record("proteins", journal)
    with pytest.raises(ConfigError, match="got both"):
        sg.record("proteins", journal, tmp_path / "measured.csv", withdraw=1)
    rest = [entry.item for entry in read_journal(journal).proposed]
    (tmp_path / "rest.csv").write_text("item,value\n" + "".join(f"{item},0.5\n" for item in rest))
    sg.record("proteins", journal, tmp_path / "rest.csv")
    with pytest.raises(DataError, match="which is measured"):
        sg.record("proteins", journal, withdraw=1)


def test_the_command_withdraws(cli, journal: Path):
    done = cli("record", "proteins", "--journal", journal, "--withdraw", 1)
    assert done.code == 0, done.err
    assert f"withdrawn {ALL - MEASURED}" in done.err
    assert not journal.with_name(f"{journal.name}.rejects.csv").exists()


def test_a_forecast_of_a_withdrawn_plate_is_not_judged():
    """Its items without a value are pending, whichever of them was measured first."""
    text = Forecast(threshold=1.0, items=4, expected=2.0, lower=1, upper=3, best=2.0, beats_best=0.5).to_text()
    plate = [Entry(1, item, "proposed", forecast=text if item == "A" else "") for item in "ABCD"]
    keys = {item: item for item in "ABCD"}
    journal = Journal((*plate, Entry(1, "B", "measured", 1.5)))
    withdrawn = Journal((*journal.entries, *withdrawals(journal, 1, keys, "journal.csv")))
    assert [entry.item for entry in withdrawn.proposed] == ["B"]
    assert outcomes(withdrawn, keys, minimize=False) == outcomes(journal, keys, minimize=False) != []
