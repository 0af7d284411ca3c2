"""The verbs on a table that nobody has seen: from a CSV to a model, draws, scores, searches and metrics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.errors import ConfigError, DataError
from tests.cli.conftest import run
from tests.domains.tables.known_table import log_likelihood, table

pytestmark = pytest.mark.long

COLUMNS = list(table(2))
SMALL = {"width": 32, "depth": 1, "flow_layers": 2, "flow_width": 16, "score_samples": 16}
SHORT = {
    "training": {"steps": 250, "learning_rate": 1e-2, "warmup_steps": 10, "ema_decay": 0.97},
    "finish": {"steps": 60},
    "threads": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """table.csv, test.csv without gaps, and a model that is conditioned on height and city."""
    place = tmp_path_factory.mktemp("tables")
    table(400, seed=1).to_csv(place / "table.csv", index=False)
    table(300, seed=2, gaps=0).to_csv(place / "test.csv", index=False)
    sg.train(
        "arrays", place / "table.csv", folder=place / "model", conditions=["height", "city"], settings=SMALL, **SHORT
    )
    return place


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_draws_have_the_columns_of_the_table_and_no_gaps():
    new = sg.generate("arrays", 200, model="model", seed=3, threads=1)
    assert list(new.table) == COLUMNS
    assert not new.table.isna().any().any()
    assert set(new.table["city"]) == {"Bergen", "Oslo", "Tromsø"}
    assert set(new.table["rating"]) <= {1, 2, 3, 4}
    new.write("new.csv")
    again = pd.read_csv("new.csv")
    assert again["visits"].dtype == again["age"].dtype == np.int64
    pd.testing.assert_frame_equal(again, new.table, check_dtype=False)


def test_equal_draws_are_kept():
    """Rows of one column with two values."""
    pd.DataFrame({"a": [0, 1] * 50}).to_csv("two.csv", index=False)
    brief = {**SHORT, "training": {"steps": 5, "warmup_steps": 1}}
    trained = sg.train("arrays", "two.csv", folder="two", settings=SMALL, **brief)
    assert trained.metrics["items"] == 100
    assert len(sg.generate("arrays", 50, model="two", threads=1).table) == 50


def test_conditions_are_met():
    done = run("generate", "arrays", "--model", "model", "-n", 30, "--where", "city = Oslo", "--where", "height=182",
               "-o", "oslo.csv", "--threads", 1)  # fmt: skip
    assert done.code == 0, done.err
    found = pd.read_csv("oslo.csv")
    assert list(found) == COLUMNS
    assert set(found["city"]) == {"Oslo"}
    assert (found["height"] - 182).abs().max() < 2
    done = run("generate", "arrays", "--model", "model", "-n", 3, "--where", "city=Olso", "-o", "no.csv")
    assert done.code == 2
    assert "'city:Olso'. Did you mean 'city:Oslo'" in done.err


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("cities = Oslo", "Unknown column 'cities'. Did you mean 'city'?"),
        ("city = Osloo", "Unknown category 'city:Osloo'. Did you mean 'city:Oslo'"),
    ],
)
def test_unknown_columns_and_categories_are_named(condition, message):
    with pytest.raises(ConfigError) as told:
        sg.generate("arrays", 3, model="model", where=condition, threads=1)
    assert str(told.value).startswith(message)


def test_scores_bound_the_laws_likelihood():
    scored = sg.score("arrays", Path("test.csv"), model="model", threads=1)
    found, truth = scored.table["log_likelihood"].to_numpy(float), log_likelihood(pd.read_csv("test.csv"))
    assert truth.mean() - 2 < found.mean() < truth.mean() + 0.2
    assert np.corrcoef(found, truth)[0, 1] > 0.6
    scored.write("scores.csv")
    assert list(pd.read_csv("scores.csv")) == [*COLUMNS, "line", "log_likelihood"]


def test_a_column_of_items_that_is_named_as_a_score_is_told():
    texts = [json.dumps({"height": 175.0, "city": "Oslo", "log_likelihood": 1.0})]
    scored = sg.score("arrays", texts, model="model", threads=1)
    assert scored.notes[0].endswith("since scores have these names: log_likelihood")


def test_a_missing_cell_is_marginalized():
    """log p of some cells is greater than that of these and a count, a probability."""
    row = {"height": 175.0, "city": "Oslo", "visits": 3}
    texts = [json.dumps({name: row[name] for name in names}) for names in (["height", "city"], list(row))]
    few, all_cells = sg.score("arrays", texts, model="model", threads=1).table["log_likelihood"]
    assert few > all_cells


def test_latents_hold_the_whole_row():
    encoded = sg.encode("arrays", Path("test.csv"), model="model", threads=1)
    decoded = sg.decode("arrays", encoded.latent, model="model", threads=1)
    decoded.write("decoded.csv")
    found, expected = pd.read_csv("decoded.csv"), pd.read_csv("test.csv")
    for name in ("city", "smoker", "rating", "visits", "age", "height"):
        assert (found[name] == expected[name]).mean() > 0.98, name
    np.testing.assert_allclose(found["income"], expected["income"], rtol=1e-4)


def test_between_two_rows():
    done = run("interpolate", "arrays", '{"height": 160, "city": "Bergen"}', '{"height": 190, "city": "Oslo"}',
               "--model", "model", "--steps", 3, "-o", "between.csv", "--threads", 1)  # fmt: skip
    assert done.code == 0, done.err
    found = pd.read_csv("between.csv")
    assert found["height"].tolist() == sorted(found["height"])
    assert found["city"].iloc[[0, -1]].tolist() == ["Bergen", "Oslo"]


def measure() -> pd.DataFrame:
    """measured.csv, with a column that depends on two others."""
    measured = table(120, seed=5)
    measured["yield"] = 0.1 * measured["height"].fillna(172).astype(float) + 3 * (measured["city"] == "Oslo")
    measured.to_csv("measured.csv", index=False)
    return measured


def test_a_plate_is_proposed_by_the_other_columns():
    highest = measure()["yield"].max()
    plate = sg.propose("arrays", "measured.csv", target="yield", model="model", batch=3, threads=1)
    assert all("yield" not in json.loads(text) for text in plate.table["item"])
    assert plate.table["predicted"].between(highest - 4, highest + 4).all()


def test_a_search_meets_goals_on_columns_and_a_predictor():
    measured = measure()
    small = {"families": ["ridge"], "folds": 3}
    trained = sg.train_predictor("arrays", "measured.csv", target="yield", folder="yield", settings=small, threads=1,
                                 evaluation_repeats=None)  # fmt: skip
    assert trained.metrics["rows"] == 120
    goals = ["maximize yield", "city = Bergen", "age in 30..50"]
    best = sg.optimize("arrays", goals, model="model", predictors={"yield": "yield"}, budget=150, n=3, threads=1)
    items = [json.loads(text) for text in best.table["item"]]
    assert all(item["city"] == "Bergen" and 30 <= item["age"] <= 50 for item in items)
    assert "yield" not in items[0]
    assert best.table["yield"].iloc[0] > measured["yield"][measured["city"] == "Bergen"].quantile(0.8)
    best.write("best.csv")
    assert set(COLUMNS) <= set(pd.read_csv("best.csv"))


def test_metrics_have_a_distance_of_each_column_and_bits():
    sg.generate("arrays", 300, model="model", threads=1).write("drawn.csv")
    found = sg.evaluate("arrays", "drawn.csv", against="test.csv", model="model", threads=1).metrics
    assert {"wasserstein_height", "total_variation_city", "correlations", "marginals"} <= set(found)
    assert found["bits_per_item"] == pytest.approx(-found["log_likelihood"] / np.log(2))
    assert found["marginals"] < 0.3


def test_names_of_a_model_are_listed():
    done = run("properties", "arrays", "--model", "model")
    assert all(name in done.out for name in ("log_likelihood", "visits", "city:Oslo"))


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        ("a,b\n" + "1,2\n" * 5, DataError, "10 or more rows to learn from, got 5"),
        ("a,b\n1,2\n", DataError, "got 1. Add rows"),
        (
            "a,b\n" + "".join(f"{at},7\n" for at in range(20)),
            DataError,
            "'b' holds only '7'. Name the others: `column` a",
        ),
        ("a\n" + "inf\n" * 20, DataError, "all refused .*'inf' in 'a', expected a finite number"),
    ],
)
def test_bad_tables_are_errors(content, kind, message):
    Path("bad.csv").write_text(content)
    with pytest.raises(kind, match=message):
        sg.train("arrays", "bad.csv", folder="bad", **SHORT)
    assert not Path("bad").exists() or not any(Path("bad").iterdir())


def test_a_wrong_likelihood_is_an_error():
    with pytest.raises(ConfigError, match=r"needs whole numbers from 0 on, not .* with decimals"):
        sg.train("arrays", "table.csv", folder="bad", settings={"likelihoods": {"height": "poisson"}}, **SHORT)


@pytest.mark.parametrize(("threads", "expected"), [(0, 1), (2, 2)])
def test_small_networks_train_in_one_thread_unless_told(threads, expected, monkeypatch):
    asked = []

    def stop(count):
        asked.append(count)
        raise DataError("stop")

    monkeypatch.setattr("sciencegen.api.train.use_threads", stop)
    with pytest.raises(DataError, match="stop"):
        sg.train("arrays", "table.csv", folder="none", threads=threads)
    assert asked == [expected]


@pytest.fixture(scope="module")
def diffusion(folder: Path) -> str:
    """A short diffusion of the same table."""
    sizes = {"width": 64, "depth": 2, "diffusion": {"flow_steps": 16, "steps": 12}}
    brief = {**SHORT, "training": {**SHORT["training"], "steps": 150, "learning_rate": 4e-3}, "finish": {}}
    sg.train("arrays", folder / "table.csv", folder=folder / "diffusion", recipe="array-diffusion",
             conditions=["height", "city"], settings=sizes, **brief)  # fmt: skip
    return "diffusion"


def test_a_diffusion_draws_scores_and_restores_rows(diffusion):
    new = sg.generate("arrays", 40, model=diffusion, where=["city = Oslo", "height in 165..185"], threads=1)
    assert list(new.table) == COLUMNS
    assert not new.table.isna().any().any()
    assert set(new.table["city"]) == {"Oslo"}
    test = pd.read_csv("test.csv").head(40)
    texts = [json.dumps(row) for row in test.to_dict("records")]
    scored = sg.score("arrays", texts, model=diffusion, names="log_likelihood", threads=1)
    found = scored.table["log_likelihood"].to_numpy(float)
    assert np.isfinite(found).all()
    alone = sg.score("arrays", texts[-1:], model=diffusion, names="log_likelihood", threads=1)
    assert alone.table["log_likelihood"].iloc[0] == found[-1]
    encoded = sg.encode("arrays", texts, model=diffusion, threads=1)
    sg.decode("arrays", encoded.latent, model=diffusion, threads=1).write("restored.csv")
    restored = pd.read_csv("restored.csv")
    for name in ("city", "smoker", "rating", "visits"):
        assert (restored[name].to_numpy() == test[name].to_numpy()).mean() > 0.9, name


def test_a_diffusion_fills_gaps_between_two_rows(diffusion):
    done = run("interpolate", "arrays", '{"height": 160, "city": "Bergen"}', '{"height": 190, "city": "Oslo"}',
               "--model", "diffusion", "--steps", 3, "-o", "path.csv", "--threads", 1)  # fmt: skip
    assert done.code == 0, done.err
    found = pd.read_csv("path.csv")
    assert found["city"].iloc[[0, -1]].tolist() == ["Bergen", "Oslo"]
    assert found["height"].iloc[[0, -1]].tolist() == pytest.approx([160, 190], abs=1)
    assert not found[COLUMNS].isna().any().any()
