"""Molecules as token sequences: SELFIES (Krenn et al. 2020) in groups. Every token sequence is a molecule."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import selfies
import torch
from rdkit import Chem

from sciencegen.batch import Batch
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.vocabulary import Vocabulary, learn_groups
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Refusal
from sciencegen.runs import check_format
from sciencegen.vae.sequences.sequence_vae import END

FIRST_TOKEN = 2
"""END and START come before."""

MERGES = 256
LENGTH = 64


class SelfiesRepresentation:
    """A vocabulary, and how the condition's columns are standardized: (value - mean) / std."""

    name = "selfies"

    def __init__(
        self,
        vocabulary: Vocabulary,
        properties: Sequence[str],
        mean: np.ndarray,
        std: np.ndarray,
        length: int = LENGTH,
    ) -> None:
        self.vocabulary, self.properties, self.length = vocabulary, tuple(properties), length
        self.mean, self.std = np.asarray(mean, np.float64), np.asarray(std, np.float64)

    def encode(self, items: Sequence[Chem.Mol]) -> list[np.ndarray | Refusal]:
        """Tokens (int16, the end token included), checked to decode to the same molecule; else why they don't."""
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
            return Refusal(f"holds {', '.join(unknown)}, which the model's training set has not")
        tokens = [*self.vocabulary.read(symbols), END]
        if len(tokens) > self.length:
            return Refusal(f"{len(tokens)} tokens; the model reads at most {self.length}")
        return tokens

    def batch(self, encoded: Sequence[np.ndarray], values: np.ndarray | None = None) -> Batch:
        lengths = np.array([len(tokens) for tokens in encoded])
        mask = np.arange(lengths.max(initial=1)) < lengths[:, None]
        tokens = np.full(mask.shape, END, np.int64)
        tokens[mask] = np.concatenate(encoded) if len(encoded) else []
        condition = None
        if values is not None:
            condition = torch.from_numpy(((np.asarray(values) - self.mean) / self.std).astype(np.float32))
        return Batch({"tokens": torch.from_numpy(tokens)}, torch.from_numpy(mask), condition)

    def decode(self, batch: Batch) -> list[Chem.Mol | Refusal]:
        assert batch.mask is not None  # sequences differ in length
        tokens, mask = batch["tokens"].cpu().numpy(), batch.mask.cpu().numpy()
        return read_selfies([self._write(row[real]) for row, real in zip(tokens, mask, strict=True)])

    def well_formed(self, batch: Batch, items: Sequence[Chem.Mol | Refusal]) -> np.ndarray:
        """Whether each row is how its molecule is written, [item] bool; `items` are those that the rows decode to.

        SELFIES makes something of any symbols; rows that the training set could not hold are told by their molecule
        being written otherwise.
        """
        assert batch.mask is not None  # sequences differ in length
        rows = zip(batch["tokens"].tolist(), batch.mask.sum(1).tolist(), items, strict=True)
        return np.array(
            [not isinstance(item, Refusal) and self._tokens(item) == row[:length] for row, length, item in rows], bool
        )

    def _write(self, tokens: np.ndarray) -> str | Refusal:
        if not len(tokens) or tokens[-1] != END:
            return Refusal(f"no end within {self.length} tokens")
        return self.vocabulary.write(tokens.tolist())

    def condition(self, values: Mapping[str, float]) -> np.ndarray:
        return standardized(values, self.properties, self.mean, self.std)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": 1,
            "name": self.name,
            "groups": ["".join(group) for group in self.vocabulary.groups],
            "length": self.length,
            "properties": {
                name: {"mean": float(mean), "std": float(std)}
                for name, mean, std in zip(self.properties, self.mean, self.std, strict=True)
            },
        }


def _checked(item: Chem.Mol, tokens: Sequence[int], back: Chem.Mol | Refusal) -> np.ndarray | Refusal:
    """The tokens, if what they decode to is the item."""
    if isinstance(back, Refusal) or text(back) != text(item):
        return Refusal("SELFIES do not give the same molecule back")
    return np.array(tokens, np.int16)


def load(data: Mapping[str, Any]) -> SelfiesRepresentation:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "representation.json")
    groups = [tuple(selfies.split_selfies(group)) for group in data["groups"]]
    columns = data["properties"]
    mean, std = (np.array([column[key] for column in columns.values()], np.float64) for key in ("mean", "std"))
    return SelfiesRepresentation(Vocabulary(groups, FIRST_TOKEN), list(columns), mean, std, data["length"])


def fit(texts: Sequence[str], values: np.ndarray, properties: Sequence[str]) -> SelfiesRepresentation:
    """The vocabulary of these molecules and the moments of their properties [item property] (NaN = missing)."""
    sequences = [symbols for symbols in map(_read_symbols, texts) if not isinstance(symbols, Refusal)]
    if not sequences:
        raise DataError("Expected molecules to learn a vocabulary from, found none that can be written as SELFIES.")
    mean, std = moments(values, properties)
    return SelfiesRepresentation(Vocabulary(learn_groups(sequences, MERGES), FIRST_TOKEN), properties, mean, std)


def adapt(
    representation: SelfiesRepresentation, texts: Sequence[str], values: np.ndarray, properties: Sequence[str]
) -> SelfiesRepresentation:
    """For fine-tuning: new symbols at the vocabulary's end, new properties' moments from this data, old ones kept."""
    symbols = [symbol for item in map(_read_symbols, texts) if not isinstance(item, Refusal) for symbol in item]
    mean, std = moments(values, properties)
    for column, name in enumerate(properties):
        if name in representation.properties:
            old = representation.properties.index(name)
            mean[column], std[column] = representation.mean[old], representation.std[old]
    vocabulary = representation.vocabulary.extended(symbols)
    return SelfiesRepresentation(vocabulary, properties, mean, std, representation.length)


def moments(values: np.ndarray, properties: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column without its missing values; constant columns get 1."""
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] != len(properties):
        raise ConfigError(f"Expected values [item {len(properties)}] for {list(properties)}, got {values.shape}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value is said below
        mean, std = np.nanmean(values, 0), np.nanstd(values, 0)
    for name, value in zip(properties, mean, strict=True):
        if np.isnan(value):
            raise DataError(f"Expected some values of '{name}', found none. Leave the property out or give its column.")
    return mean, np.where(std > 1e-8, std, 1.0)


def standardized(
    values: Mapping[str, float], properties: Sequence[str], mean: np.ndarray, std: np.ndarray
) -> np.ndarray:
    """Raw values by name as one row [property] of (value - mean) / std, NaN where not given."""
    for name in values:
        if name not in properties:
            raise unknown_name("condition", name, properties)
    raw = np.array([values.get(name, np.nan) for name in properties])
    return ((raw - mean) / std).astype(np.float32)


def to_symbols(smiles: str) -> list[str] | Refusal:
    try:
        return list(selfies.split_selfies(selfies.encoder(smiles)))
    except selfies.EncoderError as error:
        return Refusal(f"can't be written as SELFIES: {str(error).strip().splitlines()[-1].strip()}")


def read_selfies(strings: Sequence[str | Refusal]) -> list[Chem.Mol | Refusal]:
    """Molecules in their canonical form (aromatic, not Kekulé); refusals are passed on.

    All are decoded before the first is parsed: decoder and parser by turns take a fifth longer. What stands there
    several times (neighbouring latents often decode to one molecule) is read once.
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
    """Symbols of the canonical form, since another spelling may need others."""
    molecule = parse(smiles)
    return molecule if isinstance(molecule, Refusal) else to_symbols(text(molecule))
