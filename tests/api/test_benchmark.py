"""A suite's figures: for each method the sum over tasks of the mean over seeds."""

from types import SimpleNamespace

import pytest

from sciencegen.api.benchmark import COLUMNS, SuitePlan, resolve_benchmark, suite_tasks
from sciencegen.config import BenchmarkSettings
from sciencegen.errors import SciencegenError

AREAS = {("a", "x"): (0.2, 0.4), ("b", "x"): (0.5, 0.7), ("a", "y"): (1.0, 0.0), ("b", "y"): (0.0, 0.0)}


def test_seeds_are_averaged_and_tasks_are_added():
    plan = SuitePlan(SimpleNamespace(domain=SimpleNamespace(name="pointclouds")), "toy", [], 40)
    for (task, method), areas in AREAS.items():
        plan.rows += [
            dict(zip(COLUMNS, (task, method, seed, area, 0, 0, 0, 0), strict=True)) for seed, area in enumerate(areas)
        ]
    summary = plan.summary()
    assert summary["runs"] == 8
    assert summary["sum_auc_top_10_x"] == pytest.approx(0.3 + 0.6)
    assert summary["sum_auc_top_10_y"] == pytest.approx(0.5)


def test_suites_and_tasks_are_named():
    assert suite_tasks("pointclouds", "toy") == ["far"]
    with pytest.raises(SciencegenError, match="Did you mean 'far'"):
        resolve_benchmark("toy", BenchmarkSettings(tasks=("fra",), domain="pointclouds"))
    with pytest.raises(SciencegenError, match="benchmark suite 'tyo'"):
        resolve_benchmark("tyo", BenchmarkSettings())
