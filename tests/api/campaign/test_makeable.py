"""Plates of items that are made from building blocks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.campaign.candidates import how_made, material_notes
from sciencegen.api.sources.blocks import read_blocks
from sciencegen.domains.molecules import DOMAIN
from sciencegen.domains.molecules.synthesis import replay
from sciencegen.optimization.journal import read_journal
from tests.domains.molecules.synthesis.stocks import BLOCKS

OPTIONS = {
    "blocks": "blocks.smi", "maximum_steps": 2, "threads": 1, "surrogate": "gp", "scale": "linear",
    "breeding": {"children": 20, "generations": 1, "draws": 20},
}  # fmt: skip


@pytest.fixture(autouse=True)
def blocks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("blocks.smi").write_text("".join(f"{smiles} B{number}\n" for number, smiles in enumerate(BLOCKS)))
    return read_blocks(DOMAIN, "blocks.smi", 2, 1)


@pytest.fixture
def measured(blocks):
    """A table of items without the ways to make them, one of which can't be made; and the ways."""
    items = blocks.moves.draw(12, np.random.default_rng(0))
    texts = ["CCCCCCCCC", *map(DOMAIN.items.text, items)]
    pd.DataFrame({"item": texts, "value": np.arange(13.0)}).to_csv("measured.csv", index=False)
    return blocks.moves.columns(items)


def replayed(table):
    for smiles, line in zip(table["item"], table["route"], strict=True):
        assert replay(line).smiles == smiles


def test_a_first_plate_is_of_routes_and_the_seed_decides_it():
    first, again = (sg.propose("molecules", batch=4, **OPTIONS) for _ in range(2))
    assert first.table.equals(again.table)
    replayed(first.table)
    assert set(first.table["source"]) == {"blocks"}
    bought = {name for cell in first.table["route_blocks"] for name in cell.split("; ")}
    assert any(f"the 4 items need {len(bought)} building blocks" in note for note in first.notes)


@pytest.mark.long
def test_a_plate_is_bred_from_analogues_of_the_best(measured):
    plate = sg.propose("molecules", "measured.csv", batch=6, journal="j.csv", controls="CCCCCCCCC", **OPTIONS)
    *picked, control = plate.table.to_dict("records")
    assert len(picked) == 5
    replayed(plate.table[:-1])
    again = sg.propose(
        "molecules", "measured.csv", batch=6, journal="k.csv", controls="CCCCCCCCC", **{**OPTIONS, "threads": 2}
    )
    assert again.table.equals(plate.table)
    assert {one["source"] for one in picked} <= {"blocks", "analogue", "mutation", "edit", "recombination"}
    assert control["source"] == "control"
    assert [plate.proposed.table[name][-1] for name in ("route", "route_steps", "route_blocks")] == [None] * 3
    plate.write("plate.csv")
    assert pd.read_csv("plate.csv")["route"][:5].tolist() == [one["route"] for one in picked]
    assert [one.item for one in read_journal("j.csv").proposed] == plate.table["item"].tolist()


@pytest.mark.long
def test_candidates_without_a_way_are_left_out():
    Path("ideas.csv").write_text("item\nCCCCCCCC\nCC(=O)NCc1ccccc1\n")
    plate = sg.propose("molecules", batch=200, also="ideas.csv", **OPTIONS)
    assert "CCCCCCCC" not in set(plate.table["item"])
    assert "CC(=O)NCc1ccccc1" in set(plate.table["item"][plate.table["source"] == "offered"])
    assert any("1 of 2 candidates of `also` are left out: no way to make" in note for note in plate.notes)
    of_pool = sg.propose("molecules", batch=1, pool="ideas.csv", **OPTIONS)
    assert of_pool.table["item"].tolist() == ["CC(=O)NCc1ccccc1"]
    Path("ideas.csv").write_text("item\nCCCCCCCC\n")
    with pytest.raises(sg.DataError, match="Expected candidates of the pool that can be made"):
        sg.propose("molecules", batch=1, pool="ideas.csv", **OPTIONS)


def test_the_ways_of_a_measured_table_are_known(measured):
    """So that its items are parents themselves; no analogues are looked for."""
    table = pd.read_csv("measured.csv")[1:].assign(route=measured["route"])
    table.to_csv("measured.csv", index=False)
    plate = sg.propose("molecules", "measured.csv", batch=12, **OPTIONS)
    assert "analogue" not in set(plate.table["source"])
    assert set(plate.table["source"]) & {"mutation", "edit", "recombination"}


def test_cells_are_empty_where_no_way_is_known(blocks):
    made = blocks.moves.enter("acylation_nitrogen: CC(=O)O + NCc1ccccc1 -> CC(=O)NCc1ccccc1")
    columns = how_made(blocks, [DOMAIN.items.parse("CCO"), made])
    assert columns["route_steps"] == [None, 1]
    assert columns["route_blocks"] == [None, "B0; B14"]
    assert material_notes(blocks, [DOMAIN.items.parse("CCO")]) == []
    assert material_notes(blocks, [made]) == ["the 1 items need 2 building blocks"]


def test_other_domains_have_no_blocks():
    with pytest.raises(sg.ConfigError, match="not made from building blocks"):
        sg.propose("proteins", wild_type="MKVLA", space={"positions": "2-4"}, batch=3, blocks="blocks.smi")
