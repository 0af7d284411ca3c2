"""Properties of sequences, and the similarity of two."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.sparse import csr_matrix

from sciencegen.domains.base import Similarity
from sciencegen.domains.properties import property_oracles
from sciencegen.domains.proteins.alignments import BLOCK, differing, pack
from sciencegen.domains.proteins.files import ITEMS
from sciencegen.domains.proteins.items import ALPHABET, encode_joined, encode_rows
from sciencegen.errors import unknown_name
from sciencegen.items import Property

# Identity of sequences: the share of positions with the same residue.
#
#     identity(a, b) = #{positions with a = b} / max(|a|, |b|)
#
# Sequences of equal length are compared position by position, without gaps. Others are aligned globally first
# (Needleman-Wunsch with BLOSUM62, gap penalty 10 + 0.5 for each further position, as in EMBOSS needle), the shorter
# one first, so that the result is symmetric.

CHUNK = 10_000
WORD_LENGTH = 3
SHORTLIST = 16
"""Number of references of other lengths that `nearest` aligns: those with most common words of three residues."""


def similarity(sequences: Sequence[str], references: Sequence[str]) -> Float[np.ndarray, "sequence reference"]:
    """[sequence reference] identity in 0..1."""
    table = np.empty((len(sequences), len(references)))
    columns = _by_length(references)
    for length, rows in _by_length(sequences).items():
        same = columns.get(length, [])
        if same:
            table[np.ix_(rows, same)] = _identities([sequences[row] for row in rows], [references[c] for c in same])
        for row in rows:
            for column, reference in enumerate(references):
                if len(reference) != length:
                    table[row, column] = aligned_identity(sequences[row], reference)
    return table


def nearest(sequences: Sequence[str], references: Iterable[str]) -> Float[np.ndarray, " sequence"]:
    """[sequence] greatest identity to any reference (0 without references).

    Exact among references of the same length. Of those of other lengths only `SHORTLIST` are aligned, which is exact
    for close relatives but may miss a distant one. References are processed in chunks.
    """
    best = np.zeros(len(sequences))
    iterator = iter(references)
    while chunk := list(islice(iterator, CHUNK)):
        np.maximum(best, _nearest_in(sequences, chunk, best), out=best)
    return best


def _nearest_in(sequences: Sequence[str], references: Sequence[str], best: np.ndarray) -> np.ndarray:
    found = best.copy()
    columns = _by_length(references)
    for length, rows in _by_length(sequences).items():
        chosen = [sequences[row] for row in rows]
        if length in columns:
            greatest = _identities(chosen, [references[column] for column in columns[length]], greatest=True)
            found[rows] = np.maximum(found[rows], greatest)
        others = [column for other, members in columns.items() if other != length for column in members]
        if others:
            _align_shortlisted(rows, chosen, [references[column] for column in others], found)
    return found


def _align_shortlisted(
    rows: Sequence[int], sequences: Sequence[str], references: Sequence[str], found: np.ndarray
) -> None:
    """Raise found[row] to the greatest identity with the references that have most common words. The identity is at
    most the ratio of lengths, so that many pairs needn't be aligned."""
    shared = (_words(sequences) @ _words(references).T).toarray()
    for row, sequence, counts in zip(rows, sequences, shared, strict=True):
        for column in np.argsort(-counts, kind="stable")[:SHORTLIST].tolist():
            short, long = sorted((len(sequence), len(references[column])))
            if counts[column] and short / long > found[row]:
                found[row] = max(found[row], aligned_identity(sequence, references[column]))


def _words(sequences: Sequence[str]) -> csr_matrix:
    """[sequence word] whether a sequence contains each of the 8,000 words of three residues."""
    place = {letter: number for number, letter in enumerate(ALPHABET)}
    base = len(ALPHABET)
    columns = []
    for sequence in sequences:
        numbers = np.array([place[letter] for letter in sequence], np.int32)
        columns.append(np.unique(numbers[:-2] * base**2 + numbers[1:-1] * base + numbers[2:]))
    starts = np.concatenate([[0], np.cumsum([len(one) for one in columns], dtype=np.int64)])
    joined = np.concatenate(columns) if columns else np.zeros(0, np.int32)
    return csr_matrix((np.ones(len(joined), np.float32), joined, starts), shape=(len(columns), base**WORD_LENGTH))


def _by_length(sequences: Sequence[str]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for index, sequence in enumerate(sequences):
        groups[len(sequence)].append(index)
    return groups


def _identities(sequences: Sequence[str], references: Sequence[str], greatest: bool = False) -> np.ndarray:
    """[sequence reference] identities of sequences of one length; with `greatest` their maximum [sequence]."""
    first, second = pack(encode_rows(sequences)), pack(encode_rows(references))
    least = np.full((len(sequences), 1 if greatest else len(references)), first.columns, np.uint16)
    for rows in _slices(len(sequences), BLOCK[0]):
        for columns in _slices(len(references), BLOCK[1]):
            counts = differing(first.planes[..., rows], second.planes[..., columns])
            if greatest:
                np.minimum(least[rows, 0], counts.min(1), out=least[rows, 0])
            else:
                least[rows, columns] = counts
    identity = 1 - least / first.columns
    return identity[:, 0] if greatest else identity


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


def aligned_identity(first: str, second: str) -> float:
    """Identity after a global alignment."""
    short, long = sorted((first, second), key=lambda sequence: (len(sequence), sequence))
    return float(_aligner().align(short, long)[0].counts().identities) / len(long)


@cache
def _aligner() -> Any:
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner: Any = PairwiseAligner(mode="global")
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    aligner.open_gap_score, aligner.extend_gap_score = -10.0, -0.5
    return aligner


SIMILARITY = Similarity(matrix=similarity, nearest=nearest, maximum=1.0)
"""`maximum` is 1 since variants of one protein are all similar: none is left out for its similarity to another."""


# The properties of sequences, with units, ranges and tolerances: those of ProtParam.
#
# The values are Biopython's, up to rounding, computed from its tables for many sequences at once.

SEQUENCES_AT_ONCE = 1024
WATER = 18.0153
PHYSIOLOGICAL_PH = 7.0

PROPERTIES: dict[str, Property] = {
    prop.name: prop
    for prop in (
        Property("length", "", 30.0, 500.0, None, 0.5, "residues", integer=True, possible=(1, math.inf)),
        Property("molecular_weight", "Da", 3_000.0, 60_000.0, None, 500.0, "average mass of the chain",
                 possible=(0, math.inf)),
        Property("isoelectric_point", "pH", 4.0, 11.0, None, 0.2, "pH of no net charge (Bjellqvist)", possible=(0, 14)),
        Property("gravy", "", -1.5, 1.0, None, 0.1, "grand average of hydropathy (Kyte and Doolittle)",
                 possible=(-4.5, 4.5)),
        Property("aromaticity", "", 0.0, 0.2, None, 0.01, "share of Phe, Trp and Tyr", possible=(0, 1)),
        Property("instability", "", 0.0, 80.0, "minimize", 3.0, "instability index (Guruprasad), stable below 40"),
        Property("charge", "e", -30.0, 30.0, None, 1.0, "net charge at pH 7"),
    )
}  # fmt: skip


class Residues:
    """Sequences as arrays. numbers [residue]: concatenated; owner [residue]: index of each residue's sequence.
    counts [sequence kind]: of each of the 20."""

    numbers: UInt8[np.ndarray, " residue"]
    owner: Int[np.ndarray, " residue"]
    counts: Float[np.ndarray, "sequence kind"]
    lengths: Int[np.ndarray, " sequence"]

    def __init__(self, sequences: Sequence[str]) -> None:
        self.numbers, self.lengths = encode_joined(sequences)
        self.owner = np.repeat(np.arange(len(sequences)), self.lengths)
        kinds = len(ALPHABET)
        counts = np.bincount(self.owner * kinds + self.numbers, minlength=len(sequences) * kinds)
        self.counts = counts.reshape(-1, kinds).astype(float)

    @property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last residue of each sequence."""
        stop = np.cumsum(self.lengths)
        return self.numbers[stop - self.lengths], self.numbers[stop - 1]

    def pair_sums(self, table: Float[np.ndarray, "kind kind"]) -> Float[np.ndarray, " sequence"]:
        """The sum over neighbours (a, b) of table[a, b]."""
        inside = self.owner[1:] == self.owner[:-1]
        values = table[self.numbers[:-1], self.numbers[1:]] * inside
        return np.bincount(self.owner[:-1], values, minlength=len(self.lengths))


def _length(residues: Residues) -> np.ndarray:
    return residues.lengths.astype(float)


def _molecular_weight(residues: Residues) -> np.ndarray:
    """Σ weights − (n − 1) water."""
    from Bio.Data.IUPACData import protein_weights

    return residues.counts @ _by_residue(protein_weights) - (residues.lengths - 1) * WATER


def _gravy(residues: Residues) -> np.ndarray:
    from Bio.SeqUtils.ProtParamData import kd

    return residues.counts @ _by_residue(kd) / residues.lengths


def _aromaticity(residues: Residues) -> np.ndarray:
    return residues.counts @ _by_residue(dict.fromkeys("FWY", 1.0)) / residues.lengths


def _instability(residues: Residues) -> np.ndarray:
    """10 / n × Σ over neighbours of the weight of the pair (Guruprasad, Reddy & Pandit 1990)."""
    return 10.0 / residues.lengths * residues.pair_sums(_instability_weights())


@cache
def _instability_weights() -> Float[np.ndarray, "kind kind"]:
    from Bio.SeqUtils.ProtParamData import DIWV

    return np.array([[DIWV[first][second] for second in ALPHABET] for first in ALPHABET])


def _charge(residues: Residues) -> np.ndarray:
    return charge_at(residues, np.full(len(residues.lengths), PHYSIOLOGICAL_PH))


def charge_at(residues: Residues, ph: Float[np.ndarray, " sequence"]) -> Float[np.ndarray, " sequence"]:
    """Σ over basic groups of 1 / (1 + 10^(pH − pK)) − Σ over acidic ones of 1 / (1 + 10^(pK − pH)), with the pK of
    Bjellqvist et al. 1993, 1994; the pK of the termini depend on their residues."""
    from Bio.SeqUtils.IsoelectricPoint import negative_pKs, pKcterminal, pKnterminal, positive_pKs

    first, last = residues.ends
    start_pk = _by_residue({letter: pKnterminal.get(letter, positive_pKs["Nterm"]) for letter in ALPHABET})[first]
    stop_pk = _by_residue({letter: pKcterminal.get(letter, negative_pKs["Cterm"]) for letter in ALPHABET})[last]
    charge = 1 / (1 + 10 ** (ph - start_pk)) - 1 / (1 + 10 ** (stop_pk - ph))
    for letter, pk in positive_pKs.items():
        if letter in ALPHABET:
            charge += residues.counts[:, ALPHABET.index(letter)] / (1 + 10 ** (ph - pk))
    for letter, pk in negative_pKs.items():
        if letter in ALPHABET:
            charge -= residues.counts[:, ALPHABET.index(letter)] / (1 + 10 ** (pk - ph))
    return charge


def _isoelectric_point(residues: Residues) -> np.ndarray:
    """The pH of zero charge, by bisection between 4.05 and 12, to 0.0001, as in Biopython."""
    low, high = np.full(len(residues.lengths), 4.05), np.full(len(residues.lengths), 12.0)
    middle = np.full(len(residues.lengths), 7.775)
    while len(low) and high[0] - low[0] > 1e-4:
        positive = charge_at(residues, middle) > 0
        low, high = np.where(positive, middle, low), np.where(positive, high, middle)
        middle = (low + high) / 2
    return middle


def _by_residue(table: dict[str, float]) -> Float[np.ndarray, " kind"]:
    return np.array([table.get(letter, 0.0) for letter in ALPHABET])


MEASURES: dict[str, Callable[[Residues], np.ndarray]] = {
    "length": _length,
    "molecular_weight": _molecular_weight,
    "isoelectric_point": _isoelectric_point,
    "gravy": _gravy,
    "aromaticity": _aromaticity,
    "instability": _instability,
    "charge": _charge,
}


def measure(sequences: Sequence[str], names: Sequence[str]) -> Float[np.ndarray, "sequence property"]:
    """[sequence property] of computed properties."""
    for name in names:
        if name not in PROPERTIES:
            raise unknown_name("protein property", name, PROPERTIES)
    values = np.empty((len(sequences), len(names)))
    for start in range(0, len(sequences), SEQUENCES_AT_ONCE):
        part = slice(start, start + SEQUENCES_AT_ONCE)
        residues = Residues(sequences[part])
        for column, name in enumerate(names):
            values[part, column] = MEASURES[name](residues)
    return values


# The domain's oracles by name: every property, and the identity to a sequence.

_ESCAPE = "escape from immunity is a risk to watch in observed variants; designing toward it, or by it, is out of scope"
NOT_GOALS = dict.fromkeys(
    ("surveillance", "escape", "immune_escape", "antibody_escape", "immune_evasion", "evescape"), _ESCAPE
)
"""Name that can't be a goal or condition -> reason."""

ORACLES = property_oracles(ITEMS, PROPERTIES, measure, SIMILARITY, noun="protein", not_goals=NOT_GOALS)
