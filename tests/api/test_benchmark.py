"""A suite's figures: for each method the sum over tasks of the mean over seeds; and tasks that need a classifier."""

import csv
import gzip
from types import SimpleNamespace

import numpy as np
import pytest

import sciencegen as sg
from sciencegen.api.benchmark import COLUMNS, SuitePlan, class_of, resolve_benchmark, suite_tasks
from sciencegen.api.criteria import OracleBook
from sciencegen.api.science import domain_of
from sciencegen.config import BenchmarkSettings
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.optimization.search import METHODS, WITH_SURROGATE
from tests.domains.proteins.conftest import SHARED
from tests.shared import made_once

AREAS = {("a", "x"): (0.2, 0.4), ("b", "x"): (0.5, 0.7), ("a", "y"): (1.0, 0.0), ("b", "y"): (0.0, 0.0)}
FOREST = {"settings": {"families": ["forest"], "folds": 2}, "evaluation_folds": 2, "evaluation_repeats": 1}


def plan_of(domain, suite, areas):
    """With these rows: (task, method) -> areas by seed."""
    plan = SuitePlan(SimpleNamespace(domain=SimpleNamespace(name=domain)), suite, [], 40, {})
    for (task, method), each in areas.items():
        rest = (0, 0, 40, 0, 0, False)
        plan.rows += [
            dict(zip(COLUMNS, (task, method, seed, area, *rest), strict=True)) for seed, area in enumerate(each)
        ]
    return plan


def test_seeds_are_averaged_and_tasks_are_added():
    summary = plan_of("pointclouds", "toy", AREAS).summary()
    assert summary["runs"] == 8
    assert summary["sum_auc_top_10_x"] == pytest.approx(0.3 + 0.6)
    assert summary["sum_auc_top_10_y"] == pytest.approx(0.5)


def test_suites_and_tasks_are_named():
    assert suite_tasks("pointclouds", "toy") == ["far"]
    with pytest.raises(SciencegenError, match="Did you mean 'far'"):
        resolve_benchmark("toy", BenchmarkSettings(tasks=("fra",), domain="pointclouds"))
    with pytest.raises(SciencegenError, match="benchmark suite 'tyo'"):
        resolve_benchmark("tyo", BenchmarkSettings())


def test_the_sum_over_all_tasks_needs_all_of_them():
    areas = {(task, "x"): (0.5,) for task in suite_tasks("molecules", "pmo")}
    assert len(areas) == 23
    whole = plan_of("molecules", "pmo", areas).summary()
    assert whole["sum_auc_top_10_x"] == pytest.approx(10)
    assert whole["sum_of_23_auc_top_10_x"] == pytest.approx(11.5)
    del areas["jnk3", "x"]
    rest = plan_of("molecules", "pmo", areas).summary()
    assert rest["sum_auc_top_10_x"] == pytest.approx(10)
    assert not any(name.startswith("sum_of") for name in rest)


@pytest.mark.parametrize(
    ("drawn", "surrogate", "named"),
    [
        (0, False, "no language model, no surrogate"),
        (100, False, "language model at the start, no surrogate"),
        (150, True, "language model, surrogate"),
        (300, None, "language model, surrogate unknown"),
    ],
)
def test_methods_have_a_class(drawn, surrogate, named):
    assert class_of([{"language_model": drawn, "scored": 300, "surrogate": surrogate}]) == named
    assert set(WITH_SURROGATE) < set(METHODS)


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """The folder of a predictor of labels, 1 for alcohols and 0 for amines."""

    def make(folder):
        rows = [
            f"{'C' * n}({'C' * m}){end},{int(end == 'O')}" for n in range(1, 5) for m in range(1, 5) for end in "ON"
        ]
        (folder / "labels.csv").write_text("\n".join(["smiles,active", *rows]) + "\n")
        sg.train_predictor(
            "molecules", folder / "labels.csv", target="active", folder=folder / "p", threads=1, **FOREST
        )

    return str(made_once(tmp_path_factory, "classifier", make) / "p")


def test_a_predictor_of_labels_is_a_task(classifier):
    oracle = OracleBook("molecules", {"pmo:drd2": classifier}).resolve("pmo:drd2")
    assert (oracle.name, oracle.direction) == ("pmo:drd2", "maximize")
    alcohol, amine = oracle.score([domain_of("molecules").items.parse(text) for text in ("CCC(C)O", "CCC(C)N")])
    assert 0 <= amine.value < 0.5 < alcohol.value <= 1
    assert alcohol.lower is alcohol.upper is None
    with pytest.raises(ConfigError, match="classifier for pmo:jnk3"):
        OracleBook("molecules", {"pmo:drd2": classifier}).resolve("pmo:jnk3")


def test_other_values_than_labels_are_refused(tmp_path):
    table = "smiles,value\n" + "\n".join(f"{'C' * n}O,{n}" for n in range(1, 31))
    (tmp_path / "table.csv").write_text(table)
    ridge = {**FOREST, "settings": {"families": ["ridge"], "folds": 2}}
    sg.train_predictor("molecules", tmp_path / "table.csv", target="value", folder=tmp_path / "p", threads=1, **ridge)
    with pytest.raises(ConfigError, match=r"labels, 0 or 1, for pmo:drd2, got .*p, .* values from 1 to 30"):
        OracleBook("molecules", {"pmo:drd2": str(tmp_path / "p")}).resolve("pmo:drd2")


def test_tasks_without_a_classifier_are_left_out_unless_named(classifier):
    plan = resolve_benchmark("pmo", BenchmarkSettings(predictors={"pmo:gsk3b": classifier}))
    assert len(plan.oracles) == 21
    assert [note.split()[0] for note in plan.notes] == ["drd2", "jnk3"]
    with pytest.raises(ConfigError, match="classifier for pmo:drd2"):
        resolve_benchmark("pmo", BenchmarkSettings(tasks=("drd2",)))
    with pytest.raises(ConfigError, match="Did you mean 'pmo:drd2'"):
        resolve_benchmark("pmo", BenchmarkSettings(predictors={"drd2": classifier}))


def test_draws_of_the_language_model_are_counted(classifier, tiny_draws):
    found = sg.benchmark(
        "pmo",
        "drd2",
        ["prior", "hill_climb"],
        predictors={"pmo:drd2": classifier},
        budget=110,
        seeds=1,
        threads=1,
        model="molecules-language-model",
    )
    assert found.table["language_model"].tolist() == [110, 100]
    assert found.table["surrogate"].tolist() == [False, False]
    assert found.summary["class_prior"] == "language model, no surrogate"
    assert found.summary["class_hill_climb"] == "language model at the start, no surrogate"
    assert found.notes == ()


@pytest.mark.slow
def test_a_classifier_ranks_left_out_inhibitors(tmp_path):
    source = SHARED / "molecules" / "EGFR_compounds_pIC50_chembl27.csv.gz"
    if not source.is_file():
        pytest.skip(f"the inhibitors of EGFR aren't at {source}; $SCIENCEGEN_SHARED_DATA names the folder")
    from sklearn.metrics import roc_auc_score

    with gzip.open(source, "rt") as file:
        rows = [(row["smiles"], int(float(row["pIC50"]) >= 6.5)) for row in csv.DictReader(file)]
    order = np.random.default_rng(0).permutation(len(rows))
    shown, left_out = ([rows[place] for place in part] for part in (order[:400], order[400:700]))
    (tmp_path / "table.csv").write_text("\n".join(["smiles,active", *(f"{text},{label}" for text, label in shown)]))
    sg.train_predictor("molecules", tmp_path / "table.csv", target="active", folder=tmp_path / "p", threads=1, **FOREST)
    oracle = OracleBook("molecules", {"pmo:jnk3": str(tmp_path / "p")}).resolve("pmo:jnk3")
    parse = domain_of("molecules").items.parse
    values = [score.value for score in oracle.score([parse(text) for text, _ in left_out])]
    assert roc_auc_score([label for _, label in left_out], values) > 0.8
