"""Backbones from structure files: unbroken pieces of every protein chain, or the items of a file of designs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NoReturn

import numpy as np

from sciencegen.data.damage import open_binary, reading
from sciencegen.domains.proteins.backbones.geometry import Coordinates, is_dextro, place_oxygens
from sciencegen.domains.proteins.backbones.items import SHORTEST, Backbone, backbone
from sciencegen.domains.proteins.residues import BACKBONE, Residue, Selected, atom_places, select_chains
from sciencegen.domains.proteins.structures import find_gaps, read_structure_file
from sciencegen.errors import DataError
from sciencegen.items import Refusal

ITEM_MARK = "REMARK 999 ITEM "
"""Start of a line of a PDB file that names a model which is an item of its own."""
CIF_MARK = "ITEM "
"""Start of the same in the category `_sciencegen_item` of an mmCIF file."""
SYMMETRY = "symmetry"
"""Such a line contains `symmetry=C3` for an assembly, whose first chain is the item."""
POSITIONS = "motif_positions"
"""Column of scaffolds: residues of the motif, as text."""
HEADER_LINES = 100_000
SHOWN = 5


@dataclass(frozen=True)
class ChainPiece:
    """A row of a file: the item, or why there is none. name: the item's, or that of the file with the chain.
    values: numbers that the file holds for it."""

    item: Backbone | Refusal
    name: str
    values: dict[str, float] = field(default_factory=dict)


def read_backbones(path: Path, chain: str | None = None) -> list[ChainPiece]:
    """The pieces of a file's protein chains, in order.

    A file of designs, which `writing` wrote, holds an item in each model. Of other files the first model is read, and
    a chain is cut where residues are missing. Pieces shorter than `SHORTEST` are left out, unless a chain has no other.

    chain: only this one, of an assembly without its copies.
    """
    marks = item_marks(path)
    parsed = read_structure_file(path)
    with reading("a structure of proteins", path):
        models = list(parsed.structure) if marks else [next(iter(parsed.structure))]
        chains = [select_chains(model) for model in models]
    if not marks:
        return list(_pieces(chains[0], path, chain))
    designs = list(zip(chains, marks, strict=False))
    if chain is None:
        return [_design(found, mark) for found, mark in designs]
    asked = [(found, mark) for found, mark in designs if chain in found]
    if not asked:
        _raise_no_chain({name: one for found, _ in designs for name, one in found.items()}, path, chain)
    return [_design({chain: found[chain]}, mark, alone=True) for found, mark in asked]


def item_marks(path: Path) -> list[str]:
    """The name and numbers of each model of a file of designs, as written; none in other files."""
    marks = []
    with open_binary(path) as stream:
        for raw in islice(stream, HEADER_LINES):
            line = raw.decode("utf-8", "replace").strip()
            if line.startswith(("ATOM", "HETATM")):
                break
            if line.startswith(ITEM_MARK):
                marks.append(line.removeprefix(ITEM_MARK))
            elif line.startswith(f"'{CIF_MARK}") and line.endswith("'"):
                marks.append(line[1:-1].removeprefix(CIF_MARK))
    return marks


def _design(chains: dict[str, Selected], mark: str, alone: bool = False) -> ChainPiece:
    """The item of a model, its first chain; breaks between residues with successive numbers stay. alone: without the
    copies of an assembly."""
    name, *words = mark.split()
    values = {key: value for key, _, value in (word.partition("=") for word in words)}
    symmetry = "" if alone else values.get(SYMMETRY, "")
    numbers = {key: float(value) for key, value in values.items() if key != POSITIONS and _is_number(value)}
    chain, selected = next(iter(chains.items()), ("A", Selected()))
    return ChainPiece(_item(selected.residues, name, chain, symmetry), name, numbers)


def _raise_no_chain(chains: Mapping[str, Selected], path: Path, chain: str | None) -> NoReturn:
    """Raise an error that says which chains a file has."""
    others = ", ".join(name for name, one in chains.items() if one.residues) or "none"
    held = ", ".join({kind for one in chains.values() for kind in one.left_out}) or "water"
    wanted = "a protein chain" if chain is None else f"a protein chain '{chain}'"
    found = f"protein chains: {others}" if others != "none" else f"none: it holds {held}"
    raise DataError(f"Expected {wanted} in {path}, found {found[:300]}.")


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _pieces(chains: dict[str, Selected], path: Path, chain: str | None) -> Iterator[ChainPiece]:
    names = [name for name, one in chains.items() if one.residues and chain in (None, name)]
    if not names:
        _raise_no_chain(chains, path, chain)
    stem = path.name.split(".")[0]
    for name in names:
        yield from _chain_pieces(chains[name].residues, f"{stem}_{name}", name)


def _chain_pieces(residues: Sequence[Residue], called: str, chain: str) -> Iterator[ChainPiece]:
    whole = [residue for residue in residues if residue.atoms.keys() >= set(BACKBONE[:3])]
    if not whole:
        yield ChainPiece(Refusal(f"{len(residues)} residues with CA only; N and C are needed"), called)
        return
    cut = cut_chain(residues)
    long = [part for part in cut if len(part) >= SHORTEST] or [max(cut, key=len)]
    for part in long:
        name = called if len(cut) == 1 else f"{called}_{part[0].label}-{part[-1].label}"
        yield ChainPiece(_item(part, name, chain), name)


def cut_chain(residues: Sequence[Residue]) -> list[list[Residue]]:
    """Unbroken pieces. A chain is cut at residues without N, CA or C, and where it breaks and the numbers jump;
    a break between successive numbers is an error of the geometry, and stays for those who judge it."""
    gaps = {gap.index for gap in find_gaps(residues)[0] if gap.missing != 0}
    pieces: list[list[Residue]] = [[]]
    for index, residue in enumerate(residues):
        if residue.atoms.keys() >= set(BACKBONE[:3]):
            pieces[-1].append(residue)
        elif pieces[-1]:
            pieces.append([])
        if index in gaps and pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def chain_item(residues: Sequence[Residue], chain: str) -> Backbone | Refusal:
    """The item of a whole chain; one in which residues are missing is refused."""
    pieces = cut_chain(residues)
    if len(pieces) > 1:
        ranges = ", ".join(f"{piece[0].label} to {piece[-1].label}" for piece in pieces[:SHOWN])
        return Refusal(f"residues are missing in chain {chain}: its pieces are {ranges}")
    return _item(pieces[0] if pieces else [], "", chain)


def _item(residues: Sequence[Residue], name: str, chain: str, symmetry: str = "") -> Backbone | Refusal:
    """The item of these residues; missing oxygens are placed. D-amino acids are refused, and
    insertion codes that would run into the numbers."""
    if not residues:
        return Refusal("no amino acids")
    places = backbone_atoms(residues)
    if wrong := dextro_labels(residues):
        shown = ", ".join(wrong[:SHOWN]) + (f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else "")
        return Refusal(f"D-amino acids, which are mirror images: residues {shown}")
    if odd := next((one for one in residues if one.insertion and not one.insertion.isalpha()), None):
        return Refusal(
            f"insertion code '{odd.insertion}' of residue {odd.number}; a letter is expected, and PDB files hold "
            "numbers up to 9999"
        )
    without = np.isnan(places[:, 3]).any(1)
    if without.any():
        places[without, 3] = place_oxygens(*places[:, :3].swapaxes(0, 1))[without]
    sequence = "".join(residue.letter for residue in residues)
    return backbone(places, sequence, tuple(residue.label for residue in residues), name, chain, symmetry)


def backbone_atoms(residues: Sequence[Residue]) -> Coordinates:
    """N, CA, C and O of each residue, NaN for a missing atom."""
    return np.stack([atom_places(residues, name) for name in BACKBONE], 1)


def dextro_labels(residues: Sequence[Residue]) -> list[str]:
    """The numbers of D-amino acids."""
    n, ca, c, beta = (atom_places(residues, name) for name in ("N", "CA", "C", "CB"))
    return [residues[index].label for index in np.flatnonzero(is_dextro(n, ca, c, beta)).tolist()]
