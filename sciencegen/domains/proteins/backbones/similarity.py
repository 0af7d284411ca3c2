"""Rough similarity of two folds, fast enough for a search among thousands.

Each trace is reduced to the same number of points, evenly spaced along the chain, and superposed by proper rotations
(Kabsch 1976); the score has the form of the TM-score (Zhang & Skolnick 2004), without an alignment: chains that share
only a part of their fold look unlike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.base import Similarity
from sciencegen.domains.proteins.backbones.geometry import Coordinates
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.superposition import proper_rotation, squared_distances
from sciencegen.errors import DataError, named_extras
from sciencegen.progress import Report, silent

# Similarity of folds by TM-score: diversity of a set, and the nearest chain of a training set.
#
#     TM = max over superpositions and alignments of 1/L Σ_aligned 1 / (1 + (d / d0)²),  d0 = 1.24 (L − 15)^⅓ − 1.8 Å
#
# 1 for equal backbones, above 0.5 for the same fold, about 0.3 for unrelated ones (Zhang & Skolnick 2004, 2005). The
# alignments are TM-align's, by the package tmtools (GPL-3), an optional dependency: pip install 'sciencegen[design]'.

SHORTLIST = 30
"""Number of references that `nearest_chains` aligns for each backbone: the best without gaps."""
STRIDE = 4
"""Residues between the starts of the pieces that are superposed without gaps."""
THINNING = 2
"""Every second residue of a piece is superposed."""
BATCH = 1024
"""Number of pieces that are superposed at a time."""
ALIGNING, COMPARING = "TM-scores of pairs", "backbones compared with training chains"
"""What is reported."""
SHORTEST = 5
"""Minimum number of residues of a chain to align."""

Trace = Float[np.ndarray, "residue 3"]
"""Positions of CA, in ångström."""


def can_align() -> bool:
    """Whether the package tmtools is installed."""
    return find_spec("tmtools") is not None


def pairwise_tm(
    backbones: Sequence[Coordinates], report: Report = silent
) -> Float[np.ndarray, "backbone backbone"]:  # fmt: skip
    """TM-scores of all pairs, the mean of those normalized by either length; 10 ms for a pair of 100 residues."""
    align, traces = _aligner(), [_trace(one) for one in backbones]
    scores = np.eye(len(traces))
    for i, first in enumerate(traces):
        report(ALIGNING, i * (i - 1) // 2, len(traces) * (len(traces) - 1) // 2)
        for j in range(i):
            scores[i, j] = scores[j, i] = np.mean(align(first, traces[j]))
    return scores


def trace_tm(first: Trace, second: Trace) -> float:
    """TM-score of two traces, the mean of those normalized by either length."""
    return float(np.mean(_aligner()(np.ascontiguousarray(first), np.ascontiguousarray(second))))


def trace_tms(backbone: Coordinates, references: Sequence[Coordinates]) -> Float[np.ndarray, " reference"]:
    """TM-scores to the references, normalized by the backbone's length."""
    align = _aligner()
    return np.array([align(_trace(backbone), _trace(one))[0] for one in references])


def nearest_chains(
    backbones: Sequence[Coordinates],
    references: Sequence[Coordinates],
    shortlist: int = SHORTLIST,
    report: Report = silent,
) -> tuple[Float[np.ndarray, " backbone"], Int[np.ndarray, " backbone"]]:
    """TM-score to, normalized by the backbone's length, and index of the most similar reference of each backbone among
    the `shortlist` that are most similar without gaps.

    The shortlist is made by superposing pieces of all references with the backbone, twice: with equal weights, then
    with those of the TM-score.
    """
    align, traces = _aligner(), [_trace(one) for one in references]
    if not traces:
        raise DataError("Expected reference chains, got none.")
    scores, indices = [], []
    for done, trace in enumerate(map(_trace, backbones)):
        report(COMPARING, done, len(backbones))
        chosen = np.argsort(-gapless_tm(trace, traces), kind="stable")[:shortlist]
        found = np.array([align(trace, traces[index])[0] for index in chosen])
        scores.append(found.max())
        indices.append(chosen[found.argmax()])
    return np.array(scores), np.array(indices)


def gapless_tm(trace: Trace, others: Sequence[Trace]) -> Float[np.ndarray, " other"]:
    """TM-score of a trace with each of the others, without gaps and over few superpositions: nearly a lower bound."""
    best, scale = np.zeros(len(others)), distance_scale(len(trace))
    for rows, length, piece, pieces in _pieces(trace, others):
        closeness: np.ndarray = np.ones(pieces.shape[1:], np.float32)
        for widening in (2, 1):
            squared = _squared_distances(piece, pieces, closeness)
            closeness = 1 / (1 + squared / np.float32(widening * scale) ** 2)
        np.maximum.at(best, rows, closeness.mean(1) * length / len(trace))
    return best


def _squared_distances(
    piece: Float[np.ndarray, "3 point"], pieces: Float[np.ndarray, "3 piece point"], weights: np.ndarray
) -> Float[np.ndarray, "piece point"]:
    """`superposition.squared_distances` of one piece with many, with coordinates first, which takes half the time.

        R = argmin sum_i w_i |R (a_i - a) - (b_i - b)|^2,  a = sum_i w_i a_i,  b = sum_i w_i b_i,  sum_i w_i = 1

    by the covariance sum_i w_i a_i b_i' - a b'.
    """
    shares = weights / weights.sum(1, keepdims=True)
    weighted = shares * pieces
    centre, target = shares @ piece.T, weighted.sum(2).T
    covariance = (weighted.reshape(-1, piece.shape[1]) @ piece.T).reshape(3, -1, 3).transpose(1, 2, 0)
    rotation = proper_rotation(covariance - centre[:, :, None] * target[:, None])
    moved = (rotation.transpose(2, 0, 1).reshape(-1, 3) @ piece).reshape(pieces.shape)
    shift = target - (centre[:, None] @ rotation)[:, 0]
    moved += shift.T[:, :, None]
    moved -= pieces
    return np.einsum("xpi,xpi->pi", moved, moved)


def _pieces(trace: Trace, others: Sequence[Trace]) -> Iterator[tuple[np.ndarray, int, np.ndarray, np.ndarray]]:
    """(rows of others, length, a piece of the trace, pieces of the others) of one length: that of the shorter of the
    two. Pieces are thinned and centred, with coordinates first."""
    size, lengths = len(trace), np.array([len(one) for one in others])
    first, atoms = np.cumsum(lengths) - lengths, np.concatenate(others).T.astype(np.float32)
    for length in np.unique(np.minimum(lengths, size)).tolist():
        rows = np.flatnonzero(lengths == length if length < size else lengths >= size)
        cut = [first[row] + _starts(lengths[row], length) for row in rows.tolist()]
        owners, starts, kept = np.repeat(rows, list(map(len, cut))), np.concatenate(cut), np.arange(0, length, THINNING)
        for begin in range(0, len(starts), BATCH):
            theirs = _centred(atoms[:, starts[begin : begin + BATCH, None] + kept])
            for start in _starts(size, length).tolist():
                own = _centred(trace[start + kept].T.astype(np.float32))
                yield owners[begin : begin + BATCH], length, own, theirs


def _centred(places: Float[np.ndarray, "3 *piece point"]) -> Float[np.ndarray, "3 *piece point"]:
    return places - places.mean(-1, keepdims=True)


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
    with named_extras("for TM-scores"):
        import tmtools

    def align(first: Trace, second: Trace) -> tuple[float, float]:
        found = tmtools.tm_align(first, second, "A" * len(first), "A" * len(second))
        return found.tm_norm_chain1, found.tm_norm_chain2

    return align


POINTS = 32
AT_ONCE = 64


def reduced(items: Sequence[Backbone]) -> Float[np.ndarray, "item point 3"]:
    """Points evenly spaced along each trace."""
    found = np.empty((len(items), POINTS, 3))
    for row, item in enumerate(items):
        at, index = np.linspace(0, len(item) - 1, POINTS), np.arange(len(item))
        found[row] = np.stack([np.interp(at, index, axis) for axis in item.trace.astype(np.float64).T], 1)
    return found


def similarity(items: Sequence[Backbone], references: Sequence[Backbone]) -> Float[np.ndarray, "item reference"]:
    """[item reference] mean of 1 / (1 + (d / d0)^2) over the points, with d0 of the longer chain."""
    first, second = reduced(items), reduced(references)
    lengths = [np.array([len(one) for one in group], float) for group in (items, references)]
    table = np.empty((len(items), len(references)))
    for start in range(0, len(items), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        d0 = distance_scale(np.maximum(lengths[0][part, None], lengths[1]))
        squared = squared_distances(first[part, None], second[None])
        table[part] = (1 / (1 + squared / d0[..., None] ** 2)).mean(-1)
    return table


SIMILARITY = Similarity(matrix=similarity)
