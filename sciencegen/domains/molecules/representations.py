"""Molecules as token sequences: groups of SELFIES symbols (Krenn et al. 2020). Every sequence decodes to a molecule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import selfies
from rdkit import Chem

from sciencegen.batch import Batch
from sciencegen.domains import standardization
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.tokens import FIRST_TOKEN, MERGES, TokenRepresentation
from sciencegen.domains.molecules.vocabulary import Vocabulary, learn_groups
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal
from sciencegen.runs import check_format

LENGTH = 64


@dataclass(frozen=True, eq=False)
class SelfiesRepresentation(TokenRepresentation):
    """Groups of SELFIES symbols as tokens. length: maximum sequence length in tokens."""

    length: int = LENGTH
    name = "selfies"
    canonical = True

    def encode(self, items: Sequence[Chem.Mol]) -> list[np.ndarray | Refusal]:
        """Tokens (int16, with the end token), or a Refusal, also if the tokens don't decode to the same molecule."""
        written = [self._tokens(item) for item in items]
        strings = [one if isinstance(one, Refusal) else self.vocabulary.write(one) for one in written]
        return [
            tokens if isinstance(tokens, Refusal) else _checked(item, tokens, back)
            for item, tokens, back in zip(items, written, read_selfies(strings), strict=True)
        ]

    def _tokens(self, item: Chem.Mol) -> list[int] | Refusal:
        symbols = to_symbols(text(item))
        if isinstance(symbols, Refusal):
            return symbols
        unknown = self.vocabulary.unknown(symbols)
        if unknown:
            return Refusal(f"holds {', '.join(unknown)}, absent from the training set")
        return self.read(symbols)

    def decode(self, batch: Batch) -> list[Chem.Mol | Refusal]:
        return read_selfies(self.strings(batch))

    def well_formed(self, batch: Batch, items: Sequence[Chem.Mol | Refusal]) -> np.ndarray:
        """[item] bool: whether each row is the encoding of its molecule; `items` are the decoded rows.

        SELFIES decodes any symbols to a molecule. If that molecule has another encoding, the row can't occur in the
        training set.
        """
        assert batch.mask is not None  # sequences differ in length
        rows = zip(batch["tokens"].tolist(), batch.mask.sum(1).tolist(), items, strict=True)
        return np.array(
            [not isinstance(item, Refusal) and self._tokens(item) == row[:length] for row, length, item in rows], bool
        )

    def to_json(self) -> Json:
        return self._json(["".join(group) for group in self.vocabulary.groups])


def _checked(item: Chem.Mol, tokens: Sequence[int], back: Chem.Mol | Refusal) -> np.ndarray | Refusal:
    """The tokens if they decode to the item, else a Refusal."""
    if isinstance(back, Refusal) or text(back) != text(item):
        return Refusal("SELFIES do not give the same molecule back")
    return np.array(tokens, np.int16)


def load(data: Mapping[str, Any]) -> SelfiesRepresentation:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "representation.json")
    groups = [tuple(selfies.split_selfies(group)) for group in data["groups"]]
    scales = standardization.load(data["properties"])
    return SelfiesRepresentation(Vocabulary(groups, FIRST_TOKEN), scales, data["length"])


def fit(texts: Sequence[str], values: np.ndarray, properties: Sequence[str]) -> SelfiesRepresentation:
    """Fit the vocabulary of molecules and the moments of their properties [item property] (NaN = missing)."""
    sequences = [symbols for symbols in map(_read_symbols, texts) if not isinstance(symbols, Refusal)]
    if not sequences:
        raise DataError("Expected molecules to learn a vocabulary from, found none that can be written as SELFIES.")
    scales = standardization.fit(values, properties)
    return SelfiesRepresentation(Vocabulary(learn_groups(sequences, MERGES), FIRST_TOKEN), scales)


def adapt(
    representation: SelfiesRepresentation, texts: Sequence[str], values: np.ndarray, properties: Sequence[str]
) -> SelfiesRepresentation:
    """For fine-tuning: add new symbols at the vocabulary's end and moments of new properties; keep the old ones."""
    symbols = [symbol for item in map(_read_symbols, texts) if not isinstance(item, Refusal) for symbol in item]
    scales = standardization.fit_new(representation.standardization, values, properties)
    return replace(representation, vocabulary=representation.vocabulary.extended(symbols), standardization=scales)


def to_symbols(smiles: str) -> list[str] | Refusal:
    """The SELFIES symbols of a SMILES, or a Refusal if SELFIES can't represent the molecule."""
    try:
        return list(selfies.split_selfies(selfies.encoder(smiles)))
    except selfies.EncoderError as error:
        return Refusal(f"can't be written as SELFIES: {str(error).strip().splitlines()[-1].strip()}")


def read_selfies(strings: Sequence[str | Refusal]) -> list[Chem.Mol | Refusal]:
    """Molecules in their canonical form (aromatic, not Kekulé); refusals are passed on.

    All are decoded before the first is parsed: alternating decoder and parser takes a fifth longer. Duplicates
    (neighbouring latents often decode to the same molecule) are parsed once.
    """
    distinct = dict.fromkeys(string for string in strings if not isinstance(string, Refusal))
    written = {string: _to_smiles(string) for string in distinct}
    read = {string: smiles if isinstance(smiles, Refusal) else parse(smiles) for string, smiles in written.items()}
    return [string if isinstance(string, Refusal) else read[string] for string in strings]


def _to_smiles(string: str) -> str | Refusal:
    try:
        return selfies.decoder(string)
    except selfies.DecoderError as error:
        return Refusal(f"not SELFIES: {error}")


def _read_symbols(smiles: str) -> list[str] | Refusal:
    """Symbols of the canonical SMILES, since another SMILES of the molecule may need other symbols."""
    molecule = parse(smiles)
    return molecule if isinstance(molecule, Refusal) else to_symbols(text(molecule))
