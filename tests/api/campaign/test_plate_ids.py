"""Results under the ids of a plate are those of its items."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.campaign.journal_items import items_by_id
from sciencegen.errors import DataError
from sciencegen.optimization.journal import Entry, read_journal

SPACE = {"positions": "2-4"}


@pytest.fixture
def plate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    made = sg.propose("proteins", wild_type="MKVLA", space=SPACE, batch=12, journal="j.csv", target="kd", seed=1)
    made.write("plate.csv")
    return made.table


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".xlsx"])
@pytest.mark.parametrize("column", [None, "id"])
def test_results_of_tubes_are_those_of_the_items(plate, ending, column):
    table = pd.DataFrame({"id": plate["id"], "well": "A1", "kd": range(12)}).sample(frac=1, random_state=0)
    getattr(table, {".csv": "to_csv", ".parquet": "to_parquet", ".xlsx": "to_excel"}[ending])(
        f"lims{ending}", index=False
    )
    options = {} if column is None else {"column": column}
    assert sg.record("proteins", "j.csv", f"lims{ending}", wild_type="MKVLA", **options).summary["recorded"] == 12
    found = {entry.item: (entry.round, entry.value) for entry in read_journal("j.csv").measured}
    assert found == {item: (1, float(at)) for at, item in enumerate(plate["item"])}


def test_copies_are_replicates_and_unknown_ids_are_refused(plate):
    first = plate["id"][0]
    Path("lims.csv").write_text(f"id,kd\n{first},1\n{first}-2,2\nr9-01,3\ntube,4\n")
    recorded = sg.record("proteins", "j.csv", "lims.csv", wild_type="MKVLA")
    assert [(entry.item, entry.value) for entry in read_journal("j.csv").measured] == [
        (plate["item"][0], 1.0),
        (plate["item"][0], 2.0),
    ]
    assert [text for _, text, _ in recorded.refused] == ["r9-01", "tube"]


def test_without_a_plate_the_item_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lims.csv").write_text("id,kd\nr1-01,1\n")
    with pytest.raises(DataError, match="Expected column"):
        sg.record("proteins", "new.csv", "lims.csv", target="kd", wild_type="MKVLA")


def test_items_come_before_ids(plate):
    pd.DataFrame({"id": plate["id"][::-1].to_numpy(), "item": plate["item"], "kd": range(12)}).to_csv("lims.csv")
    sg.record("proteins", "j.csv", "lims.csv", wild_type="MKVLA")
    assert {entry.item: entry.value for entry in read_journal("j.csv").measured} == {
        item: float(at) for at, item in enumerate(plate["item"])
    }


def test_an_item_of_several_targets_has_one_place():
    lines = [Entry(1, item, "proposed", source="pool", target=target) for item in ("A", "B") for target in ("x", "y")]
    assert items_by_id(lines) == {(1, 1): ("A", ""), (1, 2): ("B", "")}


def test_a_recorded_plate_without_a_journal_has_no_ids(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plate.csv").write_text("id,item,kd,round\nr1-01,MKVA,1.5,1\nr1-02,MKLA,,1\nr1-03,MKIA,,1\n")
    sg.record("proteins", "j.csv", "plate.csv", target="kd")
    Path("lims.csv").write_text("id,kd\nr1-01,7\n")  # the first row without a value is r1-02
    with pytest.raises(DataError, match="Expected column 'item'"):
        sg.record("proteins", "j.csv", "lims.csv")
    assert [(entry.item, entry.value) for entry in read_journal("j.csv").measured] == [("MKVA", 1.5)]
