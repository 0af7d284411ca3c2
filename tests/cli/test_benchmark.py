"""benchmark: a row for each case, and suites by name."""

from __future__ import annotations


def test_benchmark_measures_every_case(cli, workspace):
    base = ("benchmark", "toy", "--budget", 40, "--seeds", 2, "--method", "prior,evolution", "--model", workspace.model)
    result = cli(*base)
    rows = [line.split(",") for line in result.out.splitlines()[1:]]
    assert [(row[0], row[1], row[2]) for row in rows] == [("far", m, s) for m in ("prior", "evolution") for s in "01"]
    assert [row[-2:] for row in rows] == [["0", "false"]] * 2 + [["0", "true"]] * 2
    assert "class_evolution no language model, surrogate" in result.err
    assert cli(*base, "--tasks", "fra").code == 2


def test_suites_are_named(cli, workspace):
    result = cli("benchmark", "rings", "--model", workspace.model)
    assert result.code == 2
    assert "benchmark suite 'rings'" in result.err
