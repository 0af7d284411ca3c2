"""Maps residues of a structure to positions of a reference, by aligning their sequences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.proteins.residue_atoms import UNKNOWN
from sciencegen.domains.proteins.structures import ProteinChain
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import DataError

LEAST_IDENTITY = 0.3
"""Minimum share of matches in the shorter sequence; below it, the structure is taken for another protein's."""
SHOWN = 5


@dataclass(frozen=True)
class Mismatch:
    """A position at which the structure's residue differs from the reference's."""

    label: str
    structure: str
    position: int
    reference: str

    def __str__(self) -> str:
        return f"{self.reference}{self.position} is {self.structure} (residue {self.label})"


@dataclass(frozen=True)
class Mapping:
    """places: index in the reference of each residue of the structure, -1 if not aligned. identity: share of matches
    among aligned residues."""

    reference: Reference
    places: Int[np.ndarray, " residue"]
    mismatches: Sequence[Mismatch]
    identity: float

    @property
    def coverage(self) -> float:
        """Share of the reference's positions with a residue in the structure."""
        return float((self.places >= 0).sum()) / len(self.reference.sequence)

    def on_reference(self, values: Float[np.ndarray, " residue"]) -> Float[np.ndarray, " position"]:
        """Map values of residues to the reference's positions, NaN for positions without a residue."""
        found = np.full(len(self.reference.sequence), np.nan)
        found[self.places[self.places >= 0]] = np.asarray(values)[self.places >= 0]
        return found

    def notes(self) -> list[str]:
        """Notes on mismatches and missing positions, as sentences."""
        outside, uncovered = int((self.places < 0).sum()), self.coverage < 1
        several = f"{len(self.mismatches)} residues differ from the reference: "
        several += "; ".join(map(str, self.mismatches[:SHOWN])) + ("; ..." if len(self.mismatches) > SHOWN else "")
        covered = len(self.places) - outside
        said = [
            (self.mismatches, several),
            (outside, f"{outside} residues of the structure have no position in the reference"),
            (uncovered, f"{covered} of the reference's {len(self.reference.sequence)} positions have a residue"),
        ]
        return [sentence for applies, sentence in said if applies]


def map_to_reference(chain: ProteinChain, reference: Reference, least_identity: float = LEAST_IDENTITY) -> Mapping:
    """Global alignment by BLOSUM62 with free end gaps. A structure of another protein raises a DataError."""
    sequence, places = chain.sequence, np.full(len(chain.residues), -1)
    for residue, position in _aligned(sequence, reference.sequence):
        places[residue] = position
    pairs = [(residue, int(position)) for residue, position in enumerate(places) if position >= 0]
    known = [(residue, position) for residue, position in pairs if sequence[residue] != UNKNOWN]
    mismatches = [
        Mismatch(chain.residues[one].label, sequence[one], at + reference.first, reference.sequence[at])
        for one, at in known
        if sequence[one] != reference.sequence[at]
    ]
    matches = len(known) - len(mismatches)
    shorter = min(len(sequence), len(reference.sequence))
    if matches < least_identity * shorter or not matches:
        raise DataError(
            f"Expected a structure of the reference's protein, found chain {chain.report.chain} alike at {matches} of "
            f"{shorter} residues. Give another structure, or name its chain."
        )
    return Mapping(reference, places, mismatches, matches / len(known))


def _aligned(sequence: str, reference: str) -> Iterator[tuple[int, int]]:
    """Pairs of aligned places."""
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner = PairwiseAligner(mode="global", open_gap_score=-11, extend_gap_score=-1, end_gap_score=0.0)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    best = next(iter(aligner.align(sequence, reference)))
    for (start, stop), (first, _) in zip(*best.aligned, strict=True):
        yield from zip(range(start, stop), range(first, first + stop - start), strict=True)
