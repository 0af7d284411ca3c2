"""Groups of frequently adjacent symbols of SELFIES or SMILES, learned by byte-pair encoding.

Byte-pair encoding (Sennrich et al. 2016) repeatedly merges the most frequent pair of neighbours, so that a benzene ring
of eight symbols becomes one token. Sequences become three times shorter, which makes them easier to model. Tokenization
is by longest match, which is fast and unique.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
