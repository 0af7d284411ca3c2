"""Molecules as token sequences: groups of SELFIES symbols (Krenn et al. 2020). Every sequence decodes to a molecule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import selfies
import torch
from rdkit import Chem

from sciencegen.batch import Batch
from sciencegen.domains import standardization
from sciencegen.domains.molecules.alerts import large_ring_sizes
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.standardization import Standardization, StandardizedRepresentation
from sciencegen.errors import DataError
from sciencegen.items import Json, Refusal
from sciencegen.runs import check_format
from sciencegen.vae.autoregressive import END

# Groups of frequently adjacent symbols of SELFIES or SMILES, learned by byte-pair encoding.
#
# Byte-pair encoding (Sennrich et al. 2016) repeatedly merges the most frequent pair of neighbours, so that a benzene
# ring of eight symbols becomes one token. Sequences become three times shorter, which makes them easier to model.
# Tokenization is by longest match, which is fast and unique.

_FIRST = 0x100
"""First code point of the characters that represent symbols, so that sequences of symbols are plain strings."""


def learn_groups(sequences: Sequence[Sequence[str]], merges: int) -> list[tuple[str, ...]]:
    """All single symbols of the sequences (sorted), then `merges` groups, the most frequent first."""
    symbols = sorted({symbol for sequence in sequences for symbol in sequence})
    number = {symbol: index + 1 for index, symbol in enumerate(symbols)}
    groups: dict[int, tuple[str, ...]] = {index: (symbol,) for symbol, index in number.items()}
    flat = np.array([n for sequence in sequences for n in (0, *(number[symbol] for symbol in sequence))], np.int64)
    for code in range(len(symbols) + 1, len(symbols) + 1 + merges):
        pair = _most_frequent_pair(flat)
        if pair is None:
            break
        groups[code] = groups[pair[0]] + groups[pair[1]]
        flat = _join(flat, *pair, code)
    return list(dict.fromkeys(groups.values()))


def _most_frequent_pair(flat: np.ndarray) -> tuple[int, int] | None:
    inside = (flat[:-1] > 0) & (flat[1:] > 0)
    pairs, counts = np.unique((flat[:-1][inside] << 32) | flat[1:][inside], return_counts=True)
    if not len(pairs) or counts.max() < 2:
        return None
    best = int(pairs[counts.argmax()])
    return best >> 32, best & 0xFFFFFFFF


def _join(flat: np.ndarray, left: int, right: int, code: int) -> np.ndarray:
    hits = np.flatnonzero((flat[:-1] == left) & (flat[1:] == right))
    if left == right:  # in a run of equal symbols only every other pair can be joined
        kept, last = [], -2
        for hit in hits.tolist():
            if hit > last + 1:
                kept.append(hit)
                last = hit
        hits = np.array(kept, np.int64)
    flat = flat.copy()
    flat[hits] = code
    return np.delete(flat, hits + 1)


class Vocabulary:
    """Converts symbols to tokens and back. Token `first` + i is group i; smaller numbers are special tokens."""

    def __init__(self, groups: Sequence[Sequence[str]], first: int) -> None:
        self.groups = [tuple(group) for group in groups]
        self.first = first
        self._character = {group[0]: chr(_FIRST + i) for i, group in enumerate(g for g in self.groups if len(g) == 1)}
        self._token = {self._spell(group): first + index for index, group in enumerate(self.groups)}
        self._longest = max(map(len, self._token))

    def __len__(self) -> int:
        return self.first + len(self.groups)

    def unknown(self, symbols: Sequence[str]) -> list[str]:
        """The symbols that aren't in the vocabulary, without duplicates, in order."""
        return list(dict.fromkeys(symbol for symbol in symbols if symbol not in self._character))

    def extended(self, symbols: Sequence[str]) -> Vocabulary:
        """A vocabulary with new single symbols at the end, so that old tokens keep their numbers."""
        return Vocabulary([*self.groups, *((symbol,) for symbol in self.unknown(symbols))], self.first)

    def read(self, symbols: Sequence[str]) -> list[int]:
        """Tokenize known symbols by longest match."""
        text, tokens, position, known = self._spell(symbols), [], 0, self._token
        while position < len(text):
            for end in range(min(len(text), position + self._longest), position, -1):
                token = known.get(text[position:end])
                if token is not None:
                    break
            assert token is not None  # the shortest piece is a single symbol, and `_spell` has each of them
            tokens.append(token)
            position = end
        return tokens

    def write(self, tokens: Sequence[int]) -> str:
        """The string of symbols; special tokens are skipped."""
        return "".join("".join(self.groups[token - self.first]) for token in tokens if token >= self.first)

    def _spell(self, symbols: Sequence[str]) -> str:
        return "".join([self._character[symbol] for symbol in symbols])


# What representations of molecules as token sequences share: batches, conditions, and the limit of their length.

FIRST_TOKEN = 2
"""END and START come before."""
MERGES = 256


@dataclass(frozen=True, eq=False)
class TokenRepresentation(StandardizedRepresentation):
    """Groups of symbols as tokens. length: maximum sequence length in tokens. large_rings: sizes of the rings of eight
    or more atoms in the molecules that the model was fine-tuned on; None if it was not."""

    vocabulary: Vocabulary
    standardization: Standardization
    length: int
    large_rings: Sequence[int] | None = None

    def familiar(self, item: Chem.Mol) -> bool:
        """Whether the molecules that the model was fine-tuned on have all sizes of its large rings."""
        return self.large_rings is None or set(large_ring_sizes(item)) <= set(self.large_rings)

    def with_large_rings(self, texts: Sequence[str]) -> list[int]:
        """`large_rings` after fine-tuning on these molecules too."""
        molecules = (item for item in map(parse, texts) if not isinstance(item, Refusal))
        return sorted(set(self.large_rings or ()).union(*map(large_ring_sizes, molecules)))

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
            **({} if self.large_rings is None else {"large_rings": self.large_rings}),
        }


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
            tokens if isinstance(tokens, Refusal) else _confirmed(item, tokens, back)
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


def _confirmed(item: Chem.Mol, tokens: Sequence[int], back: Chem.Mol | Refusal) -> np.ndarray | Refusal:
    """The tokens if they decode to the item, else a Refusal."""
    if isinstance(back, Refusal) or text(back) != text(item):
        return Refusal("SELFIES do not give the same molecule back")
    return np.array(tokens, np.int16)


def load(data: Mapping[str, Any]) -> SelfiesRepresentation:
    """The inverse of `to_json`."""
    check_format(data.get("format"), "representation.json")
    groups = [tuple(selfies.split_selfies(group)) for group in data["groups"]]
    scales = standardization.load(data["properties"])
    return SelfiesRepresentation(Vocabulary(groups, FIRST_TOKEN), scales, data["length"], data.get("large_rings"))


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
    """For fine-tuning: add new symbols at the vocabulary's end, moments of new properties and sizes of large rings;
    keep the old ones."""
    symbols = [symbol for item in map(_read_symbols, texts) if not isinstance(item, Refusal) for symbol in item]
    scales = standardization.fit_new(representation.standardization, values, properties)
    return replace(
        representation, vocabulary=representation.vocabulary.extended(symbols), standardization=scales,
        large_rings=representation.with_large_rings(texts),
    )  # fmt: skip


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
