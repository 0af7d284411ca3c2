"""A family's model with measured variants: it models the family only, and its draws meet requested values."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from sciencegen.domains.proteins.items import ALPHABET, decode_rows
from tests.cli.conftest import read, run

pytestmark = pytest.mark.long


COLUMNS = 24
TINY = "{settings: {members: 1, hidden: 32, latent: 2, prior_std: 0.3}, training: {steps: 500, batch_size: 96}}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Every column has two letters in the family. Single variants lose in the first half and gain in the second."""
    generator, folder = np.random.default_rng(0), tmp_path_factory.mktemp("both")
    focus = generator.integers(20, size=COLUMNS)
    others = np.where(generator.random((400, COLUMNS)) < 0.3, (focus + 1) % 20, focus)
    texts = decode_rows(np.concatenate([focus[None], others]).astype(np.uint8))
    names = [f"FOCUS_ECOLX/5-{4 + COLUMNS}", *(f"row{number}" for number in range(400))]
    (folder / "family.a2m").write_text("".join(f">{n}\n{t}\n" for n, t in zip(names, texts, strict=True)))
    lines = [
        f"{texts[0][at]}{at + 5}{letter},{1 if 2 * at >= COLUMNS else -1}"
        for at in range(COLUMNS) for letter in ALPHABET if letter != texts[0][at]
    ]  # fmt: skip
    (folder / "measured.csv").write_text("\n".join(["mutant,fitness", *lines, "A1,3", ""]))
    return folder


def train(folder: Path, name: str, measured: bool, *more: str) -> Path:
    table = ("--measured", folder / "measured.csv", "--target", "fitness") if measured else ()
    data = ("--data" if not measured else "--alignment", folder / "family.a2m", *table)
    done = run("train", "proteins", *data, "--settings", TINY, *more, "--threads", 1, "-o", folder / name)
    assert done.code == 0, done.err
    return folder / name


@pytest.fixture(scope="module")
def model(folder) -> Path:
    return train(folder, "model", True)


@pytest.fixture(scope="module")
def focus(folder) -> str:
    return (folder / "family.a2m").read_text().splitlines()[1]


def test_a_name_like_one_that_the_model_was_told_is_asked_about(cli, model):
    done = cli("generate", "proteins", "--model", model, "--where", "fitnes >= 1", "-n", 2)
    assert done.code == 2
    assert "Or did you mean 'fitness'?" in done.err


@pytest.mark.parametrize("beside", [False, True])
def test_without_a_measured_condition_there_is_nothing_to_infer(cli, folder, tmp_path, beside):
    """What was measured of variants beside an alignment conditions no network."""
    table = ("--measured", folder / "measured.csv", "--target", "fitness") if beside else ()
    data = ("--alignment", folder / "family.a2m", *table, "--set", "semi_supervised=true")
    done = cli("train", "proteins", *data, "-o", tmp_path / "model")
    assert done.code == 2
    assert ("got one that was measured" if beside else "got none") in done.err
    assert "the column among the --condition" in done.err


def test_both_are_in_the_data(model):
    summary = json.loads((model / "data" / "dataset.json").read_text())
    assert summary["context"]["measured"] == "fitness"
    assert summary["columns"]["fitness"]["count"] == 19 * COLUMNS
    assert set(summary["source_files"]) == {"family.a2m", "measured.csv"}
    assert "'A1' is no variant" in (model / "data" / "rejects.csv").read_text()


def test_its_networks_are_those_of_the_family_alone(cli, model, folder):
    """After some steps as after many."""
    few = ("--training", "steps=25")
    alone, both = train(folder, "alone", False, *few), train(folder, "both", True, *few)
    first, second = (load_file(one / "weights.safetensors") for one in (alone, both))
    assert all(np.array_equal(value, second[name]) for name, value in first.items())
    assert {name.partition(".")[0] for name in second.keys() - first.keys()} == {"landscape"}
    scores = [folder / f"{one.name}.csv" for one in (alone, both)]
    for one, output in zip((alone, both), scores, strict=True):
        assert cli("score", "proteins", "--variants", "all-singles", "--model", one, "-o", output).code == 0
    assert scores[0].read_bytes() == scores[1].read_bytes()
    metrics = json.loads((model / "metrics.json").read_text())
    assert metrics["measured_variance_explained_training"] > 0.9


@pytest.mark.parametrize("fitness", [-3, 1, 3])
def test_what_is_asked_for_is_drawn_with_as_many_mutations_as_asked(cli, model, focus, tmp_path, fitness):
    asked = ("--where", f"fitness={fitness}", "--where", "mutations = 3")
    done = cli("generate", "proteins", "--model", model, "-n", 100, *asked, "-o", tmp_path / "drawn.csv")
    assert done.code == 0, done.err
    items = [row["item"] for row in read(tmp_path / "drawn.csv")]
    changed = np.array([[a != b for a, b in zip(item, focus, strict=True)] for item in items])
    assert set(changed.sum(1)) == {3}
    sums = changed[:, COLUMNS // 2 :].sum(1) - changed[:, : COLUMNS // 2].sum(1)
    print(fitness, np.bincount(sums + 3))
    assert sums.mean() == pytest.approx(fitness, abs=0.5)


def test_what_can_not_stand_together_is_said(cli, model, folder):
    alignment, measured = folder / "family.a2m", folder / "measured.csv"
    for arguments, code, said in (
        (("--data", model / "data", "--measured", measured), 2, "Prepare it with --measured"),
        (("--data", alignment, "--measured", "nothing.csv"), 3, "at nothing.csv, found no file"),
        (("--data", alignment, "--measured", measured), 2, "'value'. Known: fitness"),
        (("--data", alignment, "--target", "fitness"), 2, "Expected --measured with --target"),
        (("--data", measured, "--wild-type", alignment, "--measured", measured), 2, "Expected an alignment's file"),
    ):  # fmt: skip
        done = cli("train", "proteins", *arguments, "-o", "out")
        assert done.code == code, done.err
        assert said in done.err
        assert not Path("out/train.json").exists()
    done = cli("datasets", "prepare", "proteins", alignment, "--measured", measured, "-o", "out")
    assert done.code == 2
    assert "pass --form aligned" in done.err


def test_a_map_of_the_family_is_coloured_by_what_is_known_of_its_names(cli, model, folder, focus, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(model, run / "model", ignore=shutil.ignore_patterns("data"))
    shutil.copytree(model / "data", run / "data")
    (run / "config.yaml").write_text("domain: proteins\noptimize: {goals: [minimize mutations]}\n")
    pq.write_table(
        pa.table({"item": [focus], "id": ["a"], "mutations": [0.0], "novel": [True]}), run / "candidates.parquet"
    )
    clades = tmp_path / "clades.csv"
    clades.write_text("name,clade\n" + "".join(f"row{number},{'AB'[number % 2]}\n" for number in range(300)))
    for arguments, said in (
        ((), "coloured by mutations"),
        (("--colour-by", clades), "coloured by clade"),
        (("--color-by", "taxon"), "ECOLX (1)"),
        (("--colour-by", "fitness"), "coloured by fitness"),
    ):
        done = cli("report", run, *arguments, "--force")
        assert done.code == 0, done.err
        assert said in (run / "report.html").read_text()
    done = cli("report", run, "--colour-by", "clade", "--force")
    assert done.code == 2
    assert "Unknown number, label or table to colour by 'clade'" in done.err
    done = cli("encode", "proteins", folder / "family.a2m", "--model", model, "-o", tmp_path / "z.npz")
    assert done.code == 0, done.err
    assert np.load(tmp_path / "z.npz")["name"][:2].tolist() == [f"FOCUS_ECOLX/5-{4 + COLUMNS}", "row0"]
