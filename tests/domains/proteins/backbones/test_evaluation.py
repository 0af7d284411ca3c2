"""Metrics of backbones given as text, and what is left out without optional packages."""

import json
import sys

import numpy as np
import pytest

from sciencegen.cli import console
from sciencegen.domains.proteins.backbones import metrics as evaluation
from sciencegen.domains.proteins.backbones import published_weights
from sciencegen.domains.proteins.backbones.files import write
from sciencegen.domains.proteins.backbones.form import DOMAIN
from sciencegen.domains.proteins.backbones.items import text
from sciencegen.domains.proteins.backbones.metrics import NO_ALIGNMENTS, NO_LETTERS, NO_SEQUENCES, NOTES, evaluate
from tests.cli.conftest import run
from tests.domains.proteins.backbones.examples import chains

TEXTS = [text(one) for one in chains()]


@pytest.fixture
def without_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "tmtools", None)
    monkeypatch.setitem(sys.modules, "mini3di", None)
    monkeypatch.setattr(published_weights, "weights_path", lambda *name: None)


def test_without_the_packages_their_metrics_are_left_out_with_notes(without_packages):
    with pytest.warns(UserWarning, match="left out") as notes:
        found = evaluate(TEXTS[:4], TEXTS[4:], TEXTS[:2])
    assert [str(note.message) for note in notes] == [NO_ALIGNMENTS, NO_LETTERS, NO_SEQUENCES]
    absent = {"mean_tm", "copies", "nearest_training_tm", "nearest_3di", "perplexity", "reference_perplexity"}
    assert not absent & found.keys()
    assert found["valid"] == found["unbroken"] == found["ca_distances"] == 1
    assert found["novelty"] == 0.5
    assert {"wasserstein_helix", "helix", "reference_helix", "ramachandran", "nearest_reference"} <= found.keys()


def test_all_packages_give_all_metrics(monkeypatch):
    asked = {}
    monkeypatch.setattr(evaluation, "can_align", lambda: True)
    monkeypatch.setattr(evaluation, "can_spell", lambda: True)
    monkeypatch.setattr(published_weights, "weights_path", lambda *name: "weights")
    monkeypatch.setattr(evaluation, "evaluate_backbones", lambda *sets, **chosen: asked.update(chosen) or {})
    evaluate.reporting(print)(TEXTS[:2], TEXTS[2:], TEXTS[:1])
    assert asked == {"alignments": True, "letters": True, "sequences": True, "report": print}


def test_the_command_says_how_much_is_done(monkeypatch, tmp_path, without_packages):
    def slow(*sets, report, **chosen):
        for done in range(3):
            report("TM-scores of pairs", done, 10)
        return {"unbroken": 1.0}

    monkeypatch.setattr(evaluation, "evaluate_backbones", slow)
    monkeypatch.setattr(console, "FIRST_S", 0.0)
    monkeypatch.chdir(tmp_path)
    items = chains()[:3]
    write(tmp_path / "made.pdb", items, [item.name for item in items], {})
    made = run("evaluate", "proteins", "made.pdb", "--form", "structures", "--against", "made.pdb", "-o", "made.json")
    assert made.code == 0, made.err
    assert "TM-scores of pairs: 1 of 10" in made.err


def test_what_is_no_backbone_counts_as_not_valid(without_packages):
    with pytest.warns(UserWarning, match="left out"):
        found = evaluate([*TEXTS[:3], "MKVLAT"], TEXTS[4:])
    assert (found["count"], found["count_valid"]) == (4, 3)
    assert found["valid"] == found["unbroken"] == 0.75


def test_each_metric_has_a_note_or_is_a_distance_of_a_property(without_packages):
    with pytest.warns(UserWarning, match="left out"):
        found = evaluate(TEXTS[:4], TEXTS[4:], TEXTS[:2])
    properties = {f"wasserstein_{name}" for name in DOMAIN.properties}
    assert {name for name in found if not name.startswith("count")} <= {*NOTES, *properties}


def test_the_verb_takes_a_dataset_and_a_folder_as_the_reference(without_packages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mine").mkdir()
    for item in chains()[:3]:
        write(tmp_path / "mine" / f"{item.name}.pdb", [item], [item.name], {})
    for source, count in (("backbones", 20), ("./mine", 3)):
        made = run("evaluate", "proteins", "./mine", "--form", "structures", "--against", source, "-o", f"{count}.json")
        assert made.code == 0, made.err
        assert json.loads((tmp_path / f"{count}.json").read_text())["count_reference"] == count
        assert "share of right-handed turns in helices" in " ".join(made.err.split())
    assert np.isclose(json.loads((tmp_path / "3.json").read_text())["ramachandran"], 0)
