"""Files of crystals: CIF, POSCAR, extended XYZ and tables of them."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

from sciencegen.domains.crystals.formats import cif_text, poscar_text, xyz_text
from sciencegen.domains.crystals.geometry import symmetry_dataset
from sciencegen.domains.crystals.items import Crystal, parse_text, text
from tests.fuzz.borders.items import Piece, lines, read_items, source_of
from tests.fuzz.cases import Border, Found, Source

TEXTS = (
    "crystal:3.99 3.99 3.99 60 60 60|Na 0 0 0|Cl 0.5 0.5 0.5",
    "crystal:3.905 3.905 3.905 90 90 90|Sr 0 0 0|Ti 0.5 0.5 0.5|O 0.5 0.5 0|O 0.5 0 0.5|O 0 0.5 0.5",
    "crystal:2.95 4.6 4.6 90 90 90|Ti 0 0 0|Ti 0.5 0.5 0.5|O 0 0.305 0.305"
    "|O 0 0.695 0.695|O 0.5 0.195 0.805|O 0.5 0.805 0.195",
    "crystal:3.2 3.2 5.2 90 90 120|Zn 0.33333 0.66667 0|Zn 0.66667 0.33333 0.5"
    "|O 0.33333 0.66667 0.382|O 0.66667 0.33333 0.882",
)  # fmt: skip
SYMMETRIC = """data_quartz
_cell_length_a 4.916(1)
_cell_length_b 4.916(1)
_cell_length_c 5.4054
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_space_group_name_H-M_alt 'P 32 2 1'
loop_
_space_group_symop_operation_xyz
'x,y,z' '-y,x-y,z+2/3' '-x+y,-x,z+1/3' 'x-y,-y,-z+1/3' '-x,-x+y,-z+2/3' 'y,x,-z'
loop_
_atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z
Si1 0.4697 0 0.66667
O1 0.4135 0.2669 0.78577
"""
"""Low quartz, by its operations."""


def items() -> list[Crystal]:
    found = [parse_text(one) for one in TEXTS]
    return [one for one in found if isinstance(one, Crystal)]


def make() -> Mapping[str, Source]:
    crystals = items()
    head = b"data_x\n"
    known = [None, *(symmetry_dataset(one, 0.01) for one in crystals[1:])]
    written = [cif_text(one, "x", {"gap": "1.5"}, symmetry) for one, symmetry in zip(crystals, known, strict=True)]
    blocks: list[Piece] = [(head, one[len(head) :].encode(), b"\n") for one in written]
    named = SYMMETRIC.replace("data_quartz\n", "", 1)
    blocks.insert(2, (head, named.encode(), b"\n"))
    unnamed = "\n".join(line for line in named.splitlines() if not line.startswith(("'", "_space_group_symop")))
    unnamed = unnamed.replace("loop_\nloop_", "loop_")
    starts = [poscar_text(one, "x").split("\n", 8) for one in crystals]
    poscars: list[Piece] = [
        (("\n".join(one[:7]) + "\n").encode(), "\n".join(one[7:]).encode(), b"\n") for one in starts
    ]
    comments = [xyz_text(one, "name=a energy=-1.5").split("\n", 2) for one in crystals]
    xyz: list[Piece] = [(f"{a}\n{b}\n".encode(), c.rstrip("\n").encode(), b"\n") for a, b, c in comments]
    cells: list[Piece] = [
        (b'"' + before, body.replace(b'"', b""), after + b'",1.5\n') for before, body, after in blocks
    ]
    texts = lines([text(one) for one in crystals], after="\n")
    breaks = (b"\n", b"\r")
    whole = b"".join(b"".join(block) for block in blocks)
    return {
        "cif": source_of("a.cif", blocks, without=[b"data_", b"DATA_"]),
        "cif.gz": source_of("a.cif.gz", blocks, without=[b"data_", b"DATA_"]),
        "whole": Source("b.cif", whole, len(blocks)),
        "named": Source("c.cif", head + unnamed.encode(), 1),
        "poscar": source_of("a.vasp", poscars),
        "one": Source("POSCAR.vasp", poscar_text(crystals[1], "SrTiO3").encode(), 1),
        "extxyz": source_of("a.extxyz", xyz, without=breaks),
        "table": source_of("a.csv", cells, head=b"cif,y\n", without=[b'"', b"data_"]),
        "packed": Source("b.csv.gz", gzip.compress(b"cif,y\n" + b"".join(map(b"".join, cells))), len(cells)),
        "lines": source_of("a.txt", texts, without=breaks),
    }  # fmt: skip


def use(path: Path, source: Source) -> Found:
    return read_items("crystals", path)


BORDER = Border("crystals", make, use)
