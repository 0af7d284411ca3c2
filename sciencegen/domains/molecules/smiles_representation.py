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
from rdkit import Chem

from sciencegen.batch import Batch
from sciencegen.domains import standardization
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.representations import (
    FIRST_TOKEN,
    MERGES,
    TokenRepresentation,
    Vocabulary,
    learn_groups,
)
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal
from sciencegen.runs import check_format

CHARACTERS = ("Cl", "Br", "@@", *string.ascii_letters, *string.digits, *"()[]=#$:+-/\\.%@*")
LENGTH = 128

_CHARACTER = re.compile("Cl|Br|@@|.")


@dataclass(frozen=True, eq=False)
class SmilesRepresentation(TokenRepresentation):
    """Groups of SMILES characters as tokens. length: maximum sequence length in tokens."""

    length: int = LENGTH
    name = "smiles"
    canonical = True

    def encode(self, items: Sequence[Chem.Mol]) -> list[np.ndarray | Refusal]:
        """Tokens of the canonical SMILES (int16, with the end token), or a Refusal."""
        read = [self._tokens(characters(text(item))) for item in items]
        return [tokens if isinstance(tokens, Refusal) else np.array(tokens, np.int16) for tokens in read]

    def _tokens(self, symbols: Sequence[str]) -> list[int] | Refusal:
        if unknown := self.vocabulary.unknown(symbols):
            dative = ", of a dative bond" if {"<", ">"} & set(unknown) else ""
            return Refusal(f"its SMILES holds '{' '.join(unknown)}'{dative}, which the model has not learned")
        return self.read(symbols)

    def decode(self, batch: Batch) -> list[Chem.Mol | Refusal]:
        strings = self.strings(batch)
        read = {smiles: parse(smiles) for smiles in dict.fromkeys(strings) if not isinstance(smiles, Refusal)}
        return [smiles if isinstance(smiles, Refusal) else read[smiles] for smiles in strings]

    def well_formed(self, batch: Batch, items: Sequence[Chem.Mol | Refusal]) -> np.ndarray:
        """[item] bool: whether each row spells the canonical SMILES of its molecule; `items` are the decoded rows.

        All training rows do. A model that writes a molecule in another way is outside of what it has learned.
        """
        written = zip(self.strings(batch), items, strict=True)
        return np.array([not isinstance(item, Refusal) and smiles == text(item) for smiles, item in written], bool)

    def to_json(self) -> Json:
        return self._json([list(group) for group in self.vocabulary.groups])


def load(data: Mapping[str, Any]) -> SmilesRepresentation:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "representation.json")
    vocabulary = Vocabulary(data["groups"], FIRST_TOKEN)
    scales = standardization.load(data["properties"])
    return SmilesRepresentation(vocabulary, scales, data["length"], data.get("large_rings"))


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
    """For fine-tuning: add the moments of new properties and sizes of large rings; keep the old ones and the
    vocabulary."""
    return replace(
        representation, standardization=standardization.fit_new(representation.standardization, values, properties),
        large_rings=representation.with_large_rings(texts),
    )  # fmt: skip


def characters(smiles: str) -> list[str]:
    """The characters of a SMILES; chlorine, bromine and @@ are one each."""
    return _CHARACTER.findall(smiles)
