"""Sequences in Python: the table of the command, and the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

import sciencegen as sg
from sciencegen.api.sequences import resolve_sequences
from sciencegen.config import SequencesSettings
from sciencegen.domains.proteins.backbones.files import ITEMS
from tests.domains.proteins.backbones.examples import chains
from tests.domains.proteins.backbones.programs import design_program, fold_program

CHAINS = chains()[:2]


@pytest.mark.usefixtures("no_weights")
def test_a_result_writes_what_the_command_writes(cli, tmp_path):
    pytest.importorskip("tmtools")
    ITEMS.write(tmp_path / "designs.pdb", CHAINS, ["a", "b"], {})
    design, fold = design_program(tmp_path), fold_program(tmp_path, tmp_path / "designs.pdb")
    programs = {"design": {"command": design}, "fold": {"command": fold}}
    found = sg.sequences("proteins", tmp_path / "designs.pdb", 2, oracles=programs, seed=4, threads=1)
    assert found.table["name"].tolist() == ["a", "a", "b", "b"]
    assert (found.table["sc_rmsd"] < 0.6).all()
    assert found.table["best"].sum() == 2
    assert found.summary["folded"] == 4
    assert any("perplexity is left out" in note for note in found.notes)
    words = ("--command", design, "--fold", fold, "--seed", 4, "--threads", 1, "-n", 2)
    assert cli("sequences", "proteins", "designs.pdb", *words, "-o", "theirs.csv").code == 0
    found.write("ours.csv")
    assert Path("ours.csv").read_text() == Path("theirs.csv").read_text().replace("theirs.pdb", "ours.pdb")
    assert Path("ours.pdb").read_bytes() == Path("theirs.pdb").read_bytes()


@pytest.mark.usefixtures("no_weights")
def test_texts_are_items_and_unreadable_ones_are_refused(tmp_path):
    programs = {"design": {"command": design_program(tmp_path)}}
    found = sg.sequences("proteins", [ITEMS.text(CHAINS[0]), "nonsense"], 1, oracles=programs, threads=1)
    assert found.table["name"].tolist() == [CHAINS[0].name]
    ((line, text, reason),) = found.refused
    assert (line, text) == (2, "nonsense")
    assert "neither a backbone's text nor" in reason
    assert found.summary["refused"] == 1


@pytest.mark.usefixtures("random_weights")
def test_a_wrong_command_or_number_is_an_error_before_a_row_is_read():
    for oracles, said in (
        ({"fold": {"command": "true {input}"}}, "output"),
        ({"design": {"command": "true {input} {output}"}, "fold": {"command": "true > {input} {output}"}}, "no shell"),
    ):
        with pytest.raises(sg.ConfigError, match=said):
            resolve_sequences("proteins", Path("none.pdb"), SequencesSettings(oracles=oracles))
    with pytest.raises(sg.ConfigError, match="greater than or equal to 1"):
        sg.sequences("proteins", Path("none.pdb"), 0)
