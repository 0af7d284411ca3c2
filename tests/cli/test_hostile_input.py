"""5,000 malformed and exotic lines through the verbs: each is used whole, refused with its reason, or a duplicate."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import string
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem, rdBase
from rdkit.Chem.MolStandardize import rdMolStandardize

from tests.cli.conftest import run

MOLECULES = [
    "CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O", "OCC1OC(O)C(O)C(O)C1O",
    "C1CC2CCC1CC2", "FC(F)(F)c1ccc(Cl)cc1", "N#Cc1ccncc1", "O=S(=O)(N)c1ccc(N)cc1", "C/C=C\\C", "c1ccc2[nH]ccc2c1",
]  # fmt: skip
RESIDUES = ["N[C@@H](C)C(=O)", "NCC(=O)", "N[C@@H](CO)C(=O)", "N[C@@H](Cc1ccccc1)C(=O)", "N[C@@H](CCCC[NH3+])C(=O)"]
FIXED = [
    "", " ", "\t", "\r", "\ufeffCCO", "*", "CC*", "[*:1]CC", "[R1]CC", "C1CC", "C12CC1", "C(", "C)", "C((C)", "()",
    "[", "]", "[]", "C[", "(" * 30_000 + ")" * 30_000, "C(" * 30_000 + ")" * 30_000, "[" * 30_000, "C" * 20_000,
    "C" * 1_000_000, "N" + "C" * 999, "c1ccccc1" * 125_000, "." * 1000, "C." * 499, "$" + "C" * 1_000_000, "$",
    "$CCO", "$\0\x1b[31m", "C%(99999999999)C", "C%(123)CC%(123)", "C%99CC%99", "C999", "[99999999999999999999C]",
    "[C+99999999999]", "[CH99]", "[2H]O[2H]", "[13CH3]C", "[U]", "[Pt](Cl)(Cl)(N)N", "[Fe+2].[Cl-].[Cl-]", "[Og]",
    "[Na+].[Cl-]", "[Na+].CC(=O)[O-]", "[CH3]", "C[CH2]", "[O]O", "[NH4+]", "[H][H]", "[H+]", "[He]", "O",
    "C[N+](C)(C)CC(=O)[O-]", "[O-][Cl+3]([O-])([O-])[O-]", "CC>>CO", ">>", "CCO>>", "CC.O>[Pt]>CCO", "CC>",
    "CCO |$;;R1$|", "CC |^1:0|", "C[C@H](F)Cl |o1:1|", "CC(C)O |(0,0,;1,1,)|", "CCO name", "CCO\tname", "CCO  |",
    "  CCO", "CCO\x1f", "CCO\xa0", "CC\xa0O", "CC\x0bO", "C\0C", "\0", "CCO\0", "CC\x7fO", "\x1a", "CC\u041e",
    "C\u0421O", "CC\u2013O", "CC\u2212", "\U0001f9ea", "CCO\u200b", "\u202eOCC", "CC\u0301O", "\uff23\uff23", '"CCO"',
    '"CCO', 'CC"O', "'CCO'", "CC`O", "CC,O", "CC;O", "=CMD()", "C->[Pt]", "C~C", "C$C", "[Cu]$C", "C:C", "C&C", "C?C",
    "C!C", "NULL", "nan", "None", "SMILES", "InChI=1S/CH4/h1H4", "#", "# comment", "\\", "/", "-", "--", "C--C",
    "C==C", "c1cccc1", "CN(C)(C)(C)C", "B1C2CC3CC1CC(C2)C3", "[Si]12345678910[Si]%11", "[C@@@H]",
    "[C@TH1](F)(Cl)(Br)I", "[Co@OH12](N)(N)(N)(N)(Cl)Cl", "[nH]1cccc1", "%", "%1", "%(", "C%()C", "[CH3:99999]",
    "[#6]", "[C,N]", "[$(CC)]", "[!C]", "CC(=O)O.CC(=O)O", "O.CCO.O.O",
]  # fmt: skip
INVALID_UTF8 = [b"CC\xffO", b"\xff\xfe", b"CC\xed\xa0\x80O", b"\x80\x80", b"CC\xc0\xaf", b"CCO\xe2\x80", b"\xf5CCO"]
PIECES = [
    *"CNOPSFIBcnos()[]=#$:-+/\\.%@*~>{}?!&|^,;'\" \t\0\x01\x1b", *string.digits, "Cl", "Br", "[nH]", "[Na+]", "[2H]",
    "[O-]", "[C@H]", "%10", "c1ccccc1", "\u041e", "\u2013", "\U0001f9ea", "\u00e9", "\u2028", "\x85",
]  # fmt: skip


def hostile_lines(count: int = 5000, seed: int = 5) -> list[bytes]:
    """The same lines every time; none holds a line feed."""
    chooser = random.Random(seed)
    lines = [text.encode() for text in FIXED] + INVALID_UTF8
    lines += ["".join(chooser.choice(RESIDUES) for _ in range(500)).encode() + b"O" for _ in range(5)]
    while len(lines) < count:
        lines.append(_drawn(chooser, len(lines) % 5).encode())
    chooser.shuffle(lines)
    return lines


def _drawn(chooser: random.Random, kind: int) -> str:
    if kind == 0:
        return "".join(chooser.choice(PIECES) for _ in range(chooser.randint(1, 60)))
    if kind == 1:  # one character of a molecule is another
        text = list(chooser.choice(MOLECULES))
        text[chooser.randrange(len(text))] = chooser.choice(PIECES)
        return "".join(text)
    if kind == 2:  # cut anywhere
        text = chooser.choice(MOLECULES)
        return text[: chooser.randint(1, len(text))]
    if kind == 3:  # salts and mixtures
        return ".".join(
            chooser.choice([*MOLECULES, "[Na+]", "[Cl-]", "O", "[Zn+2]"]) for _ in range(chooser.randint(2, 5))
        )
    return "".join(chooser.choice(RESIDUES) for _ in range(chooser.randint(1, 60))) + "O"


def as_csv(lines: list[bytes]) -> bytes:
    """The same items as quoted cells: what a table can hold, a table reader must see."""
    cells = [line.decode("utf-8", "surrogateescape") for line in lines]
    text = io.StringIO(newline="")
    rows = [["smiles", "y"], *([cell, index] for index, cell in enumerate(cells))]
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


TOKEN = re.compile(r"\[[^\[\]]+\]|Cl|Br|[BCNOPSFIbcnops]|(?:->|<-|[-=#$:/\\.()]|\d|%\d\d|%\(\d+\))")
PARAMETERS = Chem.SmilesParserParams()
PARAMETERS.allowCXSMILES = PARAMETERS.parseName = False
UNSANITIZED = Chem.SmilesParserParams()
UNSANITIZED.allowCXSMILES = UNSANITIZED.parseName = UNSANITIZED.sanitize = UNSANITIZED.removeHs = False


def is_whole(text: str, item: str) -> bool:
    """Whether `item` is what RDKit reads from all of `text`: its molecule, or its largest organic part made neutral."""
    tokens = TOKEN.findall(text)
    atoms = sum(token[0] == "[" or token[0].isalpha() for token in tokens)
    if "".join(tokens) != text or Chem.MolFromSmiles(text, UNSANITIZED).GetNumAtoms() != atoms:
        return False
    molecule = Chem.MolFromSmiles(text, PARAMETERS)
    parts = Chem.GetMolFrags(molecule, asMols=True)
    organic = [part for part in parts if any(atom.GetAtomicNum() == 6 for atom in part.GetAtoms())] or parts
    largest = max(part.GetNumHeavyAtoms() for part in organic)
    neutral = [rdMolStandardize.Uncharger().uncharge(part) for part in organic if part.GetNumHeavyAtoms() == largest]
    return item in {Chem.CanonSmiles(Chem.MolToSmiles(one)) for one in neutral}


@dataclass(frozen=True)
class Source:
    """What to pass as the file, what comes on stdin; of each row its line number and the text of its item."""

    path: str
    extra: dict[str, bytes]
    numbers: list[int]
    texts: list[str]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return hostile_lines()


@pytest.fixture(scope="module", params=["smi", "csv", "-"])
def source(request, lines, tmp_path_factory) -> Source:
    is_csv = request.param == "csv"
    content = as_csv(lines) if is_csv else b"\n".join(lines)
    texts = [text_of(line, is_csv) for line in lines]
    # In a table a carriage return ends a line too, also within quotation marks, as an editor shows it.
    heights = [1 + line.count(b"\r") if is_csv else 1 for line in lines]
    numbers = (np.cumsum([2 if is_csv else 1, *heights[:-1]])).tolist()
    if request.param == "-":
        return Source("-", {"stdin": content}, numbers, texts)
    path = tmp_path_factory.mktemp("hostile") / f"in.{request.param}"
    path.write_bytes(content)
    return Source(str(path), {}, numbers, texts)


def text_of(line: bytes, is_csv: bool) -> str:
    text = line.decode("utf-8", "replace")
    if is_csv:
        return text.strip()
    smiles, _, name = text.strip(" \t\r").replace("\t", " ").partition(" ")
    return f"{smiles} {name}" if name.strip().startswith("|") else smiles


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "in.smi").write_text("\n".join(MOLECULES))
    network = "{width: 32, heads: 2, layers: 1, hidden: 48, code: 16, flow_layers: 2, flow_width: 32}"
    training = "{steps: 2, batch_size: 4}"
    settings = f"{{settings: {network}, training: {training}, finish: {{steps: 2}}}}"
    words = ("train", "molecules", "--data", folder / "in.smi", "-o", folder / "model", "--settings", settings)
    done = run(*words, "--condition", "logp", "--threads", 1)
    assert done.code == 0, done.err
    return folder / "model"


def check(source: Source, accepted: dict[int, str], rejects: Path, least: int = 1000) -> None:
    """accepted: line to item. Together with the rejects it is every line, once, and each item is its whole line."""
    refused = pd.read_csv(rejects, keep_default_na=False)
    assert refused["reason"].str.len().between(1, 500).all()
    assert refused["reason"].map(str.isprintable).all()
    assert sorted([*accepted, *refused["line"]]) == source.numbers
    with rdBase.BlockLogs():
        texts = dict(zip(source.numbers, source.texts, strict=True))
        cut = [(texts[number], item) for number, item in accepted.items() if not is_whole(texts[number], item)]
    assert not cut
    assert len(accepted) > least


@pytest.mark.slow
def test_score(cli, source):
    done = cli(
        "score", "molecules", source.path, "--with", "qed,sa,logp", "-o", "s.csv", "--threads", 1, **source.extra
    )
    assert done.code == 0, done.err
    table = pd.read_csv("s.csv")
    assert np.isfinite(table[["qed", "sa", "logp"]]).all(axis=None)
    check(source, dict(zip(table["line"], table["item"], strict=True)), Path("s.csv.rejects.csv"))


@pytest.mark.slow
def test_prepare(cli, source):
    done = cli("datasets", "prepare", "molecules", source.path, "-o", "p", "--threads", 1, **source.extra)
    assert done.code == 0, done.err
    counts = json.loads(Path("p/dataset.json").read_text())["counts"]
    refused = pd.read_csv("p/rejects.csv", keep_default_na=False)
    assert counts["rows"] == counts["usable"] + counts["refused"] + counts["duplicates"] == len(source.texts)
    assert len(refused) == counts["refused"] == refused["line"].nunique()


@pytest.mark.slow
def test_encode(cli, source, tiny_model):
    words = ("encode", "molecules", source.path, "-o", "z.npz", "--threads", 1, "--model", tiny_model)
    done = cli(*words, **source.extra)
    assert done.code == 0, done.err
    found = np.load("z.npz")
    assert np.isfinite(found["latent"]).all()
    accepted = {source.numbers[index]: item for index, item in zip(found["index"], found["item"].tolist(), strict=True)}
    check(source, accepted, Path("z.npz.rejects.csv"), least=500)
