"""The work on one chunk of texts when a dataset is prepared, and the compact record that a worker returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import ArrayLike

from sciencegen.data.deduplication import hash_keys
from sciencegen.data.workers import Failure
from sciencegen.items import Refusal

ParseAndMeasure = Callable[[list[str]], Sequence[Any]]
"""Texts -> for each (text, key, values, encoded or None), or a reason: a string or a record with `reason`."""
Encode = Callable[[list[str]], Sequence[Any]]
"""Texts -> for each one row of whole numbers, or a reason."""


@dataclass(frozen=True)
class PreparedChunk:
    """Columns instead of objects, so that the parent process has little work per row.

    kept: positions in the chunk. values: [kept property]. tokens: all sequences concatenated; lengths: of each.
    refused: (position, reason).
    """

    kept: np.ndarray
    texts: list[str]
    hashes: np.ndarray
    values: np.ndarray
    tokens: np.ndarray
    lengths: np.ndarray
    refused: list[tuple[int, str]]


@dataclass(frozen=True)
class PrepareChunk:
    """The function that runs in the workers: a class with picklable fields, since it must be picklable."""

    parse_and_measure: ParseAndMeasure
    encode: Encode | None
    properties: int

    def __call__(self, texts: list[str]) -> PreparedChunk:
        found = self.parse_and_measure(texts)
        if len(found) != len(texts):
            raise ValueError(f"expected {len(texts)} results from parse_and_measure, got {len(found)}")
        refused = [(i, reason_of(one)) for i, one in enumerate(found) if not isinstance(one, tuple)]
        kept = [(i, *one) for i, one in enumerate(found) if isinstance(one, tuple)]
        if self.encode is not None and kept:
            kept, unencoded = self._encode(kept)
            refused = sorted(refused + unencoded)
        return self._columns(kept, refused)

    def _encode(self, kept: list[tuple]) -> tuple[list[tuple], list[tuple[int, str]]]:
        assert self.encode is not None
        encoded = self.encode([text for _, text, *_ in kept])
        good, unencoded = [], []
        for (position, text, key, values, _), tokens in zip(kept, encoded, strict=True):
            if isinstance(tokens, (str, Refusal, Failure)):
                unencoded.append((position, f"can't be encoded: {reason_of(tokens)}"))
            else:
                good.append((position, text, key, values, tokens))
        return good, unencoded

    def _columns(self, kept: list[tuple], refused: list[tuple[int, str]]) -> PreparedChunk:
        positions = np.array([row[0] for row in kept], np.int32)
        values = np.full((len(kept), self.properties), np.nan, np.float32)
        sequences = []
        for index, (_, _, _, measured, tokens) in enumerate(kept):
            values[index] = measured
            sequences.append(_as_int16(tokens))
        lengths = np.array([-1 if one is None else len(one) for one in sequences], np.int32)
        if (lengths < 0).any() and (lengths >= 0).any():
            raise ValueError("expected every item of a chunk encoded, or none")
        present = [one for one in sequences if one is not None]
        tokens = np.concatenate(present) if present else np.empty(0, np.int16)
        hashes = hash_keys([row[2] for row in kept])
        return PreparedChunk(positions, [row[1] for row in kept], hashes, values, tokens, lengths, refused)


def reason_of(refusal: str | Refusal | Failure) -> str:
    """The text of a refusal: a string itself, or the `reason` of a record."""
    return refusal if isinstance(refusal, str) else refusal.reason


def _as_int16(values: ArrayLike | None) -> Int[np.ndarray, " token"] | None:
    if values is None:
        return None
    tokens = np.asarray(values)
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu" or (tokens.size and np.abs(tokens).max() > 32767):
        raise ValueError(
            f"expected one row of whole numbers below 32768, got shape {tokens.shape}, type {tokens.dtype}"
        )
    return tokens.astype(np.int16)
