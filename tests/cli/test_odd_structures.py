"""Unusual structures on the command line: a correct result, or a reason for the refusal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem

from sciencegen.api.models.completion import completer
from sciencegen.config import Resources
from sciencegen.domains import load_domain
from sciencegen.domains.molecules.geometry import with_implicit_hydrogens
from sciencegen.items import Refusal

METHANE = [("C", 0, 0, 0), *[("H", *(0.63 * np.array(x))) for x in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))]]
CHAIN = [("C", 1.25 * i, 0.42 * (-1) ** i, 0) for i in range(201)]
CHAIN_HYDROGENS = [("H", 1.25 * i, 1.05 * (-1) ** i, z) for i in range(201) for z in (-0.88, 0.88)]
METHANOL = [
    ("C", -0.35, 0, 0), ("O", 0.96, -0.37, -0.26), ("H", 1.63, 0.19, 0.18), ("H", -0.6, 0.06, 1.06),
    ("H", -0.99, -0.8, -0.46), ("H", -0.65, 0.94, -0.49),
]  # fmt: skip


def xyz(atoms, comment: str = "") -> str:
    lines = [f"{symbol} {x} {y} {z}" for symbol, x, y, z in atoms]
    return "\n".join([str(len(atoms)), comment, *lines]) + "\n"


def molfile(atoms, bonds=(), charges: str = "") -> str:
    """V2000; bonds: (first, second, order), counted from 1."""
    counts = f"{len(atoms):3d}{len(bonds):3d}  0  0  0  0  0  0  0  0999 V2000"
    places = [f"{x:10.4f}{y:10.4f}{z:10.4f} {symbol:<3}" + " 0" + "  0" * 11 for symbol, x, y, z in atoms]
    links = [f"{first:3d}{second:3d}{order:3d}  0" for first, second, order in bonds]
    lines = ["", "     RDKit          3D", "", counts, *places, *links, charges, "M  END", "$$$$"]
    return "\n".join(line for number, line in enumerate(lines) if line or number < 3) + "\n"


def moved(atoms, row: int, *place: float):
    return [(symbol, *(place if k == row else at)) for k, (symbol, *at) in enumerate(atoms)]


STAR = [(1, other, 1) for other in range(2, 6)]
SOUND = {
    "helium.xyz": (xyz([("He", 0, 0, 0)]), "[He]"),
    "hydrogen.xyz": (xyz([("H", 0, 0, 0), ("H", 0, 0, 0.74)]), "[H][H]"),
    "methane.xyz": (xyz(METHANE), "C"),
    "methane.sdf": (molfile(METHANE, STAR), "C"),
    "ammonium.xyz": (xyz([("N", 0, 0, 0), *METHANE[1:]], "a name charge=+1"), "[NH4+]"),
    "ammonium.sdf": (molfile([("N", 0, 0, 0), *METHANE[1:]], STAR, "M  CHG  1   1   1"), "[NH4+]"),
    "sodium.sdf": (molfile([("Na", 0, 0, 0)], (), "M  CHG  1   1   1"), "[Na+]"),
    "chloride.xyz": (xyz([("Cl", 0, 0, 0)], "charge=-1"), "[Cl-]"),
    "pair.xyz": (xyz([*METHANOL, *[(s, x + 6, y, z) for s, x, y, z in METHANOL]]), "CO.CO"),
    "salt.sdf": (molfile([("Na", 0, 0, 0), ("Cl", 0, 0, 2.4)], (), "M  CHG  2   1   1   2  -1"), "[Cl-].[Na+]"),
}
BROKEN = {
    "none.xyz": (xyz([]), "no atoms"),
    "none.sdf": (molfile([]), "no atoms"),
    "unknown.xyz": (xyz([("Xx", 0, 0, 0)]), "atom 1: 'Xx' is no element"),
    "unknown.sdf": (molfile([("C", 0, 0, 0), ("Xx", 0, 0, 1.5)]), "atom 2: 'Xx' is no element"),
    "nan.xyz": (xyz(moved(METHANE, 2, 0, float("nan"), 0)), "atom 3 has a coordinate that is no finite number"),
    "nan.sdf": (molfile(moved(METHANE, 2, 0, float("nan"), 0), STAR), "atom 3 has a coordinate that is no finite"),
    "huge.xyz": (xyz(moved(METHANE, 0, 1e300, 0, 0)), "atom 1 lies 1e+300 Å away"),
    "twice.xyz": (xyz(moved(METHANE, 2, *METHANE[1][1:])), "atoms 2 and 3 are 0.00 Å apart"),
    "twice.sdf": (molfile(moved(METHANE, 2, *METHANE[1][1:]), STAR), "atoms 2 and 3 are 0.00 Å apart"),
    "charged.xyz": (xyz([("N", 0, 0, 0), *METHANE[1:]]), "a total charge of +0"),
    "ion.xyz": (xyz([("Cl", 0, 0, 0)]), "open valence"),
    "apart.xyz": (xyz(moved(METHANE, 0, 50, 0, 0)), "proton|open valence|bond orders"),
    "flat.sdf": (molfile([("C", 0, 0, 0), ("O", 1.4, 0, 0)], [(1, 2, 1)]).replace("3D", "2D"), "no 3D coordinates"),
    "bare.sdf": (molfile([("C", 0, 0, 0), ("O", 1.4, 0, 0.1)], [(1, 2, 1)]), "4 hydrogens have no coordinates"),
    "valence.sdf": (molfile([*METHANE, ("H", 0, 0, 1)], [*STAR, (1, 6, 1)]), "valence for atom # 0 C, 5"),
    "large.xyz": (xyz([*CHAIN, *CHAIN_HYDROGENS]), "603 atoms; at most 602 are accepted"),
}


def written(name: str, content: str) -> Path:
    Path(name).write_text(content)
    return Path(name)


def prepared(cli, path: Path):
    return cli("datasets", "prepare", "molecules", path, "--form", "structures", "-o", "data", "--threads", 1)


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.long
def test_sound_ones_are_prepared_and_scored(cli, name):
    content, smiles = SOUND[name]
    path = written(name, content)
    done = prepared(cli, path)
    assert done.code == 0, done.err
    domain = load_domain("molecules/structures")
    (row,) = domain.items.read(path)
    assert Chem.MolToSmiles(with_implicit_hydrogens(domain.items.parse(row.text))) == smiles
    if name.endswith(".xyz"):  # which no SMILES reader knows: the form that does is taken
        done = cli("score", "molecules", path, "--with", "mw", "-o", "mw.csv", "--threads", 1)
        assert done.code == 0, done.err
        assert pd.read_csv("mw.csv")["mw"][0] > 2


@pytest.mark.parametrize("name", BROKEN)
def test_broken_ones_are_refused_for_a_reason(cli, name):
    content, reason = BROKEN[name]
    path = written(name, content)
    done = prepared(cli, path)
    assert done.code == 3, done.err
    assert any(part in done.err for part in reason.split("|")), done.err
    done = cli("evaluate", "molecules", path, "--form", "structures", "--against", path, "--threads", 1)
    if done.code == 0:  # atoms in places, but no molecule: a sample that counts as broken
        assert json.loads(done.out)["valid"] == 0
    else:
        assert (done.code, "Expected structures to evaluate, got none; the first of 1: " in done.err) == (3, True)


def test_a_broken_one_stops_none_of_the_others(cli):
    texts = [content for name, (content, _) in {**SOUND, **BROKEN}.items() if name.endswith(".xyz")]
    path = written("all.xyz", "".join(texts))
    assert prepared(cli, path).code == 0
    counts = json.loads(Path("data/dataset.json").read_text())["counts"]
    sound = sum(name.endswith(".xyz") for name in SOUND)
    assert (counts["usable"], counts["refused"]) == (sound, len(texts) - sound)


@pytest.mark.filterwarnings("error")
def test_noble_gases_and_salts_are_evaluated_beside_others(cli):
    records = [SOUND[name][0] for name in ("methane.sdf", "sodium.sdf", "salt.sdf", "ammonium.sdf")]
    path = written("some.sdf", "".join(records))
    done = cli("evaluate", "molecules", path, "--form", "structures", "--against", path, "-o", "m.json", "--threads", 1)
    assert done.code == 0, done.err
    found = json.loads(Path("m.json").read_text())
    assert (found["count"], found["count_valid"], found["count_connected"]) == (4, 3, 3)
    helium = written("he.xyz", SOUND["helium.xyz"][0])
    done = cli("evaluate", "molecules", helium, "--form", "structures", "--against", path, "-o", "h.json")
    assert done.code == 0, done.err
    assert "strain" not in json.loads(Path("h.json").read_text())


REFUSED = {
    "[He]": "holds He",
    "O=C(Nc1ccc(Br)cc1Cl)c1cccs1": "holds S, Cl, Br",
    "C" * 10: "32 atoms with its hydrogens; the model has seen at most 29",
    "C" * 200: "602 atoms with its hydrogens; the model has seen at most 29",
    "[NH3][Cu]": "a bond of type dative",
    "[CH3]": "no bond orders fit",
}


@pytest.mark.long
def test_completing_gives_coordinates_or_the_reason_why_not():
    domain = load_domain("molecules")
    texts = ["C", "O", "F", "N#N", "[NH4+]", "C[N+](C)(C)C", "CC(=O)[O-].[Na+]", *REFUSED]
    complete = completer("molecules", "qm9-conformers", 0, Resources(threads=1, device="cpu"))
    assert complete is not None
    made = dict(zip(texts, complete([domain.items.parse(text) for text in texts]), strict=True))
    for text, one in made.items():
        if text in REFUSED:
            assert isinstance(one, Refusal)
            assert REFUSED[text] in one.reason
        elif isinstance(one, Refusal):  # smaller than anything that it learned from: its lengths are wrong
            assert text in ("O", "F", "N#N", "[NH4+]")
        else:
            assert np.isfinite(one.GetConformer().GetPositions()).all()
            assert Chem.MolToSmiles(Chem.RemoveHs(one)) == domain.items.text(domain.items.parse(text))
    assert complete([]) == []


def test_nothing_to_write_is_an_empty_file(tmp_path):
    load_domain("molecules").items.write(tmp_path / "none.sdf", [], [], {})
    assert (tmp_path / "none.sdf").read_text() == ""


def test_what_no_molecule_has_is_fewer_results(cli):
    flags = ("--model", "qm9-molecules", "--where", "mw=0", "--threads", 1, "--attempts", 2, "-o", "none.sdf")
    done = cli("generate", "molecules", "-n", 2, *flags)
    assert done.code == 5, done.err
    assert "Found 0 of 2" in done.err
    assert "all written" not in done.err
    assert not Path("none.sdf").exists()  # it would block the next run
