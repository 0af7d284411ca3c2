"""What the report is told of a run: each figure once."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.api.report import _search_seed
from sciencegen.api.reports.contents import RunContents
from sciencegen.api.reports.notes import progress_name, warnings
from sciencegen.api.reports.sections import candidates, metrics, traces
from sciencegen.api.writing.writer import write_candidates
from sciencegen.config import RunSettings
from sciencegen.domains.galaxies import DOMAIN as GALAXIES
from sciencegen.errors import DataError


def test_a_figure_of_the_model_gives_way_to_the_run_s_own(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "metrics.json").write_text(json.dumps({"fcd": 2.5, "against": "moses/test"}))
    (tmp_path / "model/metrics.json").write_text(json.dumps({"fcd": 1.8, "reconstruction_held_out": 0.9}))
    shown = metrics(RunContents(tmp_path, RunSettings(domain="molecules")))
    assert [(record.name, record.value) for record in shown] == [("fcd", 2.5), ("reconstruction_held_out", 0.9)]
    assert "moses/test" in shown[0].command


@pytest.mark.parametrize(
    ("own", "written", "shown"), [({}, None, 7), ({"seed": 0}, None, 0), ({"seed": 3}, None, 3), ({"seed": 0}, 7, 7)]
)
def test_the_seed_of_the_search_is_its_own_even_if_that_is_0(tmp_path, own, written, shown):
    if written is not None:
        (tmp_path / "search").mkdir()
        (tmp_path / "search/summary.json").write_text(json.dumps({"seed": written}))
    assert _search_seed(RunContents(tmp_path, RunSettings(domain="molecules", seed=7, optimize=own))) == shown


@pytest.mark.parametrize(("novel", "said"), [([], False), ([None], True), ([True], False)])
def test_novelty_is_unknown_only_where_there_is_a_candidate(tmp_path, novel, said):
    table = {"item": ["C"] * len(novel), "novel": pa.array(novel, pa.bool_())}
    pq.write_table(pa.table(table), tmp_path / "candidates.parquet")
    settings = RunSettings(domain="molecules", optimize={"goals": ["maximize qed"]})
    made = warnings(RunContents(tmp_path, settings))
    assert any("novelty is unknown" in text for text in made) is said


def test_items_in_a_file_beside_the_table_are_found_from_anywhere(tmp_path, monkeypatch):
    made = [text for text, _ in GALAXIES.items.simulate({"side": 32}, 0, 0, 3)]
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    write_candidates(GALAXIES, "results/candidates.parquet", {"item": made})
    monkeypatch.chdir("/")
    run = RunContents(tmp_path / "results", RunSettings(domain="galaxies"))
    assert [GALAXIES.items.key(item) for item in run.items] == [
        GALAXIES.items.key(GALAXIES.items.parse(text)) for text in made
    ]
    (tmp_path / "results/candidates.fits").unlink()
    with pytest.raises(DataError, match=r"there is no file .*candidates.fits"):
        _ = RunContents(tmp_path / "results", RunSettings(domain="galaxies")).items


def test_a_goal_of_a_predictor_s_domain_hides_no_other_of_its_name(tmp_path):
    pq.write_table(pa.table({"item": ["AC"], "id": ["a"], "fitness": [2.0]}), tmp_path / "candidates.parquet")
    goals = ["maximize fitness", "fitness >= 1", "fitness in domain"]
    run = RunContents(tmp_path, RunSettings(domain="proteins", optimize={"goals": goals}))
    (column,) = [column for column in candidates(run).columns if column.name == "fitness"]
    assert (column.goal_range, column.direction) == ((1.0, None), "maximize")


def test_every_other_method_is_a_control(tmp_path):
    (tmp_path / "search").mkdir()
    rows = "".join(f"{method},1,0.5,1\n" for method in ("evolution", "latent_evolution", "prior"))
    (tmp_path / "search/trace.csv").write_text("method,call,top_10,feasible\n" + rows)
    pq.write_table(pa.table({"item": ["C"]}), tmp_path / "candidates.parquet")
    settings = RunSettings(domain="molecules", optimize={"goals": ["maximize qed"]})
    (trace,) = traces(RunContents(tmp_path, settings))
    assert {curve.name: curve.control for curve in trace.curves} == {
        "evolution": False, "latent_evolution": True, "prior": True,
    }  # fmt: skip


def test_without_an_objective_a_search_shows_how_many_satisfy_the_wish(tmp_path):
    (tmp_path / "search").mkdir()
    rows = "evolution,15,0.0,2\nevolution,30,0.0,7\n"
    (tmp_path / "search/trace.csv").write_text("method,call,top_10,feasible\n" + rows)
    pq.write_table(pa.table({"item": ["C"]}), tmp_path / "candidates.parquet")
    for goals, name, values in (
        (["qed >= 0.5"], "items that satisfy the wish", [2, 7]),
        (["qed >= 0.5", "minimize sa"], "mean of the ten best, by sa, sign turned", [0.0, 0.0]),
    ):
        (trace,) = traces(RunContents(tmp_path, RunSettings(domain="molecules", optimize={"goals": goals})))
        assert trace.statistic.startswith(name)
        assert list(trace.curves[0].values) == values


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


def test_the_axis_of_a_search_says_what_it_goes_by(tmp_path):
    table = {"item": ["AC"], "fitness": [2.0], "fitness_lower": [1.0], "fitness_upper": [3.0]}
    name = lambda **settings: progress_name(run_of(tmp_path, table, **settings))  # noqa: E731
    assert name(goals=["maximize fitness", "fitness in domain"]).startswith("mean of the ten best, by fitness_lower")
    assert "by fitness_upper" in name(goals=["minimize fitness"])
    assert name(goals=["maximize fitness"], lower_bounds=False) == "mean of the ten best, by fitness"


def test_conditions_that_draws_miss_are_named_and_met_ones_are_not(tmp_path):
    rows = [(-4, -3.9, 2.13), (-2, -2.1, 0.7), (0, -0.3, 0.6), (1, 0.07, 0.9)]
    told = [{"asked": a, "got": g, "lower": g, "upper": g, "mean_absolute_error": e} for a, g, e in rows]
    (tmp_path / "metrics.json").write_text(json.dumps({"conditions": {"fitness": told}}))
    (said,) = warnings(run_of(tmp_path))
    assert "of fitness: asked for -4, they are off by 2.13 on average; asked for 1, their centre is 0.07" in said
    assert "-2" not in said
    judged = RunSettings(domain="proteins", optimize={"n": 1}, evaluate={"predictors": {"fitness": "runs/fitness"}})
    assert "of fitness (by the predictor fitness): asked" in warnings(RunContents(tmp_path, judged))[0]


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
