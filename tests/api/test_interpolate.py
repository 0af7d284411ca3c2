"""Paths between molecules keep the core that both have, and say what they couldn't do."""

from __future__ import annotations

import pandas as pd
import pytest
from rdkit import Chem

import sciencegen as sg
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
    assert path.summary == {"steps": 6, "distinct": 6, "empty": 0}


def test_the_same_seed_gives_the_same_path(path):
    again = sg.interpolate("molecules", START, END, 6, include=["qed"], seed=1, threads=1)
    pd.testing.assert_frame_equal(again.table, path.table)


def test_without_the_core_steps_are_decoded_from_the_arc():
    found = sg.interpolate("molecules", START, END, 5, shared_core=False, threads=1)
    space = sg.load("molecules", device="cpu")
    assert found.table["item"].tolist() == space.interpolate(START, END, 5)
    assert "similarity_to_end" in found.table


def test_items_without_a_core_say_why():
    found = sg.interpolate("molecules", "CCO", "Oc1ccccc1", 3, threads=1)
    reason = shared_core(Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("Oc1ccccc1")).reason
    assert found.notes == (f"no core to keep: {reason}; the steps are decoded from the arc between the latents",)


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
    empty = int(table["item"].isna().sum())
    assert done.code == 5
    assert f"{empty} of 60 steps are empty" in done.err
    assert f"Ask for at most {60 - empty} steps" in done.err
    assert cli("interpolate", "molecules", AMITRIPTYLINE, NORTRIPTYLINE, "--steps", 2, "--threads", 1).code == 0
