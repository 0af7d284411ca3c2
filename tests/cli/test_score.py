"""score: values are the domain's own, and order and rejects are kept."""

from __future__ import annotations

import pandas as pd
import pytest
from pointclouds import DOMAIN


def test_scores_are_the_domains_and_rows_keep_their_lines(cli, workspace):
    lines = pd.read_csv(workspace.folder / "clouds.csv")["cloud"].tolist()[:4]
    text = "\n".join(["junk", *lines])
    result = cli("score", "pointclouds", "-", "--with", "height,toy:far", "-o", "s.csv", stdin=text.encode())
    table = pd.read_csv("s.csv")
    items = [DOMAIN.items.parse(line) for line in lines]
    assert result.code == 0
    assert table["line"].tolist() == [2, 3, 4, 5]
    assert table["height"].tolist() == pytest.approx(DOMAIN.measure(items, ["height"])[:, 0])
    assert pd.read_csv("s.csv.rejects.csv")["line"].tolist() == [1]


def test_names_of_rows_stay_with_them(cli, workspace):
    table = pd.read_csv(workspace.folder / "clouds.csv")[["cloud"]][:3].assign(id=["a", "b", "c"])
    table.to_csv("named.csv", index=False)
    assert cli("score", "pointclouds", "named.csv", "--with", "height", "-o", "s.csv").code == 0
    assert pd.read_csv("s.csv")["id"].tolist() == ["a", "b", "c"]


def test_a_tables_own_columns_stay_with_a_score_but_ours_win(cli, workspace):
    table = pd.read_csv(workspace.folder / "clouds.csv")[["cloud", "measured"]][:2]
    table.assign(name=["a", "b"], height=9.0, note=["x, y", "z"]).to_csv("named.csv", index=False)
    result = cli("score", "pointclouds", "named.csv", "--with", "height", "-o", "s.csv")
    found = pd.read_csv("s.csv")
    assert list(found) == ["item", "line", "id", "height", "cloud", "measured", "name", "note"]
    assert found["note"].tolist() == ["x, y", "z"]
    assert (found["height"] != 9).all()
    assert "aren't copied, since scores have these names: height" in result.err


def test_a_table_of_items_only_gets_no_further_columns(cli, workspace):
    pd.read_csv(workspace.folder / "clouds.csv")[["cloud"]][:2].rename(columns={"cloud": "item"}).to_csv(
        "i.csv", index=False
    )
    assert cli("score", "pointclouds", "i.csv", "--with", "height", "-o", "s.csv").code == 0
    assert list(pd.read_csv("s.csv")) == ["item", "line", "height"]


@pytest.mark.long
def test_a_crash_costs_its_own_row_only(cli, workspace):
    lines = pd.read_csv(workspace.folder / "clouds.csv")["cloud"].tolist()[:300]
    text = "\n".join([*lines[:150], "crash", *lines[150:]])
    assert cli("score", "pointclouds", "-", "-o", "s.csv", stdin=text.encode()).code == 0
    assert len(pd.read_csv("s.csv")) == len(lines)
    assert pd.read_csv("s.csv.rejects.csv")["line"].tolist() == [151]


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
