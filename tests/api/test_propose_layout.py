"""Plates with a layout: wells in the table, one journal entry for each item, and errors that say what to do."""

from __future__ import annotations

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.optimization.journal import read_journal

SPACE = {"wild_type": "MKVLAWQRST", "space": {"positions": "2-3"}}


def propose(**options):
    return sg.propose("proteins", **SPACE, **options)


def test_a_plate_is_filled_and_its_copies_are_one_entry_of_the_journal(tmp_path):
    made = propose(
        plate=96, replicates=2, edge_wells=False, controls="WT", control_copies=3, control_wells=("A1,H12=K2A", "A12="),
        journal=str(tmp_path / "journal.csv"),
    )  # fmt: skip
    made.write(tmp_path / "plate.csv")
    table = pd.read_csv(tmp_path / "plate.csv")
    assert list(table)[4:7] == ["round", "plate", "well"]
    assert made.summary["proposed"] == 30  # 28 items in two of the 60 - 3 inner wells each, and two controls
    assert (made.summary["plates"], made.summary["wells"]) == (1, len(table)) == (1, 61)
    by_well = table.set_index("well")["mutant"]
    assert (by_well["A1"], by_well["H12"], "A12" in by_well) == ("K2A", "K2A", False)
    assert sorted(table["mutant"].value_counts().tolist()) == [*[2] * 29, 3]
    assert table["id"].is_unique
    assert len(read_journal(tmp_path / "journal.csv").proposed) == 30


def test_a_larger_batch_takes_several_plates_with_the_controls_on_each():
    table = propose(plate=96, batch=120, controls="WT").table
    assert table.groupby("plate").size().tolist() == [96, 25]
    assert table[table["source"] == "control"].groupby("plate").size().tolist() == [1, 1]


def test_the_picture_has_a_panel_for_each_plate():
    figure = propose(plate=96, batch=120, controls="WT").plot_plate()
    assert [axes.get_title() for axes in figure.axes] == ["plate 1", "plate 2"]
    assert [len(axes.patches) for axes in figure.axes] == [96, 25]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plate": 95}, "Expected `plate` 96 or 384, its number of wells, got 95"),
        ({"replicates": 2}, "Expected a plate with `replicates`, got none. Pass `plate`, 96 or 384"),
        ({"plate": 96, "fill": "row"}, "row"),
        ({"plate": 96, "control_wells": "A1"}, "Expected wells and their control .* got 'A1'"),
        ({"plate": 96, "control_wells": "I1=WT"}, "A1 to H12, got 'I1'"),
        ({"plate": 96, "control_wells": ("A1=WT", "A2,A1=")}, "got A1 twice"),
        ({"plate": 96, "control_wells": "A1=K2"}, "`control_wells`, got 'K2'"),
        (
            {"plate": 96, "control_copies": 4, "control_wells": "A1,H12=WT"},
            "Expected 4 wells of each control, .* got 2 in `control_wells` for MKVLAWQRST",
        ),
        (
            {"plate": 96, "controls": ("WT", "K2A"), "control_copies": 4, "control_wells": "A1,H12=WT"},
            "Expected 4 wells of each control",
        ),
    ],
)
def test_errors_say_what_to_do(options, message):
    with pytest.raises(sg.ConfigError, match=message):
        propose(**options)


def test_stock_plates_are_of_the_usual_type_of_the_domain(tmp_path):
    lists = {"plate": 96, "picklist": "echo", "transfer_volume": 25, "batch": 3}
    for stocks, name in (({}, "384PP_AQ_BP"), ({"echo_type": "384PP_DMSO2"}, "384PP_DMSO2")):
        propose(stocks=stocks, **lists).write(tmp_path / f"{name}.csv")
        assert set(pd.read_csv(tmp_path / f"{name}.echo.csv")["Source Plate Type"]) == {name}


def test_a_picture_needs_a_layout():
    with pytest.raises(sg.ConfigError, match="Pass `plate`, 96 or 384"):
        propose(batch=3).plot_plate()
