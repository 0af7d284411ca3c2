"""Structures as text: a straight chain of bonded residues, as PDB and as mmCIF."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sciencegen.domains.proteins.residues import SIDE_CHAINS

NAMES = {
    "A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY", "H": "HIS",
    "I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER", "T": "THR", "W": "TRP",
    "Y": "TYR", "V": "VAL",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One atom of a file."""

    atom: str
    residue: str
    number: int
    place: tuple[float, float, float]
    chain: str = "A"
    record: str = "ATOM"
    alternate: str = ""
    insertion: str = ""
    occupancy: float = 1.0
    element: str = ""

    @property
    def symbol(self) -> str:
        return self.element or self.atom[0]


def peptide(sequence: str, first: int = 1, chain: str = "A", start: float = 0.0) -> list[Line]:
    """Whole residues in a row: C and the next N are 1.33 Å apart, side chains stand up from them."""
    lines = []
    for index, letter in enumerate(sequence):
        x = start + 3.63 * index
        places = {"N": (x, 0, 0), "CA": (x + 1.2, 0.8, 0), "C": (x + 2.3, 0, 0), "O": (x + 2.3, -1.2, 0)}
        side = SIDE_CHAINS[letter].split()
        places |= {atom: (x + 1.2, 1.4 + 0.3 * (at % 2), 1.3 * (at + 1)) for at, atom in enumerate(side)}
        lines += [Line(atom, NAMES[letter], first + index, place, chain) for atom, place in places.items()]
    return lines


def pdb(lines: Iterable[Line], end: str = "END\n") -> str:
    text = ""
    for serial, one in enumerate(lines, 1):
        atom = f" {one.atom:<3}" if len(one.symbol) == 1 and len(one.atom) < 4 else f"{one.atom:<4}"
        x, y, z = one.place
        text += (
            f"{one.record:<6}{serial:>5} {atom}{one.alternate or ' '}{one.residue:>3} {one.chain or ' '}{one.number:>4}"
            f"{one.insertion or ' '}   {x:8.3f}{y:8.3f}{z:8.3f}{one.occupancy:6.2f}{10.0:6.2f}"
            f"          {one.symbol:>2}\n"
        )
    return text + end


COLUMNS = [
    "group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id", "label_asym_id", "label_seq_id",
    "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z", "occupancy", "B_iso_or_equiv", "auth_seq_id", "auth_asym_id",
    "pdbx_PDB_model_num",
]  # fmt: skip


def cif(lines: Iterable[Line], end: str = "#\n") -> str:
    text = "data_TEST\n#\nloop_\n" + "".join(f"_atom_site.{name}\n" for name in COLUMNS)
    for serial, one in enumerate(lines, 1):
        x, y, z = one.place
        text += (
            f"{one.record} {serial} {one.symbol} {one.atom} {one.alternate or '.'} {one.residue} {one.chain} "
            f"{one.number} {one.insertion or '?'} {x:.3f} {y:.3f} {z:.3f} {one.occupancy:.2f} "
            f"10.00 {one.number} {one.chain} 1\n"
        )
    return text + end


def moved(lines: Sequence[Line], rotation: np.ndarray, shift: np.ndarray) -> list[Line]:
    """The same atoms elsewhere."""
    return [replace(one, place=tuple((rotation @ np.array(one.place) + shift).tolist())) for one in lines]
