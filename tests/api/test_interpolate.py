"""Paths between molecules keep the core that both have, and say what they couldn't do."""

from __future__ import annotations

import pandas as pd
import pytest
from rdkit import Chem

import sciencegen as sg
from sciencegen.domains.molecules.alerts import is_plausible
from sciencegen.domains.molecules.items import parse
from sciencegen.domains.molecules.paths import shared_core
from sciencegen.errors import DataError
from sciencegen.latent.explorer import LatentSpace
from tests.cli.conftest import Result

START, END = "Cc1ccc(C(=O)NC)cc1", "Clc1ccc(C(=O)NCCO)cc1"
AMITRIPTYLINE, NORTRIPTYLINE = "CN(C)CCC=C1c2ccccc2CCc2ccccc21", "CNCCC=C1c2ccccc2CCc2ccccc21"


@pytest.fixture(scope="module")
def path() -> sg.Result:
    return sg.interpolate("molecules", START, END, 6, include=["qed"], seed=1, threads=1)


def test_each_step_has_the_core_and_states_its_similarity_to_both_ends(path):
    table, core = path.table, Chem.MolFromSmiles("CNC(=O)c1ccccc1")
    assert table.columns.tolist() == ["step", "item", "similarity_to_start", "similarity_to_end", "qed"]
    assert [table["item"].iloc[0], table["item"].iloc[-1]] == ["CNC(=O)c1ccc(C)cc1", "O=C(NCCO)c1ccc(Cl)cc1"]
    assert table["item"].nunique() == 6
    assert all(Chem.MolFromSmiles(text).HasSubstructMatch(core) for text in table["item"])
    first, last = table["similarity_to_start"], table["similarity_to_end"]
    assert (first.iloc[0], last.iloc[-1]) == (1, 1)
    assert first.iloc[-1] == last.iloc[0] == first.min() == last.min()
    progress = (1 - first) / (2 - first - last)
    assert progress.is_monotonic_increasing
    assert path.notes == ("each step holds the core of both items: CNC(=O)c1ccccc1",)
    assert path.fewer == ""
    assert path.summary == {"requested": 6, "written": 6, "ledger": {"steps": 6, "written": 6}}


def test_the_same_seed_gives_the_same_path(path):
    again = sg.interpolate("molecules", START, END, 6, include=["qed"], seed=1, threads=1)
    pd.testing.assert_frame_equal(again.table, path.table)


def test_an_arc_of_distinct_plausible_items_is_the_path():
    found = sg.interpolate("molecules", START, END, 3, shared_core=False, threads=1)
    space = sg.load("molecules", device="cpu")
    assert found.table["item"].tolist() == space.interpolate(START, END, 3)
    assert found.notes == ()


def test_where_the_arc_repeats_itself_steps_are_distinct_and_plausible_draws_near_it():
    found = sg.interpolate("molecules", START, END, 8, shared_core=False, threads=1)
    items, (note,) = found.table["item"], found.notes
    assert len({*sg.load("molecules", device="cpu").interpolate(START, END, 8)}) < 8
    assert note.startswith("the arc between the latents gives ")
    assert [items.iloc[0], items.iloc[-1]] == ["CNC(=O)c1ccc(C)cc1", "O=C(NCCO)c1ccc(Cl)cc1"]
    assert items.is_unique
    assert all(is_plausible(Chem.MolFromSmiles(text)) for text in items)
    assert len(items) == found.summary["written"] == 8 - sum(found.summary.get("left_out", {}).values())
    progress = (1 - found.table["similarity_to_start"]) / (
        2 - found.table["similarity_to_start"] - found.table["similarity_to_end"]
    )
    assert progress.is_monotonic_increasing


def test_implausible_steps_are_left_out_unless_they_are_allowed_or_an_end_is_one(monkeypatch):
    hemiacetal = [*map(parse, ("CCO", "CC(O)OC", "CCN"))]
    monkeypatch.setattr(LatentSpace, "decode_items", lambda self, latents: hemiacetal[: len(latents)])
    monkeypatch.setattr(LatentSpace, "draft_items", lambda self, latents: hemiacetal)
    given = {"shared_core": False, "threads": 1}
    found = sg.interpolate("molecules", "CCO", "CCN", 3, **given)
    assert found.table["step"].tolist() == [0, 2]
    lost = {"no other item was found this far on the way": 1}
    assert found.summary == {
        "requested": 3, "written": 2, "left_out": lost, "ledger": {"steps": 3, "written": 2, **lost},
    }  # fmt: skip
    assert found.fewer.startswith("1 of 3 steps are left out: no other item")
    assert len(sg.interpolate("molecules", "CCO", "CCN", 3, plausible=False, **given).table) == 3
    found = sg.interpolate("molecules", "CC(O)OCC", "CCN", 3, **given)
    assert found.table["item"].iloc[0] == "CCOC(C)O"
    assert found.notes[1] == "the start is implausible, so that the steps may be too"


def test_items_without_a_core_say_why():
    found = sg.interpolate("molecules", "CCO", "Oc1ccccc1", 3, threads=1)
    reason = shared_core(Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("Oc1ccccc1")).reason
    assert found.notes[0] == f"no core to keep: {reason}"


def test_ends_that_the_model_does_not_reconstruct_are_named_and_are_ends_all_the_same(monkeypatch):
    decode = LatentSpace.decode_items
    monkeypatch.setattr(LatentSpace, "decode_items", lambda self, latents: decode(self, latents[::-1].copy()))
    found = sg.interpolate("molecules", START, END, 3, threads=1)
    assert found.table["item"].iloc[0] == "CNC(=O)c1ccc(C)cc1"
    itself = "is the item itself, not what the model makes of it"
    assert found.notes[1:] == (
        f"the start, CNC(=O)c1ccc(C)cc1, is not reconstructed from its latent: the first step {itself}",
        f"the end, O=C(NCCO)c1ccc(Cl)cc1, is not reconstructed from its latent: the last step {itself}",
    )


def test_ends_that_the_model_can_not_encode_are_ends_if_they_share_a_core():
    start, model = "C[Si](C)(C)c1ccc(C(=O)NC)cc1", "molecules-language-model"  # which has seen no silicon
    found = sg.interpolate("molecules", start, END, 4, model=model, threads=1)
    assert found.table["item"].iloc[0] == "CNC(=O)c1ccc([Si](C)(C)C)cc1"
    assert all(found.table["item"])
    assert found.notes[1].startswith("the start, C[Si](C)(C)c1ccc(C(=O)NC)cc1, has no latent (")
    with pytest.raises(DataError, match="two items that can be encoded"):
        sg.interpolate("molecules", start, END, 4, model=model, shared_core=False, threads=1)


def test_too_few_molecules_between_are_an_exit_code_with_the_number_of_steps_to_ask_for(cli, tmp_path):
    done: Result = cli(
        "interpolate", "molecules", AMITRIPTYLINE, NORTRIPTYLINE, "--steps", 60, "--threads", 1, "-o", "path.csv"
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "path.csv")
    assert done.code == 5
    assert f"{60 - len(table)} of 60 steps are left out" in done.err
    assert f"Ask for at most {len(table)} steps" in done.err
    assert cli("interpolate", "molecules", AMITRIPTYLINE, NORTRIPTYLINE, "--steps", 2, "--threads", 1).code == 0
