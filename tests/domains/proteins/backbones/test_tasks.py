"""Motifs, variations and oligomers as a user reaches them: the command line, Python, files and errors."""

import numpy as np
import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.domains.proteins.backbones.files import parse, read, write
from sciencegen.domains.superposition import superposed
from tests.cli.conftest import run
from tests.domains.proteins.backbones.examples import chains

NETWORK = {"width": 16, "pair_width": 8, "layers": 1, "heads": 2, "radial": 4, "context": 16}
DIFFUSION = {"prediction": "v", "weighting": "edm", "sampler": "ddim", "steps": 3, "flow_steps": 4}
ITEM = chains()[5]
CONTIGS = "3-9,A8-14,3-9"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that was trained for two steps, and a file of a motif."""
    folder = tmp_path_factory.mktemp("backbones")
    for item in chains():
        write(folder / "mine" / f"{item.name}.pdb", [item], [item.name], {})
    write(folder / "motif.pdb", [ITEM], ["motif"], {})
    sg.prepare("proteins", folder / "data", source=str(folder / "mine"), form="structures", threads=1)
    settings = {"network": NETWORK, "diffusion": DIFFUSION}
    sg.train(
        "proteins", folder / "data", recipe="backbone-diffusion", settings=settings, folder=folder / "model",
        training={"steps": 2, "batch_size": 4}, threads=1,
    )  # fmt: skip
    return folder


@pytest.fixture
def draw(folder, monkeypatch):
    """`sciencegen generate proteins` with the model and two raw draws."""
    monkeypatch.chdir(folder)
    return lambda *flags: run("generate", "proteins", "--model", "model", "--raw", "-n", 2, "--threads", 1, *flags)


def items_of(path):
    return [parse(row.text) for row in read(path)]


@pytest.mark.long
def test_a_motif_is_in_every_design(draw, folder, tmp_path):
    asked = ("--scaffold", "motif.pdb", "--set", f"contigs={CONTIGS}", "--where", "length=20")
    for name in ("a.pdb", "b.pdb"):
        made = draw(*asked, "-o", tmp_path / name)
        assert made.code == 0, made.err
    assert (tmp_path / "a.pdb").read_bytes() == (tmp_path / "b.pdb").read_bytes()
    items = items_of(tmp_path / "a.pdb")
    assert [len(item) for item in items] == [20, 20]
    motif = ITEM.coordinates[7:14].reshape(-1, 3).astype(float)
    for item in items:
        rows = [row for row, letter in enumerate(item.sequence) if letter != "X"]
        assert "".join(item.sequence[row] for row in rows) == ITEM.sequence[7:14]
        found = item.coordinates[rows].reshape(-1, 3).astype(float)
        rmsd = np.sqrt(np.square(superposed(found, found, motif) - motif).sum(1).mean())
        assert rmsd < 0.01
        assert np.abs(found - motif).max() < 0.01, "in the frame of the file"
    other = draw(*asked, "--seed", 1, "-o", tmp_path / "c.pdb")
    assert other.code == 0
    assert (tmp_path / "c.pdb").read_bytes() != (tmp_path / "a.pdb").read_bytes()


def test_variations_and_oligomers(draw, folder, tmp_path):
    made = draw("--vary", "mine/chain2.pdb", "--set", "noise_level=0.01", "-o", tmp_path / "v.csv")
    assert made.code == 0, made.err
    assert len(pd.read_csv(tmp_path / "v.csv")) == 2
    assert {len(item) for item in items_of(tmp_path / "v.pdb")} == {24}
    made = draw("--set", "symmetry=C3", "-o", tmp_path / "s.pdb")
    assert made.code == 0, made.err
    assert {item.symmetry for item in items_of(tmp_path / "s.pdb")} == {"C3"}
    lines = (tmp_path / "s.pdb").read_text().splitlines()
    assert {line[21] for line in lines if line.startswith("ATOM")} == {"A", "B", "C"}
    scored = run("score", "proteins", tmp_path / "s.pdb", "--with", "length,rg", "-o", tmp_path / "scores.csv")
    assert scored.code == 0, scored.err


@pytest.mark.long
def test_python_draws_the_same(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    given = dict(model="model", raw=True, scaffold="motif.pdb", contigs=CONTIGS, threads=1)
    one, other = (sg.generate("proteins", 2, **given) for _ in range(2))
    assert one.table["item"].tolist() == other.table["item"].tolist()
    assert one.write(tmp_path / "a.cif").name == "a.cif"
    best = sg.generate("proteins", 1, **{**given, "raw": False, "attempts": 2}, best_of=2, steer="maximize helix")
    assert best.summary["drawn"] <= 2


@pytest.mark.long
@pytest.mark.parametrize(
    "given",
    [{"settings": {"symmetry": "C3"}}, {"vary": "mine/chain2.pdb"}, {"scaffold": "motif.pdb", "contigs": CONTIGS}],
    ids=str,
)
def test_a_draw_does_not_depend_on_their_number(folder, monkeypatch, given):
    """All of a chain's digits: rows of one part are computed together, which changes the rounding."""
    monkeypatch.chdir(folder)
    draws = [sg.generate("proteins", n, model="model", raw=True, threads=1, **given).table["item"] for n in (1, 5)]
    assert draws[0].tolist() == draws[1][:1].tolist()


@pytest.mark.parametrize(
    "flags",
    [
        ("--scaffold", "motif.pdb", "--set", f"contigs={CONTIGS}"),
        ("--vary", "motif.pdb", "--set", "noise_level=0.9", "--set", "sampler=ancestral"),
        ("--set", "symmetry=C2", "--set", "sampler=churn"),
    ],
)
@pytest.mark.long
def test_step_noise_reaches_every_task(draw, tmp_path, flags):
    for noise in (0, 1):
        made = draw(*flags, "--set", f"step_noise={noise}", "-o", tmp_path / f"{noise}.pdb")
        assert made.code == 0, made.err
    assert (tmp_path / "0.pdb").read_bytes() != (tmp_path / "1.pdb").read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--scaffold", "motif.pdb", "--set", "contigs=5,A25-34,5"), "Expected --set contigs of residues in motif.pdb"),
        (
            ("--scaffold", "motif.pdb", "--set", "contigs=5,A3-9,5,A8-12"),
            "Expected --set contigs with each residue once",
        ),
        (("--scaffold", "motif.pdb", "--set", "contigs=30-40,A3-9,5"), "of at most 34 residues"),
        (
            ("--scaffold", "motif.pdb", "--set", f"contigs={CONTIGS}", "--where", "length=30"),
            "--set contigs and --where that agree",
        ),
        (("--scaffold", "none.pdb"), "none.pdb"),
        (("--set", f"contigs={CONTIGS}"), "Expected --scaffold with --set contigs"),
        (("--vary", "motif.pdb", "--set", "symmetry=C2"), "one of --vary and --set symmetry"),
        (("--vary", "motif.pdb", "--set", "noise_level=2"), "noise_level"),
        (("--vary", "motif.pdb", "--where", "length=20"), "a chain of 30 residues"),
        (("--set", "symmetry=C9"), "of at most C3"),
        (("--set", "symmetry=C2", "--steer", "maximize helix"), "Expected no --steer with --set symmetry"),
    ],
)
def test_wrong_settings_are_named_before_any_draw(draw, tmp_path, flags, message):
    made = draw(*flags, "-o", tmp_path / "x.pdb")
    assert made.code in (2, 3), made.err
    assert message in made.err
    assert not (tmp_path / "x.pdb").exists()
