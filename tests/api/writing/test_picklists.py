"""Pick lists have the columns that vendors document, and volumes that the liquid handlers can transfer."""

from __future__ import annotations

import csv

import pytest

from sciencegen.api.writing.plates import PickLists, StockOptions, pick_lists, picklist_paths, stock_columns
from sciencegen.config import ProposeSettings, build_settings
from sciencegen.errors import ConfigError

DOCUMENTED_ECHO = {
    "Source Plate Name", "Destination Plate Name", "Source Plate Barcode", "Destination Plate Barcode",
    "Source Plate Type", "Destination Plate Type", "Source Well", "Destination Well", "Source Row", "Source Column",
    "Destination Row", "Destination Column", "Sample Name", "Sample Comment", "Sample ID", "Sample Group",
    "Destination Well X Offset", "Destination Well Y Offset", "Transfer Volume", "Delay", "Classification Type",
}  # fmt: skip
"""https://kithairon.readthedocs.io/en/latest/picklists.html, "Echo-software Columns"."""
NEEDED_ECHO = {
    "Source Plate Name", "Source Plate Barcode", "Source Plate Type", "Source Well", "Destination Plate Name",
    "Destination Plate Barcode", "Destination Well", "Transfer Volume",
}  # fmt: skip
DOCUMENTED_OPENTRONS = (
    "Source Labware,Source Slot,Source Well,Source Aspiration Height Above Bottom (in mm),Dest Labware,Dest Slot,"
    "Dest Well,Volume (in ul)"
)
"""The example file of https://library.opentrons.com/p/cherrypicking; the protocol reads columns by their places."""

TABLE = {
    "id": ["r2-1", "r2-2", "r2-1-2"], "round": [2, 2, 2], "plate": [1, 1, 2], "well": ["A1", "B1", "A1"],
    **stock_columns([0, 1, 0], 96),
}  # fmt: skip


def written(tmp_path, kind, volume=25.0, size=96):
    lists = pick_lists([kind], volume, size, StockOptions(96))
    lists.write(tmp_path / "plate.csv", TABLE)
    with (tmp_path / f"plate.{kind}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_an_echo_list_has_documented_columns_alone(tmp_path):
    rows = written(tmp_path, "echo", 27.5)
    assert NEEDED_ECHO <= set(rows[0]) <= DOCUMENTED_ECHO
    assert [row["Source Well"] for row in rows] == ["A1", "A2", "A1"]
    assert [row["Destination Well"] for row in rows] == ["A1", "B1", "A1"]
    assert len({row["Destination Plate Name"] for row in rows}) == 2
    assert {row["Transfer Volume"] for row in rows} == {"27.5"}
    assert [row["Sample Name"] for row in rows] == TABLE["id"]


def test_an_opentrons_list_has_the_documented_columns_in_their_order(tmp_path):
    rows = written(tmp_path, "opentrons", 1500.0)
    assert ",".join(rows[0]) == DOCUMENTED_OPENTRONS
    assert {row["Volume (in ul)"] for row in rows} == {"1.5"}
    assert [row["Source Slot"] for row in rows] == ["1", "1", "1"]
    assert [row["Dest Slot"] for row in rows] == ["2", "2", "3"]
    assert {row["Source Labware"] for row in rows} == {"corning_96_wellplate_360ul_flat"}


def test_stock_plates_are_filled_in_the_order_of_picking():
    assert stock_columns([0, 23, 24, 384], 384) == {
        "stock_plate": [1, 1, 1, 2], "stock_well": ["A1", "A24", "B1", "A1"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kinds", "volume", "size", "stocks", "message"),
    [
        (["tecan"], 25, 96, StockOptions(), "Expected `picklist` echo or opentrons, got 'tecan'"),
        (["echo"], 25, None, StockOptions(), "Pass `plate`, 96 or 384"),
        (["echo"], 26, 96, StockOptions(), "multiple of 2.5 nL, .* got 26"),
        (["echo"], 25, 96, StockOptions(48), "96 or 384 wells, got `size` 48"),
    ],
)
def test_errors_say_what_to_do(kinds, volume, size, stocks, message):
    with pytest.raises(ConfigError, match=message):
        pick_lists(kinds, volume, size, stocks)


def test_an_opentrons_transfers_any_volume_and_holds_few_plates(tmp_path):
    lists = pick_lists(["opentrons"], 26, 96, StockOptions(96))
    assert isinstance(lists, PickLists)
    with pytest.raises(ConfigError, match=r"at most 10 plates on the deck .* got 11"):
        lists.write(tmp_path / "plate.csv", {**TABLE, "plate": [1, 2, 10]})


def test_lists_stand_beside_the_plate():
    assert [str(one) for one in picklist_paths("a/plate.csv.gz", ["echo"])] == ["a/plate.echo.csv"]


def test_a_pick_list_without_a_volume_is_refused_with_the_settings():
    with pytest.raises(ConfigError, match="Pass `transfer_volume` in nL"):
        build_settings(ProposeSettings, {"plate": 96, "picklist": ["echo"]})


def test_a_volume_in_another_unit_is_noted():
    assert pick_lists(["echo"], 500, 96, StockOptions()).notes == []
    assert pick_lists(["echo", "opentrons"], 500, 96, StockOptions()).notes == [
        "the pick list of the Opentrons has its volumes in µl: 500 nL are 0.5 µl"
    ]
