"""score and predict: values are the domain's own, order and rejects are kept, intervals surround the value."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pointclouds import DOMAIN

from sciencegen.api.models.folder import referred_to
from sciencegen.api.predict import predict
from sciencegen.files import sha256_of
from tests.toy import write_clouds


def write_card(root: Path, source: Path) -> None:
    """A dataset `pointclouds/rings` with the samples `train` and `test` of a table of clouds."""
    folder = root / "pointclouds" / "rings"
    folder.mkdir(parents=True)
    table = pd.read_csv(source)[["cloud", "measured"]].rename(columns={"cloud": "item"})
    parts = {"train": table[60:], "test": table[:60]}
    for name, part in parts.items():
        part.to_csv(folder / f"{name}.csv", index=False)
    facts = {name: {"name": f"{name}.csv", "rows": len(part)} for name, part in parts.items()}
    source_files = {name: {"path": "https://example.org/x", "bytes": 9, "sha256": "0" * 64} for name in parts}
    card = {
        "format": 1, "name": "rings", "domain": "pointclouds", "title": "", "description": "", "home": "",
        "licence": "", "citation": "", "columns": [{"name": "measured", "unit": "m"}], "files": facts,
        "samples": {name: {**fact, "sha256": sha256_of(folder / fact["name"])} for name, fact in facts.items()},
        "sources": [{"kind": "files", "files": source_files}],
    }  # fmt: skip
    (folder / "card.yaml").write_text(yaml.safe_dump(card))


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


@pytest.mark.parametrize(("part", "rows"), [("data", 2 * 45), ("data/train", 45), ("clouds.csv", 45)])
def test_a_predictor_learns_from_as_many_rows_as_it_is_told(cli, workspace, part, rows):
    learn = ("--target", "measured", "--set", "families=[ridge]", "--set", "folds=3", "--settings", "{limit: 45}")
    result = cli("train", "predictor", "pointclouds", workspace.folder / part, *learn, "--threads", 1, "-o", "p")
    assert result.code == 0, result.err
    metrics = json.loads(Path("p/metrics.json").read_text())
    assert metrics["rows"] + metrics["refused"] == rows


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
    assert "aren't carried along, since ours have their names: m_lower" in result.err


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
    table = predict("pointclouds", lines, folder)
    assert table["measured_in_domain"].dropna().to_dict() == {0: True, 2: False}


@pytest.mark.parametrize(("table", "rows"), [("rings", 300), ("pointclouds/rings/test", 60)])
def test_a_predictor_learns_from_a_dataset_by_its_name(cli, workspace, monkeypatch, table, rows):
    """The card's rows, of one split or of all."""
    write_card(Path("cards"), workspace.folder / "clouds.csv")
    monkeypatch.setenv("SCIENCEGEN_DATASETS", str(Path("cards").resolve()))
    flags = ("--target", "measured", "-o", "p", "--set", "families=[ridge]", "--set", "folds=3", "--json")
    result = cli("train", "predictor", "pointclouds", table, *flags)
    assert result.code == 0, result.err
    assert json.loads(result.out)["rows"] == rows
    assert yaml.safe_load(Path("p/config.yaml").read_text())["table"] == table


def test_refusals_of_an_earlier_predictor_do_not_stay(cli, tmp_path):
    table = write_clouds(tmp_path / "clouds.csv", 60, extra=True)
    base = ("train", "predictor", "pointclouds", table, "--target", "measured", "-o", "p", "--set", "families=[ridge]")
    good = table.read_text()
    table.write_text(good + "junk,1\n")
    assert cli(*base).code == 0
    assert pd.read_csv("p/rejects.csv")["item"].tolist() == ["junk"]
    table.write_text(good)
    assert cli(*base, "--force").code == 0
    assert not Path("p/rejects.csv").exists()


def test_a_predictor_from_stdin_is_written_the_same_at_every_run(cli, tmp_path):
    table = write_clouds(tmp_path / "clouds.csv", 60, extra=True)
    base = ("train", "predictor", "pointclouds", "-", "--target", "measured", "--set", "families=[ridge]")
    for folder in ("a", "b"):
        assert cli(*base, "-o", folder, stdin=table.read_bytes()).code == 0
    files = [path.name for path in Path("a").iterdir()]
    assert [Path("a", name).read_bytes() for name in files] == [Path("b", name).read_bytes() for name in files]
    assert list(yaml.safe_load(Path("a/config.yaml").read_text())["provenance"]["inputs"]) == ["stdin.csv"]


def test_a_missing_table_is_said_with_what_there_is(cli, workspace):
    result = cli("train", "predictor", "pointclouds", "nowhere.csv", "--target", "y", "-o", "p")
    assert result.code == 2
    assert "no file 'nowhere.csv'" in result.err


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


def test_a_predictors_model_is_the_one_beside_it_whatever_lies_where_the_command_runs(tmp_path, monkeypatch):
    for model in ("a/model", "b/model", "b/work/old"):
        (tmp_path / model).mkdir(parents=True)
        (tmp_path / model / "config.yaml").touch()
    predictor = tmp_path / "a" / "predictor"
    predictor.mkdir()
    monkeypatch.chdir(tmp_path / "b" / "work")
    assert Path(referred_to("../model", predictor)).resolve() == tmp_path / "a" / "model"
    assert referred_to("old", predictor) == "old", "an earlier reference, from where its command ran"
    assert referred_to("../none", predictor) == str(predictor / "../none"), "the error names the place beside it"
