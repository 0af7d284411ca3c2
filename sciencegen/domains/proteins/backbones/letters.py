"""Search for similar chains by 3Di letters, which say how each residue lies to its nearest one in space.

A chain becomes a sequence of 20 letters by the network of Foldseek (van Kempen et al. 2024, Nat. Biotechnol. 42, 243),
whose weights are in the package mini3di (BSD), an optional dependency. Sequences of letters are compared by local
alignments with the published substitution matrix: without gaps with all chains, then with gaps with the best of them.

    S_ij = max(0, S_i-1,j-1 + m(a_i, b_j), max_k S_i-k,j - g(k), max_k S_i,j-k - g(k)),    g(k) = 10 + (k - 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.proteins.backbones.geometry import Coordinates
from sciencegen.errors import ConfigError
from sciencegen.progress import Report, silent

PACKAGE = "mini3di"
INSTALL = f"Install it: pip install {PACKAGE}"
SEARCHING = "backbones compared by 3Di letters"
"""What is reported."""
GAPLESS_BEST = 150
"""Number of chains that are aligned with gaps."""
OPEN, EXTEND = 10, 1
"""Costs of a gap's first letter, and of each further one, as in Foldseek."""
END = 20
"""After the 20 letters: what separates chains."""
BLOCK = 1 << 15
"""Letters of a row, so that the scores of a letter with them stay in the processor's cache."""
NEVER = -1000
"""Score of a separator, which ends every alignment."""
MATRIX = np.array([
    [6, -3, 1, 2, 3, -2, -2, -7, -3, -3, -10, -5, -1, 1, -4, -7, -5, -6, 0, -2],
    [-3, 6, -2, -8, -5, -4, -4, -12, -13, 1, -14, 0, 0, 1, -1, 0, -8, 1, -7, -9],
    [1, -2, 4, -3, 0, 1, 1, -3, -5, -4, -5, -2, 1, -1, -1, -4, -2, -3, -2, -2],
    [2, -8, -3, 9, -2, -7, -4, -12, -10, -7, -17, -8, -6, -3, -8, -10, -10, -13, -6, -3],
    [3, -5, 0, -2, 7, -3, -3, -5, 1, -3, -9, -5, -2, 2, -5, -8, -3, -7, 4, -4],
    [-2, -4, 1, -7, -3, 6, 3, 0, -7, -7, -1, -2, -2, -4, 3, -3, 4, -6, -4, -2],
    [-2, -4, 1, -4, -3, 3, 6, -4, -7, -6, -6, 0, -1, -3, 1, -3, -1, -5, -5, 3],
    [-7, -12, -3, -12, -5, 0, -4, 8, -5, -11, 7, -7, -6, -6, -3, -9, 6, -12, -5, -8],
    [-3, -13, -5, -10, 1, -7, -7, -5, 9, -11, -8, -12, -6, -5, -9, -14, -5, -15, 5, -8],
    [-3, 1, -4, -7, -3, -7, -6, -11, -11, 6, -16, -3, -2, 2, -4, -4, -9, 0, -8, -9],
    [-10, -14, -5, -17, -9, -1, -6, 7, -8, -16, 10, -9, -9, -10, -5, -10, 3, -16, -6, -9],
    [-5, 0, -2, -8, -5, -2, 0, -7, -12, -3, -9, 7, 0, -2, 2, 3, -4, 0, -8, -5],
    [-1, 0, 1, -6, -2, -2, -1, -6, -6, -2, -9, 0, 4, 0, 0, -2, -4, 0, -4, -5],
    [1, 1, -1, -3, 2, -4, -3, -6, -5, 2, -10, -2, 0, 5, -2, -4, -5, -1, -2, -5],
    [-4, -1, -1, -8, -5, 3, 1, -3, -9, -4, -5, 2, 0, -2, 6, 2, 0, -1, -6, -3],
    [-7, 0, -4, -10, -8, -3, -3, -9, -14, -4, -10, 3, -2, -4, 2, 6, -6, 0, -11, -9],
    [-5, -8, -2, -10, -3, 4, -1, 6, -5, -9, 3, -4, -4, -5, 0, -6, 8, -9, -5, -5],
    [-6, 1, -3, -13, -7, -6, -5, -12, -15, 0, -16, 0, 0, -1, -1, 0, -9, 3, -10, -11],
    [0, -7, -2, -6, 4, -4, -5, -5, 5, -8, -6, -8, -4, -2, -6, -11, -5, -10, 8, -6],
    [-2, -9, -2, -3, -4, -2, 3, -8, -8, -9, -9, -5, -5, -5, -3, -9, -5, -11, -6, 9],
])  # fmt: skip
"""Half bits, by letters in the order ACDEFGHIKLMNPQRSTVWY: van Kempen et al. 2024, Foldseek's mat3di."""

SCORES = np.pad(MATRIX, ((0, 0), (0, 1)), constant_values=NEVER).astype(np.int16)

Letters = Int[np.ndarray, " residue"]


def can_spell() -> bool:
    """Whether the package mini3di is installed."""
    return find_spec(PACKAGE) is not None


@cache
def _encoder() -> Any:
    try:
        from mini3di import Encoder
    except ImportError:
        raise ConfigError(f"Expected the package {PACKAGE} for 3Di letters. {INSTALL}") from None
    return Encoder()


def letters_of(coordinates: Coordinates) -> Letters:
    """The 3Di letter of each residue, 0 to 19. CB are ideal; the letters of both ends are D, as in Foldseek."""
    n, ca, c = np.asarray(coordinates, np.float32)[:, :3].swapaxes(0, 1)
    return np.asarray(_encoder().encode_atoms(ca, np.full_like(ca, np.nan), n, c).filled(2), np.int64)


class ChainsOfLetters:
    """Chains to compare with: their letters in rows, with separators before, between and after them."""

    def __init__(self, chains: Sequence[Letters]) -> None:
        self.chains, self.blocks = chains, list[tuple[np.ndarray, np.ndarray]]()
        lengths = np.array([len(one) + 1 for one in chains])
        for block in np.split(np.arange(len(chains)), np.flatnonzero(np.diff(np.cumsum(lengths) // BLOCK)) + 1):
            row = np.concatenate([[END], *(part for index in block for part in (chains[index], [END]))])
            self.blocks.append((SCORES[:, row], 1 + np.cumsum(lengths[block]) - lengths[block]))

    def gapless(self, chain: Letters) -> Int[np.ndarray, " chain"]:
        """The score of the best local alignment without gaps with each chain."""
        found = []
        for scores, starts in self.blocks:
            here, after, best = (np.zeros(scores.shape[1], np.int16) for _ in range(3))
            for letter in chain.tolist():
                np.add(here[:-1], scores[letter, 1:], out=after[1:])
                np.maximum(after, 0, out=after)
                np.maximum(best, after, out=best)
                here, after = after, here
            found.append(np.maximum.reduceat(best, starts))
        return np.concatenate(found)

    def nearest(self, chain: Letters, count: int) -> tuple[Int[np.ndarray, " near"], Int[np.ndarray, " near"]]:
        """Indices and scores of the `count` chains of the best alignments with gaps, best first."""
        chosen = np.argsort(-self.gapless(chain), kind="stable")[:GAPLESS_BEST]
        scores = gapped_scores(chain, [self.chains[index] for index in chosen])
        order = np.argsort(-scores, kind="stable")[:count]
        return chosen[order], scores[order]


def nearest_by_letters(
    backbones: Sequence[Coordinates], references: Sequence[Coordinates], count: int, report: Report = silent
) -> tuple[Float[np.ndarray, " backbone"], Int[np.ndarray, "backbone near"]]:
    """For each backbone the score of the nearest of all references, as a share of that with itself, and the indices of
    the `count` nearest ones; 0.2 s each for 7,000 references, after 10 s for their letters."""
    known = ChainsOfLetters([letters_of(one) for one in references])
    shares, indices = [], []
    for done, backbone in enumerate(backbones):
        report(SEARCHING, done, len(backbones))
        chain = letters_of(backbone)
        near, scores = known.nearest(chain, count)
        shares.append(scores[0] / max(int(gapped_scores(chain, [chain])[0]), 1))
        indices.append(near)
    return np.array(shares), np.array(indices)


def gapped_scores(chain: Letters, others: Sequence[Letters]) -> Int[np.ndarray, " other"]:
    """The score of the best local alignment with each of the others, by affine gaps (Gotoh 1982)."""
    rows = np.full((len(others), max(map(len, others)) + 1), END)  # the first column is that of no letter
    for row, other in zip(rows, others, strict=True):
        row[1 : len(other) + 1] = other
    here, down, best = (np.zeros(rows.shape, np.int16) for _ in range(3))
    slope, scores = EXTEND * np.arange(rows.shape[1], dtype=np.int16), SCORES[:, rows]
    for letter in chain.tolist():
        down = np.maximum(down - EXTEND, here - OPEN)
        here[:, 1:] = np.maximum(here[:, :-1] + scores[letter][:, 1:], 0)
        here = np.maximum(here, down)
        across = np.maximum.accumulate(here + slope, axis=1) - slope - (OPEN - EXTEND)
        here[:, 1:] = np.maximum(here[:, 1:], across[:, :-1] - EXTEND)
        np.maximum(best, here, out=best)
    return best.max(1)
