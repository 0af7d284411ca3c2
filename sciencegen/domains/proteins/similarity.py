"""Identity of sequences: the share of positions with the same residue.

    identity(a, b) = #{positions with a = b} / max(|a|, |b|)

Sequences of equal length are compared position by position, without gaps. Others are aligned globally first
(Needleman-Wunsch with BLOSUM62, gap penalty 10 + 0.5 for each further position, as in EMBOSS needle), the shorter one
first, so that the result is symmetric.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_matrix

from sciencegen.domains.base import Similarity
from sciencegen.domains.proteins.alignments import BLOCK, differing, pack
from sciencegen.domains.proteins.items import ALPHABET, encode_rows

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
