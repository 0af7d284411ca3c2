"""What the report is told of a run: each figure once."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.api.outputs import write_candidates
from sciencegen.api.report import RunContents, _search_seed
from sciencegen.api.report_sections import candidates, metrics, traces, warnings
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
    made = [text for text, _ in GALAXIES.simulate({"side": 32}, 0, 0, 3)]
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    write_candidates(GALAXIES, "results/candidates.parquet", {"item": made})
    monkeypatch.chdir("/")
    run = RunContents(tmp_path / "results", RunSettings(domain="galaxies"))
    assert [GALAXIES.key(item) for item in run.items] == [GALAXIES.key(GALAXIES.parse(text)) for text in made]
    (tmp_path / "results/candidates.fits").unlink()
    with pytest.raises(DataError, match=r"there is no file .*candidates.fits"):
        _ = RunContents(tmp_path / "results", RunSettings(domain="galaxies")).items


def test_a_goal_of_a_predictor_s_domain_hides_no_other_of_its_name(tmp_path):
    pq.write_table(pa.table({"item": ["AC"], "id": ["a"], "fitness": [2.0]}), tmp_path / "candidates.parquet")
    goals = ["maximize fitness", "fitness >= 1", "fitness in domain"]
    run = RunContents(tmp_path, RunSettings(domain="proteins", optimize={"goals": goals}))
    (column,) = [column for column in candidates(run).columns if column.name == "fitness"]
    assert (column.wished, column.direction) == ((1.0, None), "maximize")


def test_every_other_method_is_a_control(tmp_path):
    (tmp_path / "search").mkdir()
    rows = "".join(f"{method},1,0.5,1\n" for method in ("evolution", "latent_evolution", "prior"))
    (tmp_path / "search/trace.csv").write_text("method,call,top_10,feasible\n" + rows)
    (trace,) = traces(RunContents(tmp_path, RunSettings(domain="molecules")))
    assert {curve.name: curve.control for curve in trace.curves} == {
        "evolution": False, "latent_evolution": True, "prior": True,
    }  # fmt: skip
