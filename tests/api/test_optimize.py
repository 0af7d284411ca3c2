"""optimize: candidates meet the goals, are distinct, and follow from the seed."""

import shutil

import pytest
from pointclouds import DOMAIN

from sciencegen.api.optimize import optimize, resolve_optimize
from sciencegen.api.predictors.folder import TRAINING_KEYS, write_training_keys
from sciencegen.api.score import score
from sciencegen.config import OptimizeSettings
from sciencegen.domains.molecules.synthesis import replay
from sciencegen.errors import SciencegenError
from sciencegen.runs import RunFolder
from tests.domains.molecules.synthesis.stocks import BLOCKS


@pytest.mark.usefixtures("tiny_draws")
def test_candidates_meet_the_goals_and_the_seed_decides_them(workspace):
    options = {"model": str(workspace.model), "budget": 60, "n": 3, "threads": 1}
    goals = ["maximize height", "radius <= 2"]
    first, again = (optimize("pointclouds", goals, seed=1, **options).table for _ in range(2))
    assert first.equals(again)
    assert (first["radius"] <= 2).all()
    assert first["item"].is_unique
    assert first["height"].tolist() == sorted(first["height"], reverse=True)
    with pytest.raises(SciencegenError, match="Did you mean 'height'"):
        optimize("pointclouds", ["maximize hieght"], **options)


def test_a_cache_without_a_program_is_told(workspace):
    """Programs alone have their scores kept, so the file would stay away without a word."""
    settings = OptimizeSettings(goals=["maximize height"], model=str(workspace.model), cache="scores.sqlite", threads=1)
    assert any("scores.sqlite isn't used" in note for note in resolve_optimize("pointclouds", settings).notes)


@pytest.mark.usefixtures("tiny_draws")
def test_what_a_predictor_learned_from_is_not_returned_as_new(workspace, tmp_path):
    options = {"model": str(workspace.model), "budget": 60, "n": 3, "threads": 1}
    folder = shutil.copytree(workspace.folder / "predictor", tmp_path / "p")
    options["predictors"] = {"m": str(folder)}
    best, *_ = optimize("pointclouds", ["maximize m"], **options).table["item"]
    write_training_keys(RunFolder(folder), [DOMAIN.items.key(DOMAIN.items.parse(best))])
    found = optimize("pointclouds", ["maximize m"], **options)
    assert best not in set(found.table["item"])
    assert found.summary["learned_from"] == {"m": 1}
    assert any("table of the predictor 'm'" in note for note in found.notes)
    kept = optimize("pointclouds", ["maximize m"], novel=False, **options).table.set_index("item")["novel"]
    assert kept[best] == False  # noqa: E712
    (folder / TRAINING_KEYS).unlink()  # as version 0.1 left it
    assert any("doesn't keep" in note for note in optimize("pointclouds", ["maximize m"], **options).notes)


@pytest.mark.long
def test_the_model_draws_under_conditions_that_candidates_meet():
    options = {"budget": 12, "n": 3, "method": "prior", "threads": 1}
    found = optimize("galaxies", ["maximize gini"], where="magnitude in 21..22", **options)
    assert found.scored["feasible"].sum() == 12
    assert found.table["magnitude"].between(21, 22).all()
    searched = optimize("galaxies", ["maximize gini", "magnitude in 21..22"], **options)
    assert searched.scored["feasible"].sum() < 6
    assert found.summary["goals"] == ["maximize gini", "magnitude in 21..22"]
    with pytest.raises(SciencegenError, match="Expected a condition such as"):
        optimize("galaxies", ["maximize gini"], where="maximize flux")
    with pytest.raises(SciencegenError, match="exclude each other"):
        optimize("galaxies", ["maximize gini", "magnitude in 20..20.5"], where="magnitude in 21..22", **options)


@pytest.mark.usefixtures("tiny_draws")
def test_a_condition_that_the_model_does_not_know_is_a_goal(workspace):
    options = {"model": str(workspace.model), "budget": 30, "n": 2, "threads": 1}
    found = optimize("pointclouds", ["maximize radius"], where="height >= 0", **options)
    assert any("isn't conditioned on 'height'" in note for note in found.notes)
    assert (found.table["height"] >= 0).all()
    with pytest.raises(SciencegenError, match="Did you mean 'radius'"):
        optimize("pointclouds", ["maximize height"], where="radios >= 0.1", **options)


@pytest.mark.usefixtures("tiny_draws")
def test_no_class_holds_more_than_its_share_of_the_candidates(workspace, monkeypatch):
    options = {"model": str(workspace.model), "budget": 60, "n": 4, "threads": 1, "maximum_similarity": 1}
    goals = ["maximize height"]
    plain = optimize("pointclouds", goals, **options)
    assert "variety" not in plain.summary
    kind = lambda items: [f"{item.max():.1f}" for item in items]  # noqa: E731
    monkeypatch.setitem(DOMAIN.similarity.classes, "heights", kind)
    varied, free = optimize("pointclouds", goals, **options), optimize("pointclouds", goals, maximum_share=1, **options)
    assert free.table.equals(plain.table)
    assert free.summary == plain.summary
    found = varied.summary["variety"]
    assert found["maximum_share"] == 0.1
    assert found["classes"]["heights"]["count"] == len(set(kind(map(DOMAIN.items.parse, varied.table["item"]))))
    assert found["classes"]["heights"]["size"] == 1
    assert any("4 candidates over 4 heights" in note for note in varied.notes)
    with pytest.raises(SciencegenError, match="no classes"):
        optimize("galaxies", ["maximize flux"], maximum_share=0.5)


@pytest.mark.usefixtures("tiny_draws")
def test_candidates_are_the_best_of_the_search_and_its_controls(workspace):
    options = {"model": str(workspace.model), "budget": 60, "n": 5, "threads": 1, "maximum_similarity": 1}
    options["settings"] = {"initial": 12, "batch": 8}
    draws, searched, both = (
        optimize("pointclouds", ["maximize height", "height >= 0.5"], method=method, controls=controls, **options)
        for method, controls in (("prior", ()), ("evolution", ()), ("prior", ("evolution",)))
    )
    best = {found.table["height"].max(): name for found, name in ((draws, "prior"), (searched, "evolution"))}
    assert both.table["height"].max() == max(best)
    assert both.table["found_by"][0] == best[max(best)] == "evolution"
    assert both.summary["found_by"] == {name: (both.table["found_by"] == name).sum() for name in ("prior", "evolution")}
    assert len(both.scored) == both.summary["scored"] == both.scored["item"].nunique() > 60
    assert set(both.scored["found_by"]) == {"prior", "evolution"}
    assert any("by the control evolution (column found_by)" in note for note in both.notes)
    assert "found_by" not in draws.table
    own = {name: alone.summary["controls"][name] for name, alone in (("prior", draws), ("evolution", searched))}
    assert {name: one["met_by"] for name, one in both.summary["controls"].items()} == {
        name: one["met_by"] for name, one in own.items()
    }
    assert max(one["met_by"]["height >= 0.5"] for one in own.values()) < both.summary["met_by"]["height >= 0.5"]


def test_candidates_from_building_blocks_have_routes(tmp_path):
    blocks = tmp_path / "blocks.smi"
    blocks.write_text("".join(f"{smiles} B{number}\n" for number, smiles in enumerate(BLOCKS)) + "not-one\n")
    options = {
        "blocks": str(blocks),
        "maximum_steps": 2,
        "budget": 40,
        "n": 5,
        "threads": 1,
        "start": "CC(=O)NCc1ccccc1",
    }
    goals = ["maximize qed", "alerts = 0"]
    first, again = (optimize("molecules", goals, settings={"screen": 2}, **options) for _ in range(2))
    assert first.table.equals(again.table)
    assert first.table["route_steps"].between(1, 2).all()
    for smiles, line in zip(first.table["item"], first.table["route"], strict=True):
        assert replay(line).smiles == smiles
    assert "the start CC(=O)NCc1ccccc1 can be made from the blocks" in first.notes
    for name in ("made.csv", "made.sdf"):
        path = first.write(tmp_path / name)
        assert first.table["route"][0] in path.read_text()
        assert "not-one,building block of" in path.with_name(f"{name}.rejects.csv").read_text()
    with pytest.raises(SciencegenError, match="needs no latents"):
        optimize("molecules", goals, blocks=str(blocks), method="bayes")
    with pytest.raises(SciencegenError, match="Expected a file of molecules"):
        optimize("molecules", goals, blocks=str(tmp_path / "missing.smi"))


def test_candidates_say_what_they_leave_undefined(tmp_path):
    blocks = tmp_path / "blocks.smi"
    blocks.write_text("CC(N)c1ccccc1 amine\nCC(F)C(=O)O acid\nOC(=O)C1CC1 other\n")
    options = {"blocks": str(blocks), "maximum_steps": 1, "budget": 10, "n": 5, "threads": 1, "settings": {"screen": 2}}
    found = optimize("molecules", ["maximize qed"], **options)
    counts = found.table["undefined_stereocentres"]
    assert counts.tolist() == score("molecules", found.table["item"].tolist(), counts.name).table[counts.name].tolist()
    assert found.summary["left_open"] == {counts.name: int((counts > 0).sum())}
    assert any("(column undefined_stereocentres)" in note for note in found.notes)
