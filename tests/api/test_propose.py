"""propose: the plate is written first, then entered into the journal."""

from pathlib import Path

import pytest

import sciencegen as sg
from sciencegen.api import propose as api
from sciencegen.api.propose import Bench
from sciencegen.config import ProposeSettings
from sciencegen.optimization import journal as journals
from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.journal import read_journal
from sciencegen.optimization.posterior import PICKED, misfit_after

FIRST_PLATE = dict(wild_type="MKVLA", space={"positions": "2-4"}, batch=3, threads=1)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_plate_enters_the_journal_once_it_is_written():
    Path("plate.csv").write_text("taken\n")
    plate = sg.propose("proteins", journal="j.csv", **FIRST_PLATE)
    with pytest.raises(sg.ConfigError, match="exists"):
        plate.write("plate.csv")
    assert not Path("j.csv").exists()
    plate.write("plate.csv", overwrite=True)
    plate.write("again.csv")
    assert [one.item for one in read_journal("j.csv").proposed] == plate.table["item"].tolist()


def test_a_plate_that_is_not_written_can_be_entered():
    plate = sg.propose("proteins", journal="j.csv", **FIRST_PLATE)
    plate.enter()
    assert len(read_journal("j.csv").proposed) == 3
    with pytest.raises(sg.ConfigError, match="journal"):
        sg.propose("proteins", **FIRST_PLATE).enter()


def test_of_two_plates_that_were_chosen_for_one_round_one_is_entered():
    """Results are recorded under the ids of a plate, its round and the place of the item."""
    first, same, other = (sg.propose("proteins", journal="j.csv", seed=seed, **FIRST_PLATE) for seed in (0, 0, 1))
    assert set(first.table["item"]) != set(other.table["item"])
    first.enter()
    before = Path("j.csv").read_bytes()
    same.enter()
    with pytest.raises(sg.ConfigError, match=r"round 1 to be the next plate of j\.csv, found another plate of round 1"):
        other.enter()
    assert Path("j.csv").read_bytes() == before
    sg.propose("proteins", journal="j.csv", **FIRST_PLATE).enter()
    before = Path("j.csv").read_bytes()
    first.enter()
    with pytest.raises(sg.ConfigError, match="entered after this one was chosen"):
        other.enter()
    assert Path("j.csv").read_bytes() == before


def test_a_plate_can_be_entered_after_its_own_results():
    plate = sg.propose("proteins", journal="j.csv", **FIRST_PLATE)
    plate.table.assign(value=[1.5, None, None]).to_csv("filled.csv", index=False)
    sg.record("proteins", "j.csv", "filled.csv", wild_type="MKVLA")
    plate.enter()
    assert {one.item for one in read_journal("j.csv").planned} == set(plate.table["item"])


def test_a_plate_does_not_overwrite_its_journal():
    sg.propose("proteins", journal="j.csv", **FIRST_PLATE).enter()
    before = Path("j.csv").read_bytes()
    Path("j.csv.rejects.csv").write_text("kept\n")
    with pytest.raises(sg.ConfigError, match="another file"):
        sg.propose("proteins", journal="j.csv", **FIRST_PLATE).write("./j.csv", overwrite=True)
    assert (Path("j.csv").read_bytes(), Path("j.csv.rejects.csv").read_text()) == (before, "kept\n")


def test_a_journal_that_can_t_be_written_is_an_error_before_any_work():
    Path("file").write_text("")
    with pytest.raises(sg.ConfigError, match="`journal`"):
        sg.propose("proteins", "none.csv", journal="file/j.csv")


def test_no_cell_of_a_plate_is_a_formula():
    """The names of a pool's file and of its items are texts of others."""
    plate = sg.propose("proteins", journal="j.csv", **FIRST_PLATE)
    items = plate.proposed.table["item"]
    plate.proposed.table["source"] = ["=HYPERLINK(1)", "@x", "-1.5"]
    plate.write("plate.csv")
    assert [line.rsplit(",", 1)[1] for line in Path("plate.csv").read_text().splitlines()[1:]] == [
        "'=HYPERLINK(1)", "'@x", "-1.5",
    ]  # fmt: skip
    assert [one.item for one in read_journal("j.csv").proposed] == items


def test_the_journal_knows_the_target():
    sg.propose("proteins", journal="j.csv", target="binding", **FIRST_PLATE).enter()
    again = sg.propose("proteins", journal="j.csv", **{**FIRST_PLATE, "batch": 1})
    assert "binding" in again.table
    with pytest.raises(sg.ConfigError, match="'binding', got 'value'"):
        sg.propose("proteins", journal="j.csv", target="value", **FIRST_PLATE)


def test_the_journal_knows_that_smaller_values_are_better():
    sg.propose("proteins", journal="j.csv", minimize=True, **FIRST_PLATE).enter()
    later = Bench("proteins", ProposeSettings(journal="j.csv", **FIRST_PLATE))
    assert later.minimize
    assert not Bench("proteins", ProposeSettings(journal="new.csv", **FIRST_PLATE)).minimize


@pytest.mark.parametrize("goals", [(), ("maximize value", "minimize price")])
def test_a_journal_is_read_once(monkeypatch, goals):
    sg.propose("proteins", journal="j.csv", **FIRST_PLATE).enter()
    read, header = [], journals.parse_header
    monkeypatch.setattr(journals, "parse_header", lambda line, path: (read.append(path), header(line, path))[1])
    sg.propose("proteins", journal="j.csv", goals=goals, **FIRST_PLATE)
    assert len(read) == 1


def test_a_plate_says_which_molecules_leave_stereocentres_undefined():
    Path("pool.csv").write_text("item\nCC(O)Cl\nC[C@H](F)Cl\nCCO\n")
    plate = sg.propose("molecules", pool="pool.csv", batch=3, threads=1, plausible=False)
    assert dict(zip(plate.table["item"], plate.table["undefined_stereocentres"], strict=True)) == {
        "CC(O)Cl": 1, "C[C@H](F)Cl": 0, "CCO": 0,
    }  # fmt: skip
    assert plate.summary["left_open"] == {"undefined_stereocentres": 1}
    assert any("1 of 3 items of the plate leave" in note for note in plate.notes)
    alone = sg.propose("molecules", pool="pool.csv", batch=1, threads=1, where="undefined_stereocentres = 0")
    assert "undefined_stereocentres" not in alone.table


def test_a_forecast_is_kept_in_the_journal_and_compared_with_what_was_measured(monkeypatch):
    settings = dict(
        wild_type="MKVLA",
        space={"positions": "2-4"},
        batch=12,
        journal="j.csv",
        threads=1,
        surrogate="gp",
        scale="linear",
    )
    first = sg.propose("proteins", **settings)
    assert first.summary["forecast"] is None
    for number in (1, 2):
        plate = sg.propose("proteins", hit=2.0, **settings)
        plate.write(f"plate{number}.csv")
        filled = plate.table.assign(value=[float(sum(map(text.count, "VILM"))) for text in plate.table["item"]])
        filled.to_csv(f"filled{number}.csv", index=False)
        sg.record("proteins", "j.csv", f"filled{number}.csv", wild_type="MKVLA")
    hits = int((filled["value"] >= 2.0).sum())
    assert (plate.summary["forecast"]["items"], plate.summary["forecast"]["threshold"]) == (12, 2.0)
    assert plate.summary["past_forecasts"] == []
    assert any("are expected to be hits (value >= 2)" in note for note in plate.notes)
    earlier = []
    monkeypatch.setattr(api, "next_plate", lambda *given: (earlier.append(given[3].earlier), next_plate(*given))[1])
    third = sg.propose("proteins", **settings)
    (errors,) = earlier
    assert misfit_after(errors).common < PICKED.common  # the second plate's errors tell the bias
    (past,) = third.summary["past_forecasts"]
    assert (past["round"], past["hits"], past["pending"]) == (2, hits, 0)
    assert past["expected"] == plate.summary["forecast"]["expected"]
    assert any("earlier forecasts of hits held: round 2" in note for note in third.notes)


def test_a_plate_goes_out_and_back_as_a_workbook():
    openpyxl = pytest.importorskip("openpyxl")
    plate = sg.propose("proteins", journal="j.csv", plate=96, **FIRST_PLATE)
    plate.write("plate.xlsx")
    book = openpyxl.load_workbook("plate.xlsx")
    sheet = book.active
    column = [cell.value for cell in sheet[1]].index("value") + 1
    for row, value in ((2, 1.5), (3, "=1+1"), (4, 0.25)):
        sheet.cell(row, column, value)
    book.create_sheet("notes")["A1"] = "made on Monday"
    book.save("filled.xlsx")
    found = sg.record("proteins", "j.csv", "filled.xlsx", wild_type="MKVLA")
    assert found.summary["recorded"] == 2
    assert [note.partition(":")[0] for note in found.notes[:2]] == [
        "sheet 'sciencegen' is read, not 'notes'",
        "cells with formulas",
    ]
    assert sorted(one.value for one in read_journal("j.csv").measured) == [0.25, 1.5]
    assert {one.source for one in read_journal("j.csv").measured} == {"filled.xlsx"}
    book.move_sheet("notes", -1)
    book.save("moved.xlsx")
    with pytest.raises(sg.DataError, match=r"Sheet 'notes' was read; `sheet` names another: 'sciencegen'\."):
        sg.record("proteins", "j.csv", "moved.xlsx", wild_type="MKVLA")
    with pytest.raises(sg.DataError, match=r"Expected the sheet 'plate' in filled.xlsx, found 'sciencegen', 'notes'"):
        sg.record("proteins", "j.csv", "filled.xlsx", wild_type="MKVLA", sheet="plate")
    with pytest.raises(sg.DataError, match=r"sheet 'notes' of filled.xlsx"):
        sg.record("proteins", "j.csv", "filled.xlsx", wild_type="MKVLA", sheet="notes")
    again = sg.record("proteins", "j.csv", "filled.xlsx", wild_type="MKVLA", sheet="sciencegen")
    assert again.summary["known"] == 2
