"""Motifs: pieces of a structure file that designs contain, atom by atom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.data.damage import reading
from sciencegen.domains.proteins.backbones.contigs import Contigs, Free, Range, parse_contigs, prefix_of
from sciencegen.domains.proteins.backbones.files import parse
from sciencegen.domains.proteins.backbones.geometry import place_oxygens
from sciencegen.domains.proteins.backbones.objects import structure_of
from sciencegen.domains.proteins.backbones.reading import backbone_atoms, cut_chain, dextro_labels, item_marks
from sciencegen.domains.proteins.residue_atoms import BACKBONE
from sciencegen.domains.proteins.residues import Residue, bond_length, select_chains
from sciencegen.domains.proteins.structure_files import read_structure_file
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal

if TYPE_CHECKING:
    from Bio.PDB.Structure import Structure

END = Free(10, 40)
"""Free residues at each end of a design without contigs, as in the examples of RFdiffusion."""
SLACK = 20
"""Between pieces of a motif without contigs: how many residues more than the least there may be."""
REACH = 3.0
"""Ångström that a residue between two pieces spans without contigs; a helix spans 1.5 and a strand 3.3."""
STRETCHED = 4.0
"""Ångström that a residue can span at most."""
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Motif:
    """Pieces that keep their places relative to each other.

    Parameters
    ----------
    coordinates : float64 [residue 4 3]
        N, CA, C and O of all pieces after each other, ångström. O may be NaN at the end of a piece.
    sequence : str
        A letter for each residue, 'X' for an unknown one.
    sizes : tuple of int
        Number of residues of each piece.
    free : tuple of Free
        Free residues before, between and after the pieces.
    """

    coordinates: Float[np.ndarray, "residue 4 3"]
    sequence: str
    sizes: tuple[int, ...]
    free: tuple[Free, ...]

    def __len__(self) -> int:
        return len(self.sequence)


def read_motif(path: Path, contigs: str | None = None, longest: int | None = None) -> Motif:
    """Read a motif.

    Parameters
    ----------
    path : Path
        A structure file, whose first model is read, or a reference to one of its items, such as `designs.pdb[3]`.
    contigs : str, optional
        As `contigs.parse_contigs` reads them. Default: all pieces of the file in order, `END` around and a few more
        residues than necessary between them.
    longest : int, optional
        Without contigs: free parts may have up to so many residues, since the total is given.

    Raises
    ------
    ConfigError, DataError
        For contigs that aren't in the file, and for residues that can't be kept: without N, CA or C, or with a break.
    """
    chains = _chains(path)
    if contigs is None:
        pieces, free = _whole(chains, path, longest)
    else:
        parsed = parse_contigs(contigs)
        pieces = [_piece(chains, one, path) for one in parsed.ranges]
        free = _spanned(parsed, pieces)
    residues = [residue for piece in pieces for residue in piece]
    return Motif(
        np.concatenate([_places(piece, path) for piece in pieces]),
        "".join(residue.letter for residue in residues),
        tuple(len(piece) for piece in pieces),
        tuple(free),
    )


def _chains(path: Path) -> dict[str, list[Residue]]:
    """The protein residues of each chain of the first model."""
    structure = _structure(path)
    with reading("a structure of proteins", path):
        chains = select_chains(next(iter(structure)))
    found = {name: one.residues for name, one in chains.items() if one.residues}
    if not found:
        raise DataError(f"Expected a protein chain with a motif in {path}, found none.")
    for residue in chain.from_iterable(found.values()):
        if not all(np.isfinite(place).all() for place in residue.atoms.values()):
            raise DataError(f"Expected finite coordinates in {path}, found others in residue {residue.label}.")
    return found


def _structure(path: Path) -> Structure:
    """The structure of a file, or of the item that a reference names."""
    if not path.exists() and path.suffix.endswith("]"):
        item = parse(str(path))
        if isinstance(item, Refusal):
            raise DataError(f"Expected a backbone with a motif at {path}, found none: {item.reason}.")
        return structure_of(item)
    structure: Structure = read_structure_file(path).structure
    if len(marks := item_marks(path)) > 1:
        raise DataError(
            f"Expected one structure with a motif in {path}, found {len(marks)} designs. Write which, from 0, as in "
            f"'{path}[0]'."
        )
    return structure


def _whole(chains: dict[str, list[Residue]], path: Path, longest: int | None) -> tuple[list[list[Residue]], list[Free]]:
    """All unbroken pieces in order, and the free residues around them."""
    pieces = [piece for residues in chains.values() for piece in cut_chain(residues)]
    if not pieces:
        raise DataError(f"Expected a motif with the atoms N, CA and C in {path}, found CA only.")
    end = END if longest is None else Free(0, longest)
    free = [end]
    for before, after in pairwise(pieces):
        least = max(1, ceil(_apart(before, after) / REACH) - 1)
        free.append(Free(least, least + SLACK if longest is None else max(least, longest)))
    return pieces, [*free, end]


def _piece(chains: dict[str, list[Residue]], wanted: Range, path: Path) -> list[Residue]:
    """The residues of a range, all of which must be in the file."""
    if wanted.chain not in chains:
        there = ", ".join(map(prefix_of, chains))
        raise ConfigError(f"Expected `contigs` of chains in {path} ({there}), got {wanted}. Choose one of these.")
    found = [one for one in chains[wanted.chain] if wanted.first <= one.number <= wanted.last]
    missing = sorted(set(range(wanted.first, wanted.last + 1)) - {one.number for one in found})
    if missing:
        shown = ", ".join(f"{prefix_of(wanted.chain)}{number}" for number in missing[:SHOWN])
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        there = ", ".join(_named(wanted.chain, part) for part in cut_chain(chains[wanted.chain])[:SHOWN]) or "CA only"
        raise ConfigError(
            f"Expected `contigs` of residues in {path}, got {wanted}: it lacks {shown}{more}. Chain {wanted.chain} "
            f"has {there}."
        )
    return found


def _named(chain: str, piece: Sequence[Residue]) -> str:
    return f"{prefix_of(chain)}{piece[0].label}-{piece[-1].label}"


def _places(piece: Sequence[Residue], path: Path) -> Float[np.ndarray, "residue 4 3"]:
    """Coordinates of a piece. Missing oxygens are placed; the last one is NaN, as it depends on the next residue."""
    for residue in piece:
        if lacking := [atom for atom in BACKBONE[:3] if atom not in residue.atoms]:
            raise DataError(
                f"Expected a motif with N, CA and C of each residue, found residue {residue.label} of {path} without "
                f"{', '.join(lacking)}. Leave it out by `contigs`, or add its atoms."
            )
    for before, after in pairwise(piece):
        distance, broken = bond_length(before, after)
        if broken:
            raise DataError(
                f"Expected a motif without breaks, found one of {distance:.1f} Å after residue {before.label} of "
                f"{path}. Make two pieces of it by `contigs`, with free residues between them."
            )
    if dextro_labels(piece):
        raise DataError(f"Expected a motif of L-amino acids, found D-amino acids, which are mirror images, in {path}.")
    places = backbone_atoms(piece)
    without = np.flatnonzero(np.isnan(places[:-1, 3]).any(1))
    places[without, 3] = place_oxygens(*places[:, :3].swapaxes(0, 1))[without]
    return places


def _spanned(contigs: Contigs, pieces: Sequence[Sequence[Residue]]) -> list[Free]:
    """The free residues, at least as many between two pieces as can span the distance."""
    free = list(contigs.free)
    for index, (before, after) in enumerate(pairwise(pieces), 1):
        broken = bond_length(before[-1], after[0])[1]
        least = max(1, ceil(_apart(before, after) / STRETCHED) - 1) if broken else 0
        if least > free[index].longest:
            one, other = contigs.ranges[index - 1 : index + 1]
            raise ConfigError(
                f"Expected `contigs` with {least} or more free residues between {one} and {other}, which are "
                f"{_apart(before, after):.1f} Å apart, got {free[index].longest or 'none'}."
            )
        free[index] = replace(free[index], shortest=max(least, free[index].shortest))
    return free


def _apart(before: Sequence[Residue], after: Sequence[Residue]) -> float:
    """Distance of the alpha carbons at the facing ends, ångström."""
    return float(np.linalg.norm(before[-1].atoms["CA"] - after[0].atoms["CA"]))
