"""Structures of proteins: reads one chain of a PDB or mmCIF file, and reports its gaps and missing atoms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sciencegen.data.damage import reading
from sciencegen.domains.proteins.residue_atoms import BACKBONE, UNKNOWN
from sciencegen.domains.proteins.residues import Residue, Selected, atom_places, bond_length, select_chains
from sciencegen.domains.proteins.structure_files import Parsed, read_structure_file
from sciencegen.errors import DataError

SHORTEST_CHAIN = 10
"""Minimum number of residues of a protein chain, unless all chains are shorter or the chain is requested."""
MOST_MISSING = 1000
"""Maximum number of 'X' for a gap."""
SHOWN = 5


@dataclass(frozen=True)
class Gap:
    """A break of the chain after the residue at `index`. missing: number of residues by the numbering, 0 if it is
    continuous, None if it decreases. distance: across the gap, in ångström."""

    index: int
    before: str
    after: str
    missing: int | None
    distance: float

    def __str__(self) -> str:
        many = "an unknown number" if not self.missing else self.missing
        return f"{self.before} to {self.after} ({many} missing, {self.distance:.1f} Å)"


@dataclass(frozen=True)
class Report:
    """Report on reading a file. chains: number of residues of each protein chain. chosen: whether the chain was
    requested. renumbered: number of jumps in the numbering without a gap. mended, ended: see `Parsed`."""

    chain: str
    chains: dict[str, int]
    chosen: bool
    models: int
    left_out: dict[str, int]
    waters: int
    hydrogens: int
    renumbered: int
    mended: Sequence[str]
    ended: bool


@dataclass(frozen=True)
class ProteinChain:
    """residues: in order. gaps: breaks of the chain. report: on reading the file. Coordinates are in ångström."""

    residues: Sequence[Residue]
    gaps: Sequence[Gap]
    report: Report

    @property
    def sequence(self) -> str:
        """One letter for each residue with coordinates, 'X' for one that isn't among the 20 amino acids."""
        return "".join(residue.letter for residue in self.residues)

    @property
    def whole_sequence(self) -> str:
        """`sequence` with an 'X' for each residue that is missing by the numbering, at most `MOST_MISSING` for a gap,
        and one 'X' for a gap of unknown length."""
        letters = list(self.sequence)
        for gap in reversed(self.gaps):
            letters.insert(gap.index + 1, UNKNOWN * min(max(gap.missing or 0, 1), MOST_MISSING))
        return "".join(letters)

    @property
    def labels(self) -> list[str]:
        """Numbers with insertion codes."""
        return [residue.label for residue in self.residues]

    def atom(self, name: str) -> Float[np.ndarray, "residue 3"]:
        """Position of this atom (N, CA, C, O, CB) in each residue, NaN if it is missing."""
        return atom_places(self.residues, name)

    def side_chain(self) -> Float[np.ndarray, "residue 3"]:
        """The centre of each side chain's heavy atoms; the CA for a residue without any, such as glycine."""
        return np.stack([_side_chain(residue) for residue in self.residues])

    @property
    def missing_atoms(self) -> dict[str, frozenset[str]]:
        """Label of a residue -> its missing atoms."""
        return {residue.label: residue.missing for residue in self.residues if residue.missing}

    def notes(self) -> list[str]:
        """Notes on the file and the chain, as sentences."""
        return [sentence for applies, sentence in (*self._of_file(), *self._of_chain()) if applies]

    def _of_file(self) -> list[tuple[object, str]]:
        r = self.report
        others = ", ".join(f"{name} ({count})" for name, count in r.chains.items() if name != r.chain)
        of = f"; others: {others}" if others else ""
        return [
            (not r.chosen, f"chain {r.chain}, the first protein chain, of {len(self.residues)} residues was taken{of}"),
            (r.models > 1, f"{r.models} models: the first was taken"),
            (not r.ended, "the file has no END: it may be cut short"),
            (r.mended, f"the reader passed over {len(r.mended)} faults, the first: {next(iter(r.mended), '')}"),
            (r.left_out, f"left out of the protein: {_listed(r.left_out)}"),
            (r.waters, f"{r.waters} waters left out"),
            (r.hydrogens, f"{r.hydrogens} hydrogens left out"),
        ]

    def _of_chain(self) -> list[tuple[object, str]]:
        modified = Counter(f"{one.name} as {one.letter}" for one in self.residues if one.modified)
        alternates = sum(residue.alternates for residue in self.residues)
        several = sum(residue.alternative for residue in self.residues)
        lacking = self.missing_atoms
        absent, gaps = sum(map(len, lacking.values())), "; ".join(map(str, self.gaps[:SHOWN]))
        return [
            (modified, f"modified residues read as others: {_listed(modified)}"),
            (alternates, f"{alternates} atoms have alternate locations: those of highest occupancy were taken"),
            (several, f"{several} positions hold several residues: those of highest occupancy were taken"),
            (lacking, f"{absent} heavy atoms are missing in {len(lacking)} residues: {_some(list(lacking))}"),
            (self.gaps, f"{len(self.gaps)} gaps in the chain: {gaps}{'; ...' if len(self.gaps) > SHOWN else ''}"),
            (self.report.renumbered, f"numbers jump at {self.report.renumbered} places where the chain goes on"),
        ]


def read_structure(path: str | Path, chain: str | None = None) -> ProteinChain:
    """Read one protein chain of a file's first model: the requested one, else the first."""
    parsed, selected = _read(Path(path))
    asked = None if chain is None else chain.strip() or "_"
    return _chain(_chosen(selected, asked, Path(path))[0], asked is not None, parsed, selected, Path(path))


def read_chains(path: str | Path) -> list[ProteinChain]:
    """Read all protein chains of a file's first model."""
    parsed, selected = _read(Path(path))
    return [_chain(name, True, parsed, selected, Path(path)) for name in _chosen(selected, None, Path(path))]


def _read(path: Path) -> tuple[Parsed, dict[str, Selected]]:
    parsed = read_structure_file(path)
    with reading("a structure of proteins", path):
        return parsed, select_chains(next(iter(parsed.structure)))


def _chain(name: str, chosen: bool, parsed: Parsed, selected: dict[str, Selected], path: Path) -> ProteinChain:
    residues = selected[name].residues
    if not all(np.isfinite(place).all() for residue in residues for place in residue.atoms.values()):
        raise DataError(f"Expected finite coordinates in chain {name} of {path}, found some that aren't.")
    gaps, renumbered = find_gaps(residues)
    counts = {other: len(one.residues) for other, one in selected.items()}
    return ProteinChain(residues, gaps, _report(name, counts, chosen, parsed, selected[name], renumbered))


def find_gaps(residues: Sequence[Residue]) -> tuple[list[Gap], int]:
    """Breaks between neighbours that aren't bonded, and the number of jumps in numbering between bonded ones."""
    gaps, renumbered = [], 0
    for index, (before, after) in enumerate(pairwise(residues)):
        distance, broken = bond_length(before, after)
        step = after.number - before.number
        if broken:
            gaps.append(Gap(index, before.label, after.label, max(step - 1, 0) if step >= 0 else None, distance))
        elif step not in (0, 1):
            renumbered += 1
    return gaps, renumbered


def _chosen(selected: dict[str, Selected], chain: str | None, path: Path) -> list[str]:
    """The name of the requested chain, or of all protein chains."""
    counts = {name: len(one.residues) for name, one in selected.items()}
    listed = ", ".join(f"{name} ({count} residues)" for name, count in counts.items() if count) or "none"
    if chain is not None:
        if not counts.get(chain):
            what = f"no amino acids, but {_listed(selected[chain].left_out) or 'water'}," if chain in counts else "none"
            raise DataError(f"Expected a protein chain '{chain}' in {path}, found {what}. Protein chains: {listed}.")
        return [chain]
    long = [name for name, count in counts.items() if count >= SHORTEST_CHAIN] or [n for n, c in counts.items() if c]
    if not long:
        held = sum((Counter(one.left_out) for one in selected.values()), Counter())
        raise DataError(f"Expected a protein chain in {path}, found none: it holds {_listed(held) or 'water'}.")
    return long


def _report(
    name: str, counts: dict[str, int], chosen: bool, parsed: Parsed, selected: Selected, renumbered: int
) -> Report:
    proteins = {other: count for other, count in counts.items() if count}
    return Report(
        name, proteins, chosen, len(parsed.structure), selected.left_out, selected.waters, selected.hydrogens,
        renumbered, parsed.mended, parsed.ended,
    )  # fmt: skip


def _side_chain(residue: Residue) -> np.ndarray:
    inside = [place for name, place in residue.atoms.items() if name not in (*BACKBONE, "OXT")]
    return np.mean(inside, 0) if inside else residue.atoms["CA"]


def _listed(counts: dict[str, int]) -> str:
    return _some([f"{count} {name}" for name, count in counts.items()])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


__all__ = ["UNKNOWN", "Gap", "ProteinChain", "Report", "find_gaps", "read_chains", "read_structure"]
