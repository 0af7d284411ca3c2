"""What representations of molecules as token sequences share: batches, conditions, and the limit of their length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sciencegen.batch import Batch
from sciencegen.domains.molecules.vocabulary import Vocabulary
from sciencegen.domains.standardization import Standardization, StandardizedRepresentation
from sciencegen.items import Json, Refusal
from sciencegen.vae.sequences.autoregressive import END

FIRST_TOKEN = 2
"""END and START come before."""
MERGES = 256


@dataclass(frozen=True, eq=False)
class TokenRepresentation(StandardizedRepresentation):
    """Groups of symbols as tokens. length: maximum sequence length in tokens."""

    vocabulary: Vocabulary
    standardization: Standardization
    length: int

    def read(self, symbols: Sequence[str]) -> list[int] | Refusal:
        """Tokens of known symbols with the end token, or a Refusal of too many."""
        tokens = [*self.vocabulary.read(symbols), END]
        if len(tokens) > self.length:
            return Refusal(f"{len(tokens)} tokens; the model reads at most {self.length}")
        return tokens

    def batch(self, encoded: Sequence[np.ndarray], values: np.ndarray | None = None) -> Batch:
        lengths = np.array([len(tokens) for tokens in encoded])
        mask = np.arange(lengths.max(initial=1)) < lengths[:, None]
        tokens = np.full(mask.shape, END, np.int64)
        tokens[mask] = np.concatenate(encoded) if len(encoded) else []
        condition = None if values is None else torch.from_numpy(self.standardization.rows(values))
        return Batch({"tokens": torch.from_numpy(tokens)}, torch.from_numpy(mask), condition)

    def strings(self, batch: Batch) -> list[str | Refusal]:
        """The string of symbols of each row, or a Refusal of a row without an end."""
        assert batch.mask is not None  # sequences differ in length
        tokens, mask = batch["tokens"].cpu().numpy(), batch.mask.cpu().numpy()
        return [self._write(row[real]) for row, real in zip(tokens, mask, strict=True)]

    def _write(self, tokens: np.ndarray) -> str | Refusal:
        if not len(tokens) or tokens[-1] != END:
            return Refusal(f"no end within {self.length} tokens")
        return self.vocabulary.write(tokens.tolist())

    def _json(self, groups: Sequence[object]) -> Json:
        return {
            "format": 1,
            "name": self.name,
            "groups": list(groups),
            "length": self.length,
            "properties": self.standardization.to_json(),
        }
