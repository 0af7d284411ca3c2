"""predict: intervals surround the value, and a table's own columns stay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from sciencegen.api.score import predict


def test_a_predictor_is_an_oracle_with_an_interval(cli, workspace):
    source = workspace.folder / "clouds.csv"
    result = cli("predict", "pointclouds", source, "--predictor", f"m={workspace.folder / 'predictor'}", "-o", "p.csv")
    table, measured = pd.read_csv("p.csv"), pd.read_csv(source)["measured"]
    assert result.code == 0
    assert list(table)[2:6] == ["m", "m_lower", "m_upper", "m_in_domain"]
    assert ((table["m_lower"] <= table["m"]) & (table["m"] <= table["m_upper"])).all()
    assert ((table["m_lower"] <= measured) & (measured <= table["m_upper"])).mean() > 0.8


def test_a_tables_own_columns_stay_with_a_prediction_but_ours_win(cli, workspace):
    table = pd.read_csv(workspace.folder / "clouds.csv")[["cloud", "measured"]][:3]
    table.assign(id=["a", "b", "c"], note=["x, y", "", "z"], m_lower=9.0).to_csv("named.csv", index=False)
    asked = ("named.csv", "--predictor", f"m={workspace.folder / 'predictor'}", "-o", "p.csv")
    result = cli("predict", "pointclouds", *asked)
    assert result.code == 0, result.err
    found = pd.read_csv("p.csv")
    own = ["cloud", "measured", "note"]
    assert list(found) == ["item", "line", "id", "m", "m_lower", "m_upper", "m_in_domain", *own]
    assert found["note"].fillna("").tolist() == ["x, y", "", "z"]
    assert found["measured"].tolist() == pytest.approx(table["measured"].tolist())
    assert (found["m_lower"] != 9).all()
    assert "aren't copied, since scores have these names: m_lower" in result.err


def test_numbers_of_a_tables_own_columns_keep_their_digits(cli, workspace):
    table = pd.read_csv(workspace.folder / "clouds.csv")[["cloud"]][:2].assign(mass=[150.1234567, 12345678.9])
    table.to_parquet("own.parquet", index=False)
    asked = ("--predictor", f"m={workspace.folder / 'predictor'}", "-o", "p.csv")
    result = cli("predict", "pointclouds", "own.parquet", *asked)
    assert result.code == 0, result.err
    assert pd.read_csv("p.csv", dtype=str)["mass"].tolist() == ["150.1234567", "12345678.9"]


def test_what_is_unlike_the_measured_items_is_out_of_domain(cli, workspace):
    known = pd.read_csv(workspace.folder / "clouds.csv")["cloud"][0]
    lines = (known, "junk", ";".join(f"{40 * k} {-40 * k}" for k in range(5)))
    folder, text = workspace.folder / "predictor", "\n".join(lines).encode()
    cli("predict", "pointclouds", "-", "--predictor", f"m={folder}", "-o", "p.parquet", stdin=text)
    assert pd.read_parquet("p.parquet")["m_in_domain"].tolist() == [True, False]
    table = predict("pointclouds", lines, folder).table
    assert table["measured_in_domain"].dropna().to_dict() == {0: True, 2: False}


def test_a_predictor_finds_its_model_from_any_folder_and_after_both_have_moved(cli, workspace, monkeypatch):
    shutil.copytree(workspace.model, "here/model")
    quick = ("--set", "families=[ridge]", "--set", "folds=3", "--set", "inputs=latents", "--threads", 1)
    flags = ("--target", "measured", "--model", "here/model", *quick, "-o", "here/predictors/one")
    trained = cli("train", "predictor", "pointclouds", workspace.folder / "clouds.csv", *flags)
    assert trained.code == 0, trained.err
    Path("here").rename("there")
    Path("away").mkdir()
    monkeypatch.chdir("away")
    asked = ("--predictor", "m=../there/predictors/one", "-o", "m.csv")
    result = cli("predict", "pointclouds", workspace.folder / "clouds.csv", *asked)
    assert result.code == 0, result.err
    assert pd.read_csv("m.csv")["m"].notna().all()
