"""Molecules as token sequences: groups of characters of the canonical SMILES.

The vocabulary has every character that a SMILES may contain, brackets spelled out, so that no element, charge or
stereocentre is unknown to it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from rdkit import Chem

from sciencegen.batch import Batch
from sciencegen.domains.molecules import standardization
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.standardization import Standardization
from sciencegen.domains.molecules.vocabulary import Vocabulary, learn_groups
from sciencegen.domains.recipes import Representation
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal
from sciencegen.runs import check_format
from sciencegen.vae.sequences.latent_prior_vae import END

FIRST_TOKEN = 2
"""END and START come before."""
CHARACTERS = ("Cl", "Br", "@@", *string.ascii_letters, *string.digits, *"()[]=#$:+-/\\.%@*")
MERGES = 256
LENGTH = 128

_CHARACTER = re.compile("Cl|Br|@@|.")


@dataclass(frozen=True, eq=False)
class SmilesRepresentation(Representation):
    """Groups of SMILES characters as tokens. length: maximum sequence length in tokens."""

    vocabulary: Vocabulary
    standardization: Standardization
    length: int = LENGTH
    name = "smiles"
    canonical = True

    @property
    def properties(self) -> tuple[str, ...]:
        return self.standardization.names

    @property
    def scales(self) -> Mapping[str, float]:
        return self.standardization.scales

    def encode(self, items: Sequence[Chem.Mol]) -> list[np.ndarray | Refusal]:
        """Tokens of the canonical SMILES (int16, with the end token), or a Refusal."""
        return [self._tokens(text(item)) for item in items]

    def _tokens(self, smiles: str) -> np.ndarray | Refusal:
        tokens = [*self.vocabulary.read(characters(smiles)), END]
        if len(tokens) > self.length:
            return Refusal(f"{len(tokens)} tokens; the model reads at most {self.length}")
        return np.array(tokens, np.int16)

    def batch(self, encoded: Sequence[np.ndarray], values: np.ndarray | None = None) -> Batch:
        lengths = np.array([len(tokens) for tokens in encoded])
        mask = np.arange(lengths.max(initial=1)) < lengths[:, None]
        tokens = np.full(mask.shape, END, np.int64)
        tokens[mask] = np.concatenate(encoded) if len(encoded) else []
        condition = None if values is None else torch.from_numpy(self.standardization.rows(values))
        return Batch({"tokens": torch.from_numpy(tokens)}, torch.from_numpy(mask), condition)

    def decode(self, batch: Batch) -> list[Chem.Mol | Refusal]:
        assert batch.mask is not None  # sequences differ in length
        tokens, mask = batch["tokens"].cpu().numpy(), batch.mask.cpu().numpy()
        strings = [self._write(row[real]) for row, real in zip(tokens, mask, strict=True)]
        read = {smiles: parse(smiles) for smiles in dict.fromkeys(strings) if not isinstance(smiles, Refusal)}
        return [smiles if isinstance(smiles, Refusal) else read[smiles] for smiles in strings]

    def well_formed(self, batch: Batch, items: Sequence[Chem.Mol | Refusal]) -> np.ndarray:
        """[item] bool: whether each row spells the canonical SMILES of its molecule; `items` are the decoded rows.

        All training rows do. A model that writes a molecule in another way is outside of what it has learned.
        """
        assert batch.mask is not None  # sequences differ in length
        rows = zip(batch["tokens"].cpu().numpy(), batch.mask.cpu().numpy(), items, strict=True)
        return np.array(
            [not isinstance(item, Refusal) and self._write(row[real]) == text(item) for row, real, item in rows], bool
        )

    def _write(self, tokens: np.ndarray) -> str | Refusal:
        if not len(tokens) or tokens[-1] != END:
            return Refusal(f"no end within {self.length} tokens")
        return self.vocabulary.write(tokens.tolist())

    def condition(self, values: Mapping[str, float]) -> np.ndarray:
        return self.standardization.row(values)

    def to_json(self) -> Json:
        return {
            "format": 1,
            "name": self.name,
            "groups": [list(group) for group in self.vocabulary.groups],
            "length": self.length,
            "properties": self.standardization.to_json(),
        }


def load(data: Mapping[str, Any]) -> SmilesRepresentation:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "representation.json")
    vocabulary = Vocabulary(data["groups"], FIRST_TOKEN)
    return SmilesRepresentation(vocabulary, standardization.load(data["properties"]), data["length"])


def fit(texts: Sequence[str], values: np.ndarray, properties: Sequence[str]) -> SmilesRepresentation:
    """Fit the vocabulary of molecules and the moments of their properties [item property] (NaN = missing)."""
    molecules = [molecule for molecule in map(parse, texts) if not isinstance(molecule, Refusal)]
    if not molecules:
        raise DataError("Expected molecules to learn a vocabulary from, found none.")
    sequences = [characters(text(molecule)) for molecule in molecules]
    groups = learn_groups([*sequences, *([one] for one in CHARACTERS)], MERGES)
    return SmilesRepresentation(Vocabulary(groups, FIRST_TOKEN), standardization.fit(values, properties))


def adapt(
    representation: SmilesRepresentation, texts: Sequence[str], values: np.ndarray, properties: Sequence[str]
) -> SmilesRepresentation:
    """For fine-tuning: add the moments of new properties; keep the old ones and the vocabulary."""
    return replace(
        representation, standardization=standardization.fit_new(representation.standardization, values, properties)
    )


def characters(smiles: str) -> list[str]:
    """The characters of a SMILES; chlorine, bromine and @@ are one each."""
    return _CHARACTER.findall(smiles)
