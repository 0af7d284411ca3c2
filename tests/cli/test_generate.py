"""generate: conditions hold, counts are exact, one seed gives one file whatever the batch size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling import generation
from sciencegen.api.sampling.request import training_texts
from sciencegen.data.prepared import PreparedDataset
from sciencegen.data.tables import read_table
from sciencegen.domains import load_domain
from tests.cli.conftest import Workspace


def generate(cli, workspace: Workspace, *arguments):
    return cli("generate", "pointclouds", "--model", workspace.model, "--threads", 2, *arguments)


def test_n_counts_distinct_accepted_items_that_satisfy_the_condition(cli, workspace):
    wish = ("--where", "radius in 0.5..1", "--where", "height >= 0", "--keep", "right")
    result = generate(cli, workspace, "-n", 40, *wish, "-o", "hits.csv", "--json")
    table, summary = pd.read_csv("hits.csv"), json.loads(result.out)
    assert result.code == 0
    assert len(table) == table["item"].nunique() == summary["written"] == 40
    assert table["radius"].between(0.5, 1).all()
    assert (table["height"] >= 0).all()
    assert "isn't conditioned on 'height'" in result.err
    assert all(float(np.mean([float(p.split()[0]) for p in item.split(";")])) > 0 for item in table["item"])
    missed = summary["missed"]
    assert set(missed) == {"radius in 0.5..1", "height >= 0", "patterns or plausibility"}
    assert max(missed.values()) <= summary["rejected"] <= sum(missed.values())


def test_a_training_item_among_the_draws_is_noted(cli, workspace, monkeypatch):
    generate(cli, workspace, "-n", 3, "-o", "plain.csv")
    text = pd.read_csv("plain.csv")["item"][1]
    learned = training_texts(load_model("pointclouds", workspace.model, "cpu"))
    assert set(PreparedDataset.load(workspace.folder / "data").items("train")) == learned
    monkeypatch.setattr(generation, "training_texts", lambda model: learned | {text})
    result = generate(cli, workspace, "-n", 3, "-o", "again.csv")
    assert Path("again.csv").read_bytes() == Path("plain.csv").read_bytes()
    assert f"note: 1 of 3 items are training items of the model ({workspace.folder / 'data'})" in result.err


def test_the_model_hears_the_condition(cli, workspace):
    """Raw draws for a large requested radius are larger than those for a small one, without filtering."""
    means = []
    for value in (0.5, 1.8):
        generate(cli, workspace, "-n", 200, "--raw", "--where", f"radius={value}", "-o", f"{value}.csv")
        means.append(pd.read_csv(f"{value}.csv")["radius"].mean())
    assert means[1] - means[0] > 0.4


def test_a_column_of_the_users_own_is_told_and_filtered_by_a_predictor(cli, workspace):
    """`measured` is no property of the domain: the model is conditioned on it, and only a predictor can check it."""
    training = ("--condition", "measured", "--training", "steps=20")
    assert cli("train", "pointclouds", "--data", workspace.folder / "data", *training, "-o", "own").code == 0
    base = ("generate", "pointclouds", "--model", "own", "--where", "measured >= 0.5", "-n", 5)
    told = cli(*base, "-o", "told.csv")
    assert told.code == 0
    assert "nothing here can check it" in told.err
    assert list(pd.read_csv("told.csv")) == ["item"]
    assert cli(*base, "--predictor", f"measured={workspace.folder / 'predictor'}", "-o", "kept.csv").code in (0, 5)
    kept = pd.read_csv("kept.csv")
    assert (kept["measured"] >= 0.5).all()
    assert len(kept)
    predictor = ("--predictor", f"measured={workspace.folder / 'predictor'}", "-o", "again.csv")
    assert cli("predict", "pointclouds", "kept.csv", *predictor).code == 0
    again = pd.read_csv("again.csv")
    said = ["measured", "measured_lower", "measured_upper", "measured_in_domain"]
    assert list(kept) == ["item", *said]
    assert np.allclose(kept[said[:3]], again[said[:3]], rtol=1e-5)
    assert kept[said[3]].tolist() == again[said[3]].tolist()


@pytest.mark.parametrize("where", [(), ("--where", "radius in 0.5..1.5")])
@pytest.mark.long
def test_one_seed_gives_the_same_bytes_whatever_the_batch_size(cli, workspace, where, small_chunks):
    files = []
    for name, size in (("a", 32), ("b", 1), ("c", 128), ("d", 32)):
        assert generate(cli, workspace, "-n", 150, *where, "--batch-size", size, "-o", f"{name}.csv").code == 0
        files.append(Path(f"{name}.csv").read_bytes())
    assert len(set(files)) == 1
    generate(cli, workspace, "-n", 150, *where, "--seed", 1, "-o", "other.csv")
    assert Path("other.csv").read_bytes() not in files


@pytest.mark.long
def test_fewer_draws_are_a_prefix_of_more(cli, workspace):
    for n in (10, 600):
        generate(cli, workspace, "--raw", "-n", n, "-o", f"{n}.csv")
    assert pd.read_csv("600.csv")["item"][:10].tolist() == pd.read_csv("10.csv")["item"].tolist()


def test_raw_is_exactly_n_draws(cli, workspace):
    result = generate(cli, workspace, "--raw", "-n", 33, "--where", "radius=0.5", "-o", "raw.csv", "--json")
    assert len(pd.read_csv("raw.csv")) == json.loads(result.out)["drawn"] == 33


def test_an_impossible_wish_writes_what_there_is_and_says_5(cli, workspace):
    result = generate(cli, workspace, "-n", 8, "--where", "height >= 1.5", "--attempts", 3, "-o", "few.csv")
    table = pd.read_csv("few.csv")
    assert result.code == 5
    assert len(table) < 8
    lost = 24 - len(table)
    assert f"Found {len(table)} of 8 distinct items in 24 draws (all written; {lost} failed" in result.err
    assert f"or were implausible (height >= 1.5: {lost})" in result.err
    assert f"rejected {lost}  failed 0  missed height >= 1.5: {lost}  " in result.err


@pytest.mark.parametrize("output", ["none.csv", "none.parquet", "none.txt"])
@pytest.mark.long
def test_what_nothing_satisfies_leaves_no_file(cli, workspace, output):
    call = ("-n", 2, "--where", "height >= 90", "--attempts", 2, "-o", output)
    for more in ((), (), ("--force",)):
        result = generate(cli, workspace, *call, *more)
        assert result.code == 5
        assert "Found 0 of 2 distinct items in 4 draws (no file is left; 4 failed" in result.err
        assert not Path(output).exists()
    assert generate(cli, workspace, "-n", 2, "-o", output).code == 0
    assert generate(cli, workspace, *call, "--force").code == 5
    assert not Path(output).exists()  # or an earlier run's would be taken for this one's


def test_an_oracle_that_breaks_is_told_from_a_draw_that_is_no_item(cli, workspace, monkeypatch):
    class Broken:
        name, unit, direction = "height", "", None

        def score(self, items):
            raise RuntimeError("no licence")

    monkeypatch.setattr("sciencegen.data.workers.AVAILABLE", False)  # in this process, where the patch below applies
    domain = load_domain("pointclouds")
    monkeypatch.setitem(vars(domain), "oracles", replace(domain.oracles, find=lambda name: Broken()))
    result = generate(cli, workspace, "-n", 2, "--attempts", 3, "--with", "far", "-o", "b.csv", "--json")
    summary = json.loads(result.out)
    assert result.code == 5
    assert (summary["failed"], summary["undecoded"]) == (6, 0)
    assert "6 could not be judged" in result.err
    assert "RuntimeError: no licence" in result.err


def test_the_noise_has_a_scale(cli, workspace):
    """With almost no noise, draws are almost the same item; `temperature` is a setting of recipes."""
    spread = {}
    for scale in (1e-4, 1):
        generate(
            cli,
            workspace,
            "-n",
            50,
            "--raw",
            "--set",
            f"noise_scale={scale}",
            "--with",
            "radius,height",
            "-o",
            "s.csv",
            "--force",
        )
        spread[scale] = pd.read_csv("s.csv")["height"].std()
    assert spread[1e-4] < 1e-2 * spread[1]
    assert generate(cli, workspace, "--settings", "{temperature: 1}").code == 2


@pytest.mark.parametrize("flag", ["--with", "--include"])
def test_stdout_holds_the_table_only(cli, workspace, flag):
    result = generate(cli, workspace, "-n", 3, flag, "height")
    assert result.out.splitlines()[0] == "item,height"
    assert len(result.out.splitlines()) == 4
    assert "seed 0" in result.err


def test_parquet_and_lines_hold_the_same_items(cli, workspace):
    for name in ("a.csv", "a.parquet", "a.txt"):
        assert generate(cli, workspace, "-n", 5, "-o", name).code == 0
    texts = [row.text for row in read_table("a.parquet", ["item"])]
    assert texts == [row.text for row in read_table("a.csv", ["item"])] == Path("a.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--where", "radiu=1"), "radius"),
        (("--where", "maximize radius"), "condition"),
        (("--where", "radius=1", "--where", "radius<=2"), "one condition"),
        (("--keep", "rihgt"), "right"),
        (("-o", "out.xyz"), "Expected -o to end in"),
        (("--settings", "{atempts: 3}"), "attempts"),
        (("--device", "tpu"), "device"),
        (("-n", "0"), "n"),
    ],
)
def test_wrong_usage_is_2_and_names_the_remedy(cli, workspace, flags, said):
    result = generate(cli, workspace, *flags)
    assert result.code == 2
    assert said in result.err
