"""score and predict: values are the domain's own, order and rejects are kept, intervals surround the value."""

from __future__ import annotations

import pandas as pd
import pytest
from pointclouds import DOMAIN


def test_scores_are_the_domains_and_rows_keep_their_lines(cli, workspace):
    lines = pd.read_csv(workspace.folder / "clouds.csv")["cloud"].tolist()[:4]
    text = "\n".join(["junk", *lines])
    result = cli("score", "pointclouds", "-", "--with", "height,toy:far", "-o", "s.csv", stdin=text.encode())
    table = pd.read_csv("s.csv")
    items = [DOMAIN.parse(line) for line in lines]
    assert result.code == 0
    assert table["line"].tolist() == [2, 3, 4, 5]
    assert table["height"].tolist() == pytest.approx(DOMAIN.measure(items, ["height"])[:, 0])
    assert pd.read_csv("s.csv.rejects.csv")["line"].tolist() == [1]


def test_a_crash_costs_its_own_row_only(cli, workspace):
    lines = pd.read_csv(workspace.folder / "clouds.csv")["cloud"].tolist()[:300]
    text = "\n".join([*lines[:150], "crash", *lines[150:]])
    assert cli("score", "pointclouds", "-", "-o", "s.csv", stdin=text.encode()).code == 0
    assert len(pd.read_csv("s.csv")) == len(lines)
    assert pd.read_csv("s.csv.rejects.csv")["line"].tolist() == [151]


def test_a_predictor_is_an_oracle_with_an_interval(cli, workspace):
    source = workspace.folder / "clouds.csv"
    result = cli("predict", "pointclouds", source, "--predictor", f"m={workspace.folder / 'predictor'}", "-o", "p.csv")
    table, measured = pd.read_csv("p.csv"), pd.read_csv(source)["measured"]
    assert result.code == 0
    assert list(table)[2:5] == ["m", "m_lower", "m_upper"]
    assert ((table["m_lower"] <= table["m"]) & (table["m"] <= table["m_upper"])).all()
    assert ((table["m_lower"] <= measured) & (measured <= table["m_upper"])).mean() > 0.8


def test_a_missing_target_names_the_columns(cli, workspace):
    result = cli("train", "predictor", "pointclouds", workspace.folder / "clouds.csv", "--target", "mesured", "-o", "p")
    assert result.code == 3
    assert "measured" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nowhere.txt",), 3, "nowhere.txt"),
        (("-", "--with", "hight"), 2, "height"),
        (("-", "--format", ".sdf"), 2, ".txt"),
        (("-",), 3, "No row"),
    ],
)
def test_wrong_input_is_said(cli, workspace, arguments, code, said):
    result = cli("score", "pointclouds", *arguments, stdin=b"junk\n")
    assert result.code == code
    assert said in result.err
