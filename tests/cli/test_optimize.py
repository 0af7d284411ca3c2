"""optimize: the candidates meet the goals, differ, are new, and are the same for the same seed."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pointclouds import DOMAIN

from sciencegen.api.search import Known
from tests.cli.conftest import Workspace

WISH = ("--goal", "maximize height", "--goal", "radius in 0.5..1.2")


def optimize(cli, workspace: Workspace, *arguments, budget: int = 120):
    common = ("--model", workspace.model, "--training", workspace.folder / "data", "--budget", budget, "--threads", 1)
    return cli("optimize", "pointclouds", *common, *arguments)


def test_candidates_satisfy_the_wish_and_are_ranked_distinct_and_new(cli, workspace):
    flags = (
        "-n",
        8,
        "--control",
        "prior",
        "--details",
        "search",
        "--structures",
        "s.csv",
        "-o",
        "best.parquet",
        "--json",
    )
    result = optimize(cli, workspace, *WISH, *flags)
    table, summary = pd.read_parquet("best.parquet"), json.loads(result.out)
    items = [DOMAIN.items.parse(text) for text in table["item"]]
    similarity = DOMAIN.similarity.matrix(items, items) - np.eye(len(items))
    assert result.code == 0, result.err
    assert list(table)[:3] == ["rank", "id", "item"]
    assert {"novel", "similarity_to_training", "feasible"} <= set(table)
    assert table["height"].tolist() == pytest.approx(sorted(DOMAIN.measure(items, ["height"])[:, 0], reverse=True))
    assert table["radius"].between(0.5, 1.2).all()
    assert table["feasible"].all()
    assert table["novel"].all()
    assert similarity.max() <= 0.7
    assert summary["scored"] == len(pd.read_parquet("search/scored.parquet")) > 120
    assert set(pd.read_csv("search/trace.csv")["method"]) == {"evolution", "prior"}
    assert pd.read_csv("best.csv")["item"].tolist() == pd.read_csv("s.csv")["item"].tolist() == table["item"].tolist()


def test_the_same_seed_gives_the_same_bytes(cli, workspace):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert optimize(cli, workspace, *WISH, "-n", 4, "--seed", seed, "-o", f"{name}.csv").code == 0
    contents = [Path(f"{name}.csv").read_bytes() for name in "abc"]
    assert contents[0] == contents[1] != contents[2]


def test_a_wrong_predictor_is_an_error_even_where_no_goal_asks_for_it(cli, workspace):
    result = optimize(cli, workspace, *WISH, "--predictor", "m=nowhere", "-o", "p.csv")
    assert result.code in (2, 3)
    assert "nowhere" in result.err


def test_further_columns_are_checked_before_the_search_and_may_be_predictors(cli, workspace):
    wrong = optimize(cli, workspace, *WISH, "--with", "hight", "-o", "w.csv")
    assert wrong.code == 2
    assert "height" in wrong.err
    assert "satisfy the goals" not in wrong.err  # said after the search
    predictor = f"m={workspace.folder / 'predictor'}"
    flags = ("--predictor", predictor, "--with", "m,toy:far,height", "-n", 3, "-o", "w.csv")
    assert optimize(cli, workspace, *WISH, *flags).code == 0
    table = pd.read_csv("w.csv")
    assert ((table["m_lower"] <= table["m"]) & (table["m"] <= table["m_upper"])).all()
    assert table["toy:far"].notna().all()


def test_predictors_and_similarity_to_a_start_are_goals(cli, workspace):
    start = pd.read_csv(workspace.folder / "clouds.csv")["cloud"][0]
    goals = ("--goal", "maximize m", "--goal", f"similarity to {start} >= 0.02", "--start", start)
    result = optimize(
        cli, workspace, *goals, "--predictor", f"m={workspace.folder / 'predictor'}", "-n", 2, "-o", "p.csv"
    )
    table = pd.read_csv("p.csv")
    assert result.code in (0, 5), result.err
    assert {"m", "m_lower", "m_upper", "m_in_domain"} <= set(table)
    assert (table[f"similarity to {start}"] >= 0.02).all()


def test_an_external_program_is_an_oracle(cli, workspace, tmp_path):
    script = tmp_path / "measure.py"
    script.write_text(
        "#!/usr/bin/env python3\nimport csv, sys\nrows = list(csv.DictReader(open(sys.argv[1])))\n"
        "out = csv.writer(open(sys.argv[2], 'w'))\nout.writerow(['index', 'score'])\n"
        "for row in rows:\n    out.writerow([row['id'], row['item'].split()[0]])\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    settings = json.dumps({"oracles": {"first": {"command": f"{script} {{input}} {{output}}", "input_format": ".csv"}}})
    flags = ("--goal", "maximize first", "-n", 3, "--settings", settings, "-o", "e.csv")
    result = optimize(cli, workspace, *flags, budget=30)
    table = pd.read_csv("e.csv")
    assert result.code == 0, result.err
    assert table["first"].tolist() == [float(item.split()[0]) for item in table["item"]]


def test_two_objectives_give_a_pareto_set(cli, workspace):
    wish = ("--goal", "maximize height", "--goal", "minimize radius")
    assert optimize(cli, workspace, *wish, "-n", 5, "-o", "two.csv").code in (0, 5)
    assert pd.read_csv("two.csv")["pareto"].any()


@pytest.mark.parametrize("given", [False, True])
def test_similarities_are_left_out_where_no_training_items_are_at_hand(cli, workspace, monkeypatch, given):
    cloud = DOMAIN.items.parse(pd.read_csv(workspace.folder / "clouds.csv")["cloud"][0])
    known = Known(DOMAIN, frozenset(), {"x"}, [cloud] if given else [])
    monkeypatch.setattr("sciencegen.api.optimize.read_known", lambda *_: known)
    result = optimize(cli, workspace, *WISH, "-n", 2, "-o", "found.csv", budget=20)
    assert "similarity_to_training" not in result.err
    table = pd.read_csv("found.csv")
    assert ("similarity_to_training" in table) is given
    assert {"novel", "feasible"} <= set(table)


@pytest.mark.parametrize("mine", ["best.csv", "search/summary.json"])
def test_files_beside_the_candidates_are_kept_without_force(cli, workspace, mine):
    Path("search").mkdir()
    Path(mine).write_text("mine")
    flags = (*WISH, "-n", 2, "--details", "search", "-o", "best.parquet")
    refused = optimize(cli, workspace, *flags, budget=20)
    assert refused.code == 2
    assert f"{mine} exists" in refused.err
    assert Path(mine).read_text() == "mine"
    assert optimize(cli, workspace, *flags, "--force", budget=20).code in (0, 5)
    assert Path(mine).read_text() != "mine"


def test_what_can_not_be_met_is_5(cli, workspace):
    goals = ("--goal", "maximize height", "--goal", "radius >= 40", "--with", "toy:far")
    result = optimize(cli, workspace, *goals, "-n", 3, "-o", "none.csv")
    assert result.code == 5
    assert len(pd.read_csv("none.csv")) == 0
    assert "toy:far" in pd.read_csv("none.csv")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "goal"),
        (("--goal", "maximize hight"), "height"),
        (("--goal", "height < 3"), "<="),
        ((*WISH, "--method", "evolutoin"), "evolution"),
        ((*WISH, "--start", "junk"), "junk"),
        ((*WISH, "--blocks", "blocks.smi"), "not made from building blocks"),
        ((*WISH, "--maximum-steps", "0"), "maximum_steps"),
        ((*WISH, "--settings", "{settings: {populaton: 3}}"), "population"),
        ((*WISH, "--settings", "{settings: {initial: 0}}"), "initial of 1 or more"),
    ],
)
def test_wrong_usage_is_2(cli, workspace, flags, said):
    result = optimize(cli, workspace, *flags)
    assert result.code == 2
    assert said in result.err


@pytest.mark.parametrize(("budget", "scored"), [(20, 20), (300, 120)])
@pytest.mark.long
def test_an_oracle_that_always_fails_is_3_with_its_reason_whatever_the_budget(cli, workspace, tmp_path, budget, scored):
    script = tmp_path / "broken.py"
    script.write_text("#!/usr/bin/env python3\nimport sys\nsys.exit('no licence for the docking program')\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    dock = {"command": f"{script} {{input}} {{output}}", "input_format": ".csv", "retries": 0, "batch_size": 512}
    settings = json.dumps({"oracles": {"dock": dock}, "settings": {"initial": 120}})
    flags = ("--goal", "minimize dock", "-n", 3, "--settings", settings, "-o", "d.csv")
    result = optimize(cli, workspace, *flags, budget=budget)
    rejects = pd.read_csv("d.csv.rejects.csv")
    assert result.code == 3
    assert f"all {scored} scored items failed" in result.err
    assert "no licence for the docking program" in result.err
    assert len(rejects) == scored
    assert rejects["reason"].str.contains("no licence").all()
    assert not Path("d.csv").exists()
