"""Design rounds with process parameters: plates, journals and results have them."""

from pathlib import Path

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.errors import ConfigError
from sciencegen.optimization.journal import JOURNAL_COLUMNS, read_journal

OWN = {"wild_type": "MKVLA", "space": {"positions": "2-4"}, "threads": 1}
PARAMETERS = ("temperature in 25,37", "solvent in DMSO,EtOH")


def plate_of(folder: Path, parameters=PARAMETERS, **options) -> pd.DataFrame:
    made = sg.propose(
        "proteins", **OWN, parameters=parameters, per_plate="temperature", journal=folder / "j.csv", **options
    )
    made.write(folder / "plate.csv")
    return pd.read_csv(folder / "plate.csv")


def test_a_plate_its_journal_and_its_results_have_the_parameters(tmp_path):
    plate = plate_of(tmp_path, batch=9, controls="WT")
    assert plate["temperature"].nunique() == 1
    assert set(plate["solvent"]) <= {"DMSO", "EtOH"}
    pd.DataFrame({"id": plate["id"], "value": range(9)}).to_csv(tmp_path / "lims.csv", index=False)
    found = sg.record("proteins", tmp_path / "j.csv", tmp_path / "lims.csv", wild_type="MKVLA").summary
    assert (found["recorded"], found["awaited"]) == (9, 0)
    journal = read_journal(tmp_path / "j.csv")
    settings = [f"solvent={b};temperature={a}" for a, b in zip(plate["temperature"], plate["solvent"], strict=True)]
    assert [one.parameters for one in journal.measured] == settings
    with pytest.raises(ConfigError, match="process parameters of"):
        sg.propose("proteins", **OWN, journal=tmp_path / "j.csv")


def test_an_item_is_measured_at_each_value_of_its_own(tmp_path):
    table, journal = tmp_path / "m.csv", tmp_path / "j.csv"
    table.write_text("item,temperature,value\nMKV,25,1\nMKV,37.0,2\nMKV,,3\n")
    found = sg.record("proteins", journal, table, parameters="temperature")
    assert found.summary["recorded"] == 2
    assert "temperature, a process parameter" in found.refused[0][2]
    assert [one.parameters for one in read_journal(journal).measured] == ["temperature=25", "temperature=37"]
    assert sg.record("proteins", journal, table).summary["known"] == 2


def test_a_journal_without_parameters_goes_on_with_them(tmp_path):
    journal = tmp_path / "j.csv"
    lines = [",".join(JOURNAL_COLUMNS), *(f"0,MKV{a}A,measured,{k},,,,,old.csv" for k, a in enumerate("LVIAG"))]
    journal.write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigError, match="else 25"):
        plate_of(tmp_path, batch=4)
    old = ("temperature in 25,37 else 25", "solvent in DMSO,EtOH else DMSO")
    plate = plate_of(tmp_path, old, batch=4, settings={"surrogate": "gp", "scale": "linear"})
    found = read_journal(journal)
    assert len(plate) == len(found.planned) == 4
    assert len(found.measured) == 5
    assert {one.parameters for one in found.measured} == {""}
    assert all("temperature=" in one.parameters for one in found.planned)
