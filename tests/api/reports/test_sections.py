"""Sections of a run's report: each figure once."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from sciencegen.api.reports.contents import RunContents
from sciencegen.api.reports.sections import candidates, facts, metrics, search_curves, summary_sentence, traces
from sciencegen.api.writing.output_record import Ingredients, Written
from sciencegen.config import RunSettings


def test_a_figure_of_the_model_gives_way_to_the_run_s_own(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "metrics.json").write_text(json.dumps({"fcd": 2.5, "against": "moses/test"}))
    (tmp_path / "model/metrics.json").write_text(json.dumps({"fcd": 1.8, "reconstruction_held_out": 0.9}))
    shown = metrics(RunContents(tmp_path, RunSettings(domain="molecules")))
    assert [(row["name"], row["value"]) for row in shown] == [("fcd", 2.5), ("reconstruction_held_out", 0.9)]
    assert "moses/test" in shown[0]["command"]
    assert "model's metrics.json" in shown[1]["meaning"]


def test_a_shipped_model_s_figures_are_not_the_run_s(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "metrics.json").write_text(json.dumps({"count": 200.0, "fcd": 9.5, "against": "moses/test"}))
    shipped = {"count": 30000.0, "unique@10k": 0.9987, "novelty": 0.87, "samples": "raw30k.csv"}
    (tmp_path / "model/metrics.json").write_text(json.dumps(shipped))
    shown = metrics(RunContents(tmp_path, RunSettings(domain="molecules")))
    assert [(row["name"], row["samples"]) for row in shown] == [("count", 200), ("fcd", 200)]
    assert "falls with the number of samples" in shown[1]["meaning"]


def test_a_goal_of_a_predictor_s_domain_hides_no_other_of_its_name(tmp_path):
    pq.write_table(pa.table({"item": ["AC"], "id": ["a"], "fitness": [2.0]}), tmp_path / "candidates.parquet")
    goals = ["maximize fitness", "fitness >= 1", "fitness in domain"]
    run = RunContents(tmp_path, RunSettings(domain="proteins", optimize={"goals": goals}))
    (column,) = [column for column in candidates(run).columns if column.name == "fitness"]
    assert (column.goal_range, column.direction) == ((1.0, None), "maximize")


def test_the_classes_of_candidates_are_among_the_facts(tmp_path):
    (tmp_path / "search").mkdir()
    pq.write_table(pa.table({"item": ["C"], "novel": [True]}), tmp_path / "candidates.parquet")
    run = RunContents(tmp_path, RunSettings(domain="molecules", optimize={"goals": ["qed >= 0.5"]}))
    assert [label for _, label, _ in facts(run)] == ["candidates", "novel"]
    classes = {"scaffolds": {"count": 63, "largest": "c1ccccc1", "size": 6}}
    (tmp_path / "search/summary.json").write_text(json.dumps({"variety": {"maximum_share": 0.1, "classes": classes}}))
    *_, last = facts(RunContents(tmp_path, run.settings))
    assert last == ("63", "scaffolds", "the largest holds 6")


def test_the_summary_tells_the_search_s_items_from_those_of_controls(tmp_path):
    (tmp_path / "search").mkdir()
    pq.write_table(pa.table({"item": ["C"]}), tmp_path / "candidates.parquet")
    settings = RunSettings(domain="molecules", optimize={"goals": ["maximize qed"], "n": 1})
    controls = {"evolution": {"scored": 30}, "prior": {"scored": 28}}
    for found_by, said in (({}, ""), ({"found_by": {"evolution": 1}}, " (30 by evolution and 28 by prior)")):
        summary = json.dumps({"scored": 50, "controls": controls} | found_by)
        (tmp_path / "search/summary.json").write_text(summary)
        told = summary_sentence(RunContents(tmp_path, settings))
        assert told == f"1 candidates, chosen among 50 distinct items that were scored{said}."


def test_every_other_method_is_a_control(tmp_path):
    (tmp_path / "search").mkdir()
    rows = "".join(f"{method},1,0.5,1\n" for method in ("evolution", "latent_evolution", "prior"))
    (tmp_path / "search/trace.csv").write_text("method,call,top_10,feasible\n" + rows)
    pq.write_table(pa.table({"item": ["C"]}), tmp_path / "candidates.parquet")
    settings = RunSettings(domain="molecules", optimize={"goals": ["maximize qed"]})
    curves = search_curves(RunContents(tmp_path, settings))
    assert {curve.name: curve.control for curve in curves} == {
        "evolution": False, "latent_evolution": True, "prior": True,
    }  # fmt: skip


def test_the_best_of_several_draws_has_a_curve(tmp_path):
    pq.write_table(pa.table({"item": ["C"]}), tmp_path / "samples.parquet")
    run = RunContents(tmp_path, RunSettings(domain="molecules", optimize={"goals": ["maximize qed"]}))
    assert traces(run) == ""
    made = Ingredients("generate", "molecules", "cpu", {"seed": 0}, {}, {}, {})
    quality = {"of": "tpsa", "draws": [1, 2, 4], "items": [9] * 3, "mean": [80.0, 70.0, 65.0]}
    made.write(str(tmp_path / "samples.parquet"), Written(1, quality=quality))
    told = traces(RunContents(tmp_path, run.settings))
    assert ">mean tpsa of the samples (Å²)<" in told
    assert "mean tpsa of the samples against draws for each sample: best of the draws ends at 65." in told


def test_without_an_objective_a_search_shows_how_many_satisfy_the_wish(tmp_path):
    (tmp_path / "search").mkdir()
    rows = "evolution,15,0.0,2\nevolution,30,0.0,7\n"
    (tmp_path / "search/trace.csv").write_text("method,call,top_10,feasible\n" + rows)
    pq.write_table(pa.table({"item": ["C"]}), tmp_path / "candidates.parquet")
    for goals, name, values in (
        (["qed >= 0.5"], "items that meet the constraints", [2, 7]),
        (["qed >= 0.5", "minimize sa"], "mean of the ten best, by sa, sign turned", [0.0, 0.0]),
    ):
        run = RunContents(tmp_path, RunSettings(domain="molecules", optimize={"goals": goals}))
        assert f'aria-label="{name}' in traces(run)
        assert list(search_curves(run)[0].values) == values
