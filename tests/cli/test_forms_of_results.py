"""Verbs of a model whose items have a form of their own: backbones are scored, compared and written as such."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.domains.proteins.backbones.files import parse, read, write
from tests.cli.conftest import run
from tests.domains.proteins.backbones.examples import chains
from tests.shared import made_once

NETWORK = "network={width: 16, pair_width: 8, layers: 1, heads: 2, radial: 4, context: 16}"
FEW = "diffusion={prediction: v, weighting: edm, sampler: ddim, steps: 3, flow_steps: 4}"
TRAINING = ("--training", "steps=3", "--training", "batch_size=4", "--set", NETWORK, "--set", FEW)


CHAINS = chains()[:4]


def make(folder: Path) -> None:
    """structures/: chains of 20 to 26 residues. data, model: what is made of them."""
    (folder / "structures").mkdir()
    for item in CHAINS:
        write(folder / "structures" / f"{item.name}.pdb", [item], [item.name], {})
    for words in (
        ("datasets", "prepare", "proteins", folder / "structures", "--form", "structures", "-o", folder / "data"),
        ("train", "proteins", "--recipe", "backbone-diffusion", "--data", folder / "data", *TRAINING,
         "-o", folder / "model"),
    ):  # fmt: skip
        done = run(*words)
        assert done.code == 0, done.err


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    return made_once(tmp_path_factory, "backbones", make)


@pytest.fixture
def call(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def command(*words):
        done = run(*words, "--model", made / "model")
        assert done.code == 0, done.err
        return done

    return command


def items_of(path):
    return [parse(row.text) for row in read(Path(path))]


@pytest.mark.long
def test_a_search_scores_backbones_and_writes_designs(call):
    goals = ("--goal", "maximize helix", "--goal", "length in 20..30")
    files = ("-o", "best.csv", "--structures", "best.cif", "--details", "details")
    call("optimize", "proteins", *goals, "--budget", 10, "-n", 3, "--with", "rg,breaks,gravy", *files)
    table = pd.read_csv("best.csv")
    assert table["item"].tolist() == ["best.pdb[0]", "best.pdb[1]", "best.pdb[2]"]
    assert (np.diff(table["helix"]) <= 0).all()
    assert table["gravy"].isna().all(), "a backbone has no sequence"
    designs = items_of("best.csv")
    assert [len(one) for one in designs] == table["length"].tolist()
    assert table["length"].between(20, 30).all()
    np.testing.assert_allclose(sg.score("proteins", Path("best.pdb"), names="rg").table["rg"], table["rg"], rtol=1e-4)
    assert [len(one) for one in items_of("best.cif")] == table["length"].tolist()
    assert json.loads(Path("details/summary.json").read_text())["goals"] == ["maximize helix", "length in 20..30"]
    assert table["similarity_to_training"].between(0, 1).all()


@pytest.mark.long
def test_candidates_can_be_a_file_of_structures(call):
    call("optimize", "proteins", "--goal", "minimize rg_ratio", "--budget", 8, "-n", 2, "-o", "best.pdb")
    assert len(items_of("best.pdb")) == 2


@pytest.mark.long
def test_training_items_are_no_candidates(call, made):
    """Without `novel` all may be returned; a start item is known."""
    start = made / "structures" / "chain3.pdb"
    words = ("--goal", "maximize length", "--start", f"{start}:A", "--budget", 8, "-n", 8)
    call("optimize", "proteins", *words, "--allow-known", "-o", "all.csv", "--settings", "{maximum_similarity: 1}")
    done = run("optimize", "proteins", *words, "--model", made / "model", "-o", "new.csv")
    assert done.code in (0, 5), done.err
    keys = {one.sequence for one in items_of("new.csv")}
    assert parse(f"{start}:A").sequence not in keys


@pytest.mark.long
def test_latents_of_a_folder_are_decoded_to_its_backbones(call, made):
    call("encode", "proteins", made / "structures", "-o", "latents.npz")
    assert len(np.load("latents.npz")["latent"]) == len(CHAINS)
    call("decode", "proteins", "latents.npz", "-o", "back.csv")
    for one, item in zip(items_of("back.csv"), CHAINS, strict=True):
        assert len(one) == len(item)
        distances = [np.linalg.norm(x.trace[:, None] - x.trace, axis=-1) for x in (one, item)]
        assert np.abs(distances[0] - distances[1]).max() < 1.5, "Å: the flow of four steps is coarse"


def test_decoded_backbones_are_written_in_any_format(call, made):
    call("encode", "proteins", made / "structures" / "chain1.pdb", "-o", "latents.npz")
    for ending in (".pdb", ".cif", ".txt"):
        call("decode", "proteins", "latents.npz", "-o", f"back{ending}")
    (line,) = Path("back.txt").read_text().splitlines()
    for found in ([parse(line)], items_of("back.pdb"), items_of("back.cif")):
        assert [len(one) for one in found] == [len(CHAINS[1])]


@pytest.mark.parametrize("ending", [".csv", ".pdb"])
def test_paths_between_backbones_are_written_as_such(call, made, ending):
    ends = [f"{made / 'structures' / name}.pdb:A" for name in ("chain0", "chain3")]
    call("interpolate", "proteins", *ends, "--steps", 3, "--with", "rg,helix", "-o", f"path{ending}")
    found = items_of(f"path{ending}")
    assert len(found) == 3
    assert (len(found[0]), len(found[-1])) == (len(CHAINS[0]), len(CHAINS[3]))
    if ending == ".csv":
        assert pd.read_csv("path.csv")["item"].tolist() == [f"path.pdb[{number}]" for number in range(3)]


@pytest.mark.long
def test_conditions_are_calibrated_where_items_are_judged_in_their_form(call, made):
    call("generate", "proteins", "--raw", "-n", 2, "-o", "designs.pdb")
    words = ("--form", "structures", "--against", made / "data", "--calibrate", "length=22,26", "--draws", 2)
    call("evaluate", "proteins", "designs.pdb", *words, "-o", "metrics.json")
    rows = json.loads(Path("metrics.json").read_text())["conditions"]["length"]
    assert [(row["asked"], row["got"]) for row in rows] == [(22, 22), (26, 26)]


def test_a_wrong_ending_names_those_of_the_form(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("optimize", "proteins", "--goal", "maximize helix", "--model", made / "model", "-o", "best.fasta")
    assert done.code == 2
    assert ".pdb" in done.err
    done = run("optimize", "proteins", "--goal", "maximize helixx", "--model", made / "model", "-o", "best.csv")
    assert done.code == 2
    assert "did you mean 'helix'" in done.err.lower()


@pytest.mark.usefixtures("tiny_draws")
@pytest.mark.parametrize("name", ["a.pdb", pytest.param("a.cif", marks=pytest.mark.slow), "a.csv"])
def test_backbones_are_made_again_with_all_coordinates(call, name):
    call("generate", "proteins", "--raw", "-n", 3, "--threads", 1, "-o", name)
    done = run("replay", name, "--row", "1,3", "--threads", 1)
    assert done.code == 0, done.err
    if not name.endswith(".csv"):  # a thousandth of an ångström
        lines = Path(name).read_text().splitlines(keepends=True)
        atoms = [at for at, line in enumerate(lines) if line.startswith("ATOM")]
        middle = atoms[len(atoms) // 2]
        number = re.findall(r"-?\d+\.\d{3}", lines[middle])[0]
        lines[middle] = lines[middle].replace(number, f"{number[:-1]}{(int(number[-1]) + 1) % 10}", 1)
        Path(name).write_text("".join(lines))
        assert run("replay", name, "--all", "--threads", 1).code == 6
