"""Files of molecules and of their structures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rdkit import Chem
from rdkit.Chem import rdDepictor, rdDistGeom

from tests.cli.test_hostile_input import FIXED, MOLECULES, PIECES, hostile_lines
from tests.fuzz.borders.items import Piece, lines, read_items, source_of
from tests.fuzz.cases import Border, Found, Source

SMILES = [*MOLECULES, "CCO", "C[C@H](N)C(=O)O", "[O-][n+]1ccccc1", "CC[N+](C)(C)C.[Cl-]", "c1ccsc1", "OB(O)c1ccccc1"]
WATER = "O 0.0 0.0 0.1\nH 0.0 0.76 -0.5\nH 0.0 -0.76 -0.5"
PLACES = "[[0,0,0.1],[0,0.76,-0.5],[0,-0.76,-0.5]]"
BREAKS = (b"\n", b"\r")
MARKS = (*BREAKS, b",", b";", b"\t", b"|", b'"')
TABLES: tuple[tuple[str, str, str], ...] = (
    ("a.csv", ",", "."),
    ("b.csv", ";", ","),
    ("c.tsv", "\t", "."),
    ("d.csv.gz", ",", "."),
)


def record(smiles: str, new: bool, spatial: bool = False) -> Piece:
    """A record of an .sdf file, V3000 if it is new, with coordinates in the plane or in space."""
    molecule = Chem.MolFromSmiles(smiles)
    if spatial:
        molecule = Chem.AddHs(molecule)
        rdDistGeom.EmbedMolecule(molecule, randomSeed=1)
    else:
        rdDepictor.Compute2DCoords(molecule)
    block = Chem.MolToMolBlock(molecule, forceV3000=new)
    return b"", f"{block}>  <logp>\n1.5\n".encode(), b"\n$$$$\n"


def parquet(table: pa.Table, **how: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **how)
    return buffer.getvalue()


def odd_parquet(content: bytes, name: str, chooser: Random) -> bytes:
    """A damaged file, or a whole one with a column of another kind."""
    if chooser.random() < 0.7:
        from tests.fuzz.mutations import damaged_bytes

        return damaged_bytes(content, chooser)
    count = len(SMILES)
    columns = (
        pa.array([None] * count), pa.array([[one] for one in SMILES]), pa.array([{"a": one} for one in SMILES]),
        pa.array([one.encode() + b"\xff" for one in SMILES]), pa.array(range(count)),
        pa.array(np.full(count, 1.5, np.float16)), pa.array(SMILES).dictionary_encode(),
        pa.array(["2020-01-01"] * count).cast(pa.date32()), pa.array([True] * count),
        pa.array(SMILES, pa.large_string()),
        pa.array([float("inf"), float("nan"), *[1.0] * (count - 2)]), pa.array(SMILES, pa.string_view()),
        pa.array([1] * count, pa.decimal128(38, 2)), pa.array([1] * count, pa.duration("s")),
    )  # fmt: skip
    names = [chooser.choice(("smiles", "item", "SMILES", "x", "")), chooser.choice(("smiles", "y", "id", " "))]
    return parquet(pa.table([chooser.choice(columns) for _ in names], names=names))


def make() -> Mapping[str, Source]:
    odd = [one.encode("utf-8", "surrogateescape") for one in FIXED] + hostile_lines(600, seed=1)
    odd = [one[:70_000] for one in odd] + [piece.encode() for piece in PIECES]
    words = tuple(one.replace(b" ", b"") or b"?" for one in odd)
    quoted, table = lines(SMILES, '"', '",{}.5\n'), pa.table({"smiles": SMILES, "logp": [1.0] * len(SMILES)})
    sources = {
        "smi": source_of("a.smi", lines(SMILES, after=" name{}\n"), without=BREAKS, others=odd),
        "smi.gz": source_of("a.smi.gz", lines(SMILES, after="\n"), without=BREAKS, others=odd),
        "sdf": source_of("a.sdf", [record(one, at % 2 == 1) for at, one in enumerate(SMILES[:8])], without=[b"$$$$"]),
        "sdf.gz": source_of("a.sdf.gz", [record(one, False) for one in SMILES[:4]], without=[b"$$$$"]),
        "quoted": source_of("q.csv", quoted, head=b"smiles,y\n", without=[*BREAKS, b'"'], others=odd),
        "parquet": Source("a.parquet", parquet(table), len(SMILES), mutate=odd_parquet),
    }  # fmt: skip
    for name, mark, point in TABLES:
        rows = lines(SMILES, after=f"{mark}{{}}{point}5{mark}n{{}}\n")
        head = mark.join(("smiles", "logp", "id")).encode() + b"\n"
        sources[name] = source_of(name, rows, head=head, without=MARKS, others=words)
    return sources | structures()


def structures() -> dict[str, Source]:
    atoms = [
        (f"3\nwater\n{first}\n".encode(), second.encode(), f"\n{third}\n".encode())
        for first, second, third in [WATER.split("\n")] * 6
    ]
    cells = [(b"O,\"['O','H','H']\",\"", PLACES.encode(), b'"\n')] * 6
    head, form = b"smiles,Elements,XYZ_Ang\n", "molecules/structures"
    records = [record(one, at % 2 == 1, spatial=True) for at, one in enumerate(("CCO", "CC(=O)N", "c1ccccc1", "CS"))]
    return {
        "xyz": source_of("a.xyz", atoms, without=BREAKS, more=form),
        "xyz.gz": source_of("a.xyz.gz", atoms, without=BREAKS, more=form),
        "structures.csv": source_of("a.csv", cells, head=head, without=[*BREAKS, b'"'], more=form),
        "structures.sdf": source_of("a.sdf", records, without=[b"$$$$"], more=form),
    }


def use(path: Path, source: Source) -> Found:
    return read_items(source.more or "molecules", path)


BORDER = Border("molecules", make, use)
