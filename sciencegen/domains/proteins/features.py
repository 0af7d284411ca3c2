"""Features for property regressors: a fixed number of columns for sequences of any length.

Composition (20) and pairs of neighbours (400), as shares; the sequence's properties; the mean of each scale of residues
and its autocorrelation at distances 1 to 8 (Moreau & Broto 1980); and residues by position: a column for each position
and residue, up to position 102. Later positions reuse the 2,048 columns, so that a column represents several
positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.properties import MEASURES, Residues

KINDS = len(ALPHABET)
LAGS = 8
PLACES = 2048
SEQUENCES_AT_ONCE = 1024

SCALES: dict[str, Sequence[float]] = {
    # Kyte & Doolittle 1982
    "hydropathy": (1.8, 2.5, -3.5, -3.5, 2.8, -0.4, -3.2, 4.5, -3.9, 3.8, 1.9, -3.5, -1.6, -3.5, -4.5, -0.8, -0.7, 4.2,
                   -0.9, -1.3),
    # Å³, Zamyatnin 1972
    "volume": (88.6, 108.5, 111.1, 138.4, 189.9, 60.1, 153.2, 166.7, 168.6, 166.7, 162.9, 114.1, 112.7, 143.8, 173.4,
               89.0, 116.1, 140.0, 227.8, 193.6),
    # at pH 7
    "charge": (0, 0, -1, -1, 0, 0, 0.1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0),
    # Chou & Fasman 1978
    "helix": (1.42, 0.70, 1.01, 1.51, 1.13, 0.57, 1.00, 1.08, 1.16, 1.21, 1.45, 0.67, 0.57, 1.11, 0.98, 0.77, 0.83,
              1.06, 1.08, 0.69),
    "strand": (0.83, 1.19, 0.54, 0.37, 1.38, 0.75, 0.87, 1.60, 0.74, 1.30, 1.05, 0.89, 0.55, 1.10, 0.93, 0.75, 1.19,
               1.70, 1.37, 1.47),
}  # fmt: skip
"""Name -> values of the residues, in the order of the alphabet."""
WIDTH = KINDS + KINDS**2 + len(MEASURES) + len(SCALES) * (1 + LAGS) + PLACES


def features(sequences: Sequence[str]) -> Float[np.ndarray, "sequence feature"]:
    """[sequence feature] float32, always finite."""
    table = np.zeros((len(sequences), WIDTH), np.float32)
    for start in range(0, len(sequences), SEQUENCES_AT_ONCE):
        part = slice(start, start + SEQUENCES_AT_ONCE)
        residues = Residues(sequences[part])
        blocks = [_shares(residues), _neighbours(residues), *_measured(residues), *_scales(residues), _places(residues)]
        table[part] = np.concatenate(blocks, axis=1)
    return table


def _shares(residues: Residues) -> np.ndarray:
    return residues.counts / residues.lengths[:, None]


def _neighbours(residues: Residues) -> np.ndarray:
    """Shares of the 400 pairs of neighbours."""
    inside = residues.owner[1:] == residues.owner[:-1]
    pair = residues.numbers[:-1].astype(np.int64) * KINDS + residues.numbers[1:]
    table = _counted(residues.owner[:-1][inside], pair[inside], len(residues.lengths), KINDS**2)
    return table / np.maximum(residues.lengths - 1, 1)[:, None]


def _measured(residues: Residues) -> list[np.ndarray]:
    return [function(residues)[:, None] for function in MEASURES.values()]


def _scales(residues: Residues) -> list[np.ndarray]:
    """The mean of each scale, and the mean over i of z_i z_(i+lag), where z is the scale standardized over the 20
    residues; 0 for a sequence that isn't longer than the lag."""
    columns = []
    for values in SCALES.values():
        scale = np.asarray(values, float)
        columns.append((residues.counts @ scale / residues.lengths)[:, None])
        z = ((scale - scale.mean()) / scale.std())[residues.numbers]
        for lag in range(1, LAGS + 1):
            inside = residues.owner[lag:] == residues.owner[:-lag]
            products = np.bincount(residues.owner[lag:], z[lag:] * z[:-lag] * inside, minlength=len(residues.lengths))
            columns.append((products / np.maximum(residues.lengths - lag, 1))[:, None])
    return columns


def _places(residues: Residues) -> np.ndarray:
    """Counts of (position, residue) in each column, which is 20 × position + residue modulo the number of columns."""
    start = np.repeat(np.cumsum(residues.lengths) - residues.lengths, residues.lengths)
    position = np.arange(len(residues.numbers)) - start
    return _counted(residues.owner, (position * KINDS + residues.numbers) % PLACES, len(residues.lengths), PLACES)


def _counted(row: np.ndarray, column: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)
