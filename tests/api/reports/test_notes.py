"""Warnings on a run's page."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.api.reports import contents as report_notes
from sciencegen.api.reports.contents import RunContents, progress_name, warnings
from sciencegen.api.sampling.request import UNCHECKED
from sciencegen.config import RunSettings
from sciencegen.scoring.oracles import Score


@pytest.mark.parametrize(("novel", "said"), [([], False), ([None], True), ([True], False)])
def test_novelty_is_unknown_only_where_there_is_a_candidate(tmp_path, novel, said):
    table = {"item": ["C"] * len(novel), "novel": pa.array(novel, pa.bool_())}
    pq.write_table(pa.table(table), tmp_path / "candidates.parquet")
    settings = RunSettings(domain="molecules", optimize={"goals": ["maximize qed"]})
    made = warnings(RunContents(tmp_path, settings))
    assert any("novelty is unknown" in text for text in made) is said


def run_of(folder, table=None, **settings):
    pq.write_table(pa.table(table or {"item": ["AC"], "novel": [True]}), folder / "candidates.parquet")
    return RunContents(folder, RunSettings(domain="proteins", optimize={"n": 1, **settings}))


def searched(folder, **figures):
    (folder / "search").mkdir()
    controls = {name: dict(zip(("top_10", "top_96"), pair, strict=True)) for name, pair in figures.items()}
    (folder / "search/summary.json").write_text(json.dumps({"method": "evolution", "controls": controls}))


def test_a_control_that_beats_the_search_is_named_and_others_are_not(tmp_path):
    searched(tmp_path, evolution=(2.071, 1.909), hill_climb=(2.122, 1.828), prior=(0.5, None))
    table = {"item": ["AC"], "novel": [True], "fitness": [2.0], "fitness_lower": [1.0]}
    (told,) = warnings(run_of(tmp_path, table, goals=["maximize fitness"]))
    assert "The control hill_climb beat the search (evolution)" in told
    assert "2.122 against 2.071 (the ten best)" in told
    assert "the 96 best are the search's: 1.909, 1.828" in told
    assert told.endswith(
        "Compared are means over the best items that each found, by fitness_lower (the interval's worse end)."
    )


def test_candidates_of_a_control_that_beat_the_search_are_counted(tmp_path):
    searched(tmp_path, evolution=(2.0, 1.9), hill_climb=(2.1, 2.0))
    summary = json.loads((tmp_path / "search/summary.json").read_text())
    summary |= {"found_by": {"evolution": 40, "hill_climb": 56}}
    (tmp_path / "search/summary.json").write_text(json.dumps(summary))
    (told,) = warnings(run_of(tmp_path, goals=["maximize fitness"]))
    assert told.endswith("Candidates are the best of both: 56 are this control's.")


def test_means_within_a_limit_to_each_class_are_named_as_such(tmp_path):
    searched(tmp_path, evolution=(2.0, 1.9), hill_climb=(2.1, 1.8))
    summary = json.loads((tmp_path / "search/summary.json").read_text()) | {"variety": {"maximum_share": 0.1}}
    (tmp_path / "search/summary.json").write_text(json.dumps(summary))
    (told,) = warnings(run_of(tmp_path, goals=["maximize fitness"]))
    assert told.endswith("over the best items that each found with at most 10% of one class, by fitness.")


def test_the_axis_of_a_search_says_what_it_goes_by(tmp_path):
    table = {"item": ["AC"], "fitness": [2.0], "fitness_lower": [1.0], "fitness_upper": [3.0]}
    name = lambda **settings: progress_name(run_of(tmp_path, table, **settings))  # noqa: E731
    assert name(goals=["maximize fitness", "fitness in domain"]) == "mean of the ten best, by fitness_lower"
    assert "by fitness_upper" in name(goals=["minimize fitness"])
    assert name(goals=["maximize fitness"], lower_bounds=False) == "mean of the ten best, by fitness"


def test_conditions_that_draws_miss_are_named_and_met_ones_are_not(tmp_path):
    rows = [(-4, -3.9, 2.13), (-2, -2.1, 0.7), (0, -0.3, 0.6), (1, 0.07, 0.9)]
    told = [{"asked": a, "got": g, "lower": g, "upper": g, "mean_absolute_error": e} for a, g, e in rows]
    (tmp_path / "metrics.json").write_text(json.dumps({"conditions": {"fitness": told}}))
    (said,) = warnings(run_of(tmp_path))
    assert "of fitness: for -4, they are off by 2.13 on average; for 1, their mean is 0.07" in said
    assert "-2" not in said
    judged = RunSettings(domain="proteins", optimize={"n": 1}, evaluate={"predictors": {"fitness": "runs/fitness"}})
    assert "of fitness (by the predictor fitness): for -4" in warnings(RunContents(tmp_path, judged))[0]


def test_notes_of_the_steps_are_repeated_once(tmp_path):
    (tmp_path / "notes").mkdir()
    for step, notes in (("generate", ["few draws."]), ("propose", ["few draws", "`maximum_share` 0.25 spreads it"])):
        (tmp_path / f"notes/{step}.json").write_text(json.dumps({"step": step, "notes": notes}))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/generate.log").write_text("note: of an earlier version\n")
    expected = ["Generate: few draws.", "Propose: `maximum_share` 0.25 spreads it."]
    assert sorted(warnings(run_of(tmp_path))) == expected


def test_notes_that_only_the_logs_hold_are_repeated_once(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/generate.log").write_text("note: nothing here can check it\nwritten 5\n")
    (tmp_path / "logs/optimize.log").write_text("note: an extrapolation\nnote: nothing here can check it\n")
    (tmp_path / "search").mkdir()
    (tmp_path / "search/summary.json").write_text(json.dumps({"notes": ["an extrapolation.", ""]}))
    assert warnings(run_of(tmp_path)) == ["An extrapolation.", "Generate: nothing here can check it."]


def test_what_a_note_says_of_flags_is_said_of_the_keys_of_the_config(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/propose.log").write_text("note: crowded. --maximum-share 0.25 spreads the risk\n")
    assert warnings(run_of(tmp_path)) == ["Propose: crowded. `maximum_share` 0.25 spreads the risk."]


def test_what_only_a_predictor_can_judge_of_draws_is_told_by_it(cli, workspace, tmp_path, monkeypatch):
    """Its sentence replaces the note that nothing could check the condition, which held for the step that drew."""
    shutil.copytree(workspace.model, tmp_path / "model")
    done = cli("generate", "pointclouds", "--model", workspace.model, "-n", 20, "-o", tmp_path / "samples.parquet")
    assert done.code == 0, done.err
    items = pq.read_table(tmp_path / "samples.parquet")
    pq.write_table(items.append_column("novel", [[True] * len(items)]), tmp_path / "candidates.parquet")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/generate.log").write_text(f"note: {UNCHECKED.format('measured')}; --predictor filters\n")
    settings = {"predict": {"measured": {"table": "x.csv", "target": "measured"}}, "optimize": {"n": 1}}
    settings |= {"generate": {"where": ["measured >= -1000"]}, "domain": "pointclouds"}
    run = RunContents(tmp_path, RunSettings(**settings))
    assert warnings(run) == ["Generate: " + UNCHECKED.format("measured") + "; `predictors` filters."], (
        "no predictor yet"
    )
    shutil.copytree(workspace.folder / "predictor", tmp_path / "predictors/measured")
    (said,) = warnings(RunContents(tmp_path, RunSettings(**settings)))
    assert (
        "20 generated items, requested with 'measured >= -1000', 20 meet it by the predictor measured, 20 with" in said
    )
    failed = lambda oracle, items: [Score(None, failure="no structure")] * len(items)  # noqa: E731
    monkeypatch.setattr(report_notes, "score_safely", failed)
    assert warnings(RunContents(tmp_path, RunSettings(**settings)))[0].startswith("Generate: ")
