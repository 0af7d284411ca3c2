"""Contigs: which pieces of a motif's chains a design contains, and how many free residues lie around them.

The notation is that of RFdiffusion (Watson et al. 2023): `10-40,A163-181,10-40` is 10 to 40 free residues, residues
163 to 181 of chain A of the motif's file, and 10 to 40 free residues. Parts are separated by commas or slashes. A colon
may follow the name of a chain, and must if it doesn't consist of letters: `1:163-181`, since `1163-181` is a length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.errors import ConfigError

EXAMPLE = "'10-40,A163-181,10-40'"
_FREE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_PIECE = re.compile(r"(?:([A-Za-z]{1,4}):?|([^\s,/:]{1,20}):)(-?\d{1,6})(?:-(-?\d{1,6}))?")
_LETTERS = re.compile(r"[A-Za-z]{1,4}")
COLON = "a colon follows the name of a chain that isn't letters only, such as '1:163-181'"


@dataclass(frozen=True)
class Free:
    """From `shortest` to `longest` free residues."""

    shortest: int = 0
    longest: int = 0

    def __add__(self, other: Free) -> Free:
        return Free(self.shortest + other.shortest, self.longest + other.longest)


@dataclass(frozen=True)
class Range:
    """Residues of a chain of the motif's file, by their numbers, both ends included."""

    chain: str
    first: int
    last: int

    def __str__(self) -> str:
        name = prefix_of(self.chain)
        return f"{name}{self.first}" if self.first == self.last else f"{name}{self.first}-{self.last}"

    def overlaps(self, other: Range) -> bool:
        return self.chain == other.chain and self.first <= other.last and other.first <= self.last


def prefix_of(chain: str) -> str:
    """The name of a chain as contigs have it before a number.

    Examples
    --------
    >>> prefix_of("A"), prefix_of("1")
    ('A', '1:')
    """
    return chain if _LETTERS.fullmatch(chain) else f"{chain}:"


@dataclass(frozen=True)
class Contigs:
    """Ranges of the motif, and free residues before, between and after them: one more than ranges."""

    ranges: tuple[Range, ...]
    free: tuple[Free, ...]


def parse_contigs(text: str) -> Contigs:
    """Parse contigs.

    Raises
    ------
    ConfigError
        For parts that are neither, for none of the motif, or for ranges that overlap.

    Examples
    --------
    >>> found = parse_contigs("10-40,A163-181,5")
    >>> [str(one) for one in found.ranges], found.free
    (['A163-181'], (Free(shortest=10, longest=40), Free(shortest=5, longest=5)))
    """
    ranges: list[Range] = []
    free = [Free()]
    for part in re.split(r"\s*[,/][,/\s]*", text.strip().strip("[]'\"").strip()):
        if found := _PIECE.fullmatch(part):
            ranges.append(_range(part, found[1] or found[2], int(found[3]), int(found[4] or found[3])))
            free.append(Free())
        elif (found := _FREE.fullmatch(part)) and part != "0":
            free[-1] += _free(part, int(found[1]), int(found[2] or found[1]))
        else:
            raise ConfigError(f"Expected `contigs` such as {EXAMPLE}, got the part '{part}'{_why(part)}.")
    if not ranges:
        raise ConfigError(
            f"Expected `contigs` with residues of the motif, such as {EXAMPLE}, got none in '{text}'. Add a range; "
            f"{COLON}."
        )
    for index, one in enumerate(ranges):
        if other := next((before for before in ranges[:index] if one.overlaps(before)), None):
            raise ConfigError(f"Expected `contigs` with each residue once, got {other} and {one}. Leave one out.")
    return Contigs(tuple(ranges), tuple(free))


def _why(part: str) -> str:
    """What is wrong with a part, and what to write, for the end of a sentence."""
    if part.split(maxsplit=1)[:1] == ["0"]:
        return ": '0' breaks a chain in RFdiffusion, a design here has one chain. Leave it out"
    return ". Separate parts by commas, not by blanks" if " " in part else f". Write it anew; {COLON}"


def _range(part: str, chain: str, first: int, last: int) -> Range:
    if last < first:
        raise ConfigError(f"Expected `contigs` with ranges that rise, got '{part}'. Exchange its ends.")
    return Range(chain, first, last)


def _free(part: str, shortest: int, longest: int) -> Free:
    if longest < shortest:
        raise ConfigError(
            f"Expected `contigs` with lengths that rise, got '{part}'. Exchange its ends, or name the chain; {COLON}."
        )
    return Free(shortest, longest)


@dataclass(frozen=True)
class Lengths:
    """The free lengths of a design whose total lies between `shortest` and `longest` residues.

    All combinations with such a total are equally likely: as if each length were drawn uniformly from its range, and
    combinations with another total were drawn again.

    Parameters
    ----------
    free : sequence of Free
    kept : int
        Number of residues of the motif.
    shortest, longest : int
        Of the whole design.

    Examples
    --------
    >>> import numpy as np
    >>> lengths = Lengths((Free(0, 9), Free(2, 2), Free(0, 9)), kept=10, shortest=21, longest=21)
    >>> sum(lengths.draw(np.random.default_rng(0)))
    11
    """

    free: Sequence[Free]
    kept: int
    shortest: int
    longest: int

    @property
    def possible(self) -> tuple[int, int]:
        """Least and greatest total, without regard to `shortest` and `longest`."""
        return self.kept + sum(one.shortest for one in self.free), self.kept + sum(one.longest for one in self.free)

    @property
    def empty(self) -> bool:
        """Whether there is no combination."""
        low, high = self.possible
        return max(low, self.shortest) > min(high, self.longest)

    @property
    def _within(self) -> list[Free]:
        """The free lengths without those that no accepted total has."""
        return [Free(one.shortest, max(one.shortest, min(one.longest, self.longest))) for one in self.free]

    def draw(self, generator: np.random.Generator) -> list[int]:
        """One combination: the total by its number of combinations, then each length by that of the following ones."""
        following = self._combinations()
        totals = np.arange(len(following[0])) + self.kept
        allowed = following[0] * ((totals >= self.shortest) & (totals <= self.longest))
        left, found = _drawn(allowed, generator), []
        for one, after in zip(self._within, following[1:], strict=True):
            rest = left - np.arange(one.shortest, min(one.longest, left) + 1)
            shares = np.where(rest < len(after), after[np.minimum(rest, len(after) - 1)], 0.0)
            found.append(one.shortest + _drawn(shares, generator))
            left -= found[-1]
        return found

    def _combinations(self) -> list[Float[np.ndarray, " total"]]:
        """For each k, the number of combinations of the lengths from k on, by their sum."""
        following = [np.ones(1)]
        for one in reversed(self._within):
            counts = np.concatenate([np.zeros(one.shortest), np.ones(one.longest - one.shortest + 1)])
            following.append(np.convolve(counts, following[-1]))
        return following[::-1]


def _drawn(shares: Float[np.ndarray, " choice"], generator: np.random.Generator) -> int:
    return int(np.searchsorted(shares.cumsum(), generator.random() * shares.sum(), side="right"))
