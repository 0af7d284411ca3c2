"""Similarity of folds by TM-score: diversity of a set, and the nearest chain of a training set.

    TM = max over superpositions and alignments of 1/L Σ_aligned 1 / (1 + (d / d0)²),  d0 = 1.24 (L − 15)^⅓ − 1.8 Å

1 for equal backbones, above 0.5 for the same fold, about 0.3 for unrelated ones (Zhang & Skolnick 2004, 2005). The
alignments are TM-align's, by the package tmtools (GPL-3), an optional dependency: pip install 'sciencegen[design]'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.proteins.backbones.geometry import Coordinates
from sciencegen.domains.superposition import squared_distances
from sciencegen.errors import ConfigError, DataError

SHORTLIST = 30
"""Number of references that `nearest_chains` aligns for each backbone: the best without gaps."""
STRIDE = 4
"""Residues between the starts of the pieces that are superposed without gaps."""
THINNING = 2
"""Every second residue of a piece is superposed."""
BATCH = 4096
"""Number of pieces that are superposed at a time."""
SHORTEST = 5
"""Minimum number of residues of a chain to align."""

Trace = Float[np.ndarray, "residue 3"]
"""Positions of CA, in ångström."""


@dataclass(frozen=True)
class Nearest:
    """tm: TM-score to the nearest reference, normalized by the length of the backbone. index: of this reference."""

    tm: Float[np.ndarray, " backbone"]
    index: Int[np.ndarray, " backbone"]


def can_align() -> bool:
    """Whether the package tmtools is installed."""
    return find_spec("tmtools") is not None


def pairwise_tm(backbones: Sequence[Coordinates]) -> Float[np.ndarray, "backbone backbone"]:
    """TM-scores of all pairs, the mean of those normalized by either length; 10 ms for a pair of 100 residues."""
    align, traces = _aligner(), [_trace(one) for one in backbones]
    scores = np.eye(len(traces))
    for i, first in enumerate(traces):
        for j in range(i):
            scores[i, j] = scores[j, i] = np.mean(align(first, traces[j]))
    return scores


def trace_tm(first: Trace, second: Trace) -> float:
    """TM-score of two traces, the mean of those normalized by either length."""
    return float(np.mean(_aligner()(np.ascontiguousarray(first), np.ascontiguousarray(second))))


def nearest_chains(
    backbones: Sequence[Coordinates], references: Sequence[Coordinates], shortlist: int = SHORTLIST
) -> Nearest:
    """The most similar reference of each backbone among the `shortlist` that are most similar without gaps.

    The shortlist is made by superposing pieces of all references with the backbone, twice: with equal weights, then
    with those of the TM-score.
    """
    align, traces = _aligner(), [_trace(one) for one in references]
    if not traces:
        raise DataError("Expected reference chains, got none.")
    scores, indices = [], []
    for trace in map(_trace, backbones):
        chosen = np.argsort(-gapless_tm(trace, traces), kind="stable")[:shortlist]
        found = np.array([align(trace, traces[index])[0] for index in chosen])
        scores.append(found.max())
        indices.append(chosen[found.argmax()])
    return Nearest(np.array(scores), np.array(indices))


def gapless_tm(trace: Trace, others: Sequence[Trace]) -> Float[np.ndarray, " other"]:
    """TM-score of a trace with each of the others, without gaps and over few superpositions: nearly a lower bound."""
    best, scale = np.zeros(len(others)), distance_scale(len(trace))
    for rows, piece, pieces in _pieces(trace.astype(np.float32), others):
        own, theirs = piece[:, ::THINNING], pieces[:, ::THINNING]
        weights: np.ndarray = np.ones(theirs.shape[:2], np.float32)
        for widening in (2, 1):
            squared = squared_distances(own, theirs, weights)
            weights = 1 / (1 + squared / (widening * scale) ** 2)
        np.maximum.at(best, rows, weights.mean(1) * pieces.shape[1] / len(trace))
    return best


def _pieces(trace: Trace, others: Sequence[Trace]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(rows of others, pieces of the trace, pieces of the others) of one length: that of the shorter of the two."""
    size, lengths = len(trace), np.array([len(one) for one in others])
    for length in np.unique(np.minimum(lengths, size)):
        rows = np.flatnonzero(lengths == length if length < size else lengths >= size)
        own = trace[_starts(size, length)[:, None] + np.arange(length)]
        cut = [others[row][_starts(lengths[row], length)[:, None] + np.arange(length)] for row in rows.tolist()]
        theirs, owners = np.concatenate(cut).astype(np.float32), np.repeat(rows, list(map(len, cut)))
        for piece in own:
            for start in range(0, len(theirs), BATCH):
                part = theirs[start : start + BATCH]
                yield owners[start : start + BATCH], np.broadcast_to(piece, part.shape), part


def _starts(size: int, length: int) -> Int[np.ndarray, " start"]:
    return np.unique(np.append(np.arange(0, size - length, STRIDE), size - length))


def distance_scale(residues: Float[np.ndarray, "..."] | int) -> Float[np.ndarray, "..."]:
    """d0 of the TM-score, at least 0.5 Å."""
    return np.maximum(1.24 * np.cbrt(np.asarray(residues) - 15) - 1.8, 0.5)


def _trace(coordinates: Coordinates) -> Trace:
    if len(coordinates) < SHORTEST:
        raise DataError(f"Expected a chain of at least {SHORTEST} residues to align, got {len(coordinates)}.")
    return np.ascontiguousarray(np.asarray(coordinates, np.float64)[:, 1])


def _aligner() -> Callable[[Trace, Trace], tuple[float, float]]:
    """TM-align of two traces: the score normalized by the length of the first, and of the second."""
    try:
        import tmtools
    except ImportError:
        raise ConfigError(
            "Expected the package tmtools for TM-scores. Install it: pip install 'sciencegen[design]'"
        ) from None

    def align(first: Trace, second: Trace) -> tuple[float, float]:
        found = tmtools.tm_align(first, second, "A" * len(first), "A" * len(second))
        return found.tm_norm_chain1, found.tm_norm_chain2

    return align
