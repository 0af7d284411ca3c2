"""score --variants --classify: two more columns, which depend on nothing but the model and the variant."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sciencegen.domains.proteins.variant_scores import FamilyScorer


def score(cli, model, variants, *more):
    return cli("score", "proteins", "--variants", variants, "--model", model, "-o", "s.csv", "--force", *more)


def test_all_singles_get_a_probability_and_a_class(cli, family_model):
    plain = score(cli, family_model, "all-singles")
    assert plain.code == 0, plain.err
    before = pd.read_csv("s.csv")
    result = score(cli, family_model, "all-singles", "--classify", "--json")
    assert result.code == 0, result.err
    table = pd.read_csv("s.csv")
    assert table.columns.tolist() == ["line", "mutant", "score", "score_sd", "damaging", "class"]
    pd.testing.assert_frame_equal(table[before.columns.tolist()], before)
    assert len(table) == 30 * 19
    assert table.damaging.between(0, 1).all()
    ranked = table.sort_values("score", ascending=False)
    assert (np.diff(ranked.damaging) >= -1e-12).all()
    assert (table["class"] == "uncertain").mean() == pytest.approx(0.25, abs=0.01)
    assert json.loads(result.out)["classes"] == table["class"].value_counts().sort_index().to_dict()
    assert "no clinical finding" in result.err


def test_a_class_does_not_depend_on_what_else_is_asked(cli, family_model):
    assert score(cli, family_model, "all-singles", "--classify").code == 0
    singles = pd.read_csv("s.csv").set_index("mutant").drop(columns="line")
    one = singles.index[100]
    with open("few.csv", "w") as handle:
        handle.write(f"mutant\n{one}\nnonsense\n{one}:{singles.index[300]}\nWT\n")
    result = score(cli, family_model, "few.csv", "--classify")
    assert result.code == 0, result.err
    few = pd.read_csv("s.csv").set_index("mutant").drop(columns="line")
    assert few.loc[one].to_dict() == singles.loc[one].to_dict()
    assert len(few) == 3
    assert few.loc["WT", "class"] == "benign"
    assert pd.read_csv("s.csv.rejects.csv")["item"].tolist() == ["nonsense"]


def test_classes_of_a_model_that_hardly_learned_are_doubted(cli, family_model, monkeypatch):
    """In the notes and the summary; classes of a trained model are not doubted."""
    learned = score(cli, family_model, "all-singles", "--classify")
    assert "mean little" not in learned.err
    whole = FamilyScorer.score
    faint = lambda self, texts: [replace(one, score=one.score / 100) for one in whole(self, texts)]  # noqa: E731
    monkeypatch.setattr(FamilyScorer, "score", faint)
    doubted = score(cli, family_model, "all-singles", "--classify", "--json")
    assert "note: the classes and their chances mean little" in doubted.err
    assert "mean little" in json.loads(doubted.out)["notes"][0]


def test_classes_are_those_of_variants(cli, family_model, workspace):
    result = cli("score", "proteins", "x.fasta", "--classify")
    assert (result.code, "Expected --variants with --classify" in result.err) == (2, True)
    result = cli("score", "pointclouds", "--variants", "all-singles", "--model", workspace.model, "--classify")
    assert (result.code, "Expected a domain with classes of variants" in result.err) == (2, True)
