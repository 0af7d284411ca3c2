"""A model of measured variants of one protein: from a table to variants with requested values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sciencegen.domains.proteins.items import ALPHABET
from tests.cli.conftest import read, run
from tests.domains.proteins.examples import GB1

pytestmark = pytest.mark.long

TINY = "{settings: {members: 1, hidden: 32, latent: 2, prior_std: 0.3}, training: {steps: 400, batch_size: 128}}"


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    """One to three substitutions each: each adds -1 in the first half and +1 in the second half."""
    generator, lines = np.random.default_rng(0), []
    for _ in range(1500):
        places = generator.choice(len(GB1), generator.integers(1, 4), replace=False)
        names = [f"{GB1[at]}{at + 2}{generator.choice(list(ALPHABET.replace(GB1[at], '')))}" for at in sorted(places)]
        lines.append(f"{':'.join(names)},{sum(1 if at >= 28 else -1 for at in places)}")
    path = tmp_path_factory.mktemp("measured") / "plate.csv"
    path.write_text("\n".join(["mutant,fitness", *lines, "A42,1", "W2A,0", "MKV,1", ",9.5"]) + "\n")
    (path.parent / "wild.fasta").write_text(f">GB1/2-57\n{GB1}\n")
    return path


@pytest.fixture(scope="module")
def model(table) -> Path:
    folder = table.parent / "model"
    wild_type = table.parent / "wild.fasta"
    data = ("--data", table, "--wild-type", wild_type, "--conditions", "fitness,mutations")
    done = run("train", "proteins", *data, "--settings", TINY, "--threads", 1, "-o", folder)
    assert done.code == 0, done.err
    return folder


def test_rows_are_variants_of_the_wild_type_and_others_are_refused(model):
    about = json.loads((model / "representation.json").read_text())
    assert (about["reference"], about["first"], about["family"]) == (GB1, 2, False)
    assert list(about["properties"]) == ["fitness", "mutations"]
    reasons = [row["reason"] for row in read(model / "data" / "rejects.csv")]
    expected = ["no variant", "says W at 2", "3 letters", "empty; the wild type itself is written WT"]
    assert all(part in reason for part, reason in zip(expected, reasons, strict=True))


def test_what_is_asked_for_is_heard(cli, model, tmp_path):
    """The value is the number of changes in the half that gains minus that in the other."""
    for fitness in (-1, 1):
        output = tmp_path / f"{fitness}.csv"
        asked = ["--where", f"fitness={fitness}", "--where", "mutations in 1..3"]
        done = cli("generate", "proteins", "--model", model, "-n", 100, *asked, "-o", output)
        assert done.code == 0, done.err
        assert "nothing here can check it" in done.err
        rows = read(output)
        changed = np.array([[a != b for a, b in zip(row["item"], GB1, strict=True)] for row in rows])
        assert [float(row["mutations"]) for row in rows] == changed.sum(1).tolist()
        assert set(changed.sum(1)) <= {1, 2, 3}
        values = changed[:, 28:].sum(1) - changed[:, :28].sum(1)
        assert (np.abs(values - fitness) == (changed.sum(1) == 2)).all()  # no two changes sum up to 1


def test_variants_come_back_from_their_latents(cli, model, table, tmp_path):
    items = tmp_path / "items.csv"
    items.write_text("item\n" + "\n".join([GB1, "A" + GB1[1:], GB1[:-1] + "W"]) + "\n")
    assert cli("encode", "proteins", items, "--model", model, "-o", tmp_path / "z.npz").code == 0
    done = cli("decode", "proteins", tmp_path / "z.npz", "--model", model, "-o", tmp_path / "out.csv")
    assert done.code == 0, done.err
    assert [row["item"] for row in read(tmp_path / "out.csv")] == [row["item"] for row in read(items)]
    asked = cli(
        "decode", "proteins", tmp_path / "z.npz", "--model", model, "--where", "fitness=1", "-o", tmp_path / "asked.csv"
    )
    assert asked.code == 0, asked.err
    assert cli("interpolate", "proteins", GB1, "A" + GB1[1:], "--model", model, "--steps", 3).code == 0


def test_how_often_a_lab_made_a_variant_is_no_score(cli, model):
    done = cli("score", "proteins", "--model", model, "--variants", "all-singles")
    assert done.code == 2
    assert "a family" in done.err


def test_a_card_says_what_its_variants_are_of(cli, tmp_path):
    source = ("gb1-doubles", "--form", "aligned", "--sample")
    done = cli("datasets", "prepare", "proteins", *source, "-o", tmp_path / "gb1")
    assert done.code == 0, done.err
    summary = json.loads((tmp_path / "gb1" / "dataset.json").read_text())
    assert (summary["context"]["first"], len(summary["context"]["columns"])) == (2, 55)
    assert summary["columns"]["mutations"]["mean"] == 2


def test_a_table_without_a_wild_type_says_what_is_missing(cli, table):
    sequences = table.parent / "sequences.csv"
    sequences.write_text(f"item,fitness\n{GB1},0\nA{GB1[1:]},1\n")
    done = cli("train", "proteins", "--data", sequences, "-o", "model")
    assert done.code == 3
    assert "or a table of variants with --wild-type" in done.err
    done = cli("datasets", "prepare", "proteins", table, "--wild-type", GB1, "-o", "data")
    assert done.code == 2
    assert "Pass --form aligned" in done.err
    done = cli("datasets", "prepare", "proteins", table, "--form", "aligned", "--wild-type", GB1, "-o", "data")
    assert done.code == 0, done.err
    assert "numbering seems shifted by 1: it fits a wild type /2-57" in Path("data/rejects.csv").read_text()


def test_predictors_stand_beside_variants_with_a_family_or_without(cli, table, tmp_path):
    wild_type, folder = table.parent / "wild.fasta", tmp_path / "fitness"
    quick = ("--set", "families=[ridge]", "--set", "folds=3", "--threads", 1)
    known = ("--target", "fitness", "--wild-type", wild_type, *quick)
    assert cli("train", "predictor", "proteins", table, *known, "-o", folder).code == 0
    asked = ("--variants", "all-singles", "--wild-type", wild_type, "--predictor", f"fitness={folder}")
    done = cli("score", "proteins", *asked, "-o", tmp_path / "singles.csv")
    assert done.code == 0, done.err
    rows = read(tmp_path / "singles.csv")
    assert list(rows[0]) == ["line", "mutant", "fitness", "fitness_lower", "fitness_upper", "fitness_in_domain"]
    assert len(rows) == 19 * len(GB1)
    first, second = (
        [float(row["fitness"]) for row in rows if (int(row["mutant"][1:-1]) < 30) == half] for half in (1, 0)
    )
    assert np.mean(first) < np.mean(second) - 1
    shifted = tmp_path / "shifted.csv"
    shifted.write_text("mutant\nQ4A\nY5A\nK6A\nQ3A\nK5-\n")
    done = cli("score", "proteins", "--variants", shifted, *asked[2:], "-o", tmp_path / "scored.csv")
    assert [row["line"] for row in read(tmp_path / "scored.csv")] == ["5", "6"]
    assert [row["fitness"] == "" for row in read(tmp_path / "scored.csv")] == [False, True]


@pytest.mark.slow
def test_most_variants_may_lack_what_was_measured(cli, table, tmp_path):
    """One variant in five has its fitness; the others' is inferred from these, and draws obey it."""
    header, *lines = table.read_text().splitlines()
    kept = [line if row % 5 == 0 else f"{line.split(',')[0]}," for row, line in enumerate(lines[:1500])]
    (tmp_path / "few.csv").write_text("\n".join([header, *kept]) + "\n")
    data = ("--data", tmp_path / "few.csv", "--wild-type", table.parent / "wild.fasta")
    settings = TINY.replace("latent: 2", "latent: 2, semi_supervised: true, label_weight: 20.0").replace("400", "1000")
    chosen = ("--settings", settings, "--conditions", "fitness,mutations", "--threads", 1)
    done = cli("train", "proteins", *data, *chosen, "-o", tmp_path / "model")
    assert done.code == 0, done.err
    assert "label" in (tmp_path / "model/log.csv").read_text().splitlines()[0]
    shares = {}
    for fitness in (-1, 1):
        asked = ("--where", f"fitness={fitness}", "--where", "mutations in 1..3", "-o", tmp_path / f"{fitness}.csv")
        done = cli("generate", "proteins", "--model", tmp_path / "model", "-n", 100, *asked)
        assert done.code == 0, done.err
        rows = read(tmp_path / f"{fitness}.csv")
        changed = np.array([[a != b for a, b in zip(row["item"], GB1, strict=True)] for row in rows])
        shares[fitness] = changed[:, 28:].sum() / changed.sum()
    print("share of changes in the half that gains", shares)
    assert shares[-1] < 0.35
    assert shares[1] > 0.65
