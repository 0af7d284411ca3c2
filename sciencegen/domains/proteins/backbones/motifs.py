"""Motifs: pieces of a structure file that designs contain, atom by atom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.data.damage import reading
from sciencegen.domains.proteins.backbones.files import (
    backbone_atoms,
    cut_chain,
    dextro_labels,
    item_marks,
    parse,
    split_label,
    structure_of,
)
from sciencegen.domains.proteins.backbones.geometry import place_oxygens
from sciencegen.domains.proteins.backbones.given_atoms import (
    GivenAtoms,
    check_apart,
    joined,
    read_given_atoms,
    side_chains,
)
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.residues import BACKBONE, UNKNOWN, Residue, bond_length, select_chains
from sciencegen.domains.proteins.structures import read_structure_file
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal

if TYPE_CHECKING:
    from Bio.PDB.Structure import Structure


# Contigs: which pieces of a motif's chains a design contains, and how many free residues lie around them.
#
# The notation is that of RFdiffusion (Watson et al. 2023): `10-40,A163-181,10-40` is 10 to 40 free residues, residues
# 163 to 181 of chain A of the motif's file, and 10 to 40 free residues. Parts are separated by commas or slashes. A
# colon may follow the name of a chain, and must if it doesn't consist of letters: `1:163-181`, since `1163-181` is a
# length.

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


def parse_contigs(text: str) -> tuple[tuple[Range, ...], tuple[Free, ...]]:
    """Parse contigs to ranges of the motif, and free residues before, between and after them: one more than ranges.

    Raises
    ------
    ConfigError
        For parts that are neither, for none of the motif, or for ranges that overlap.

    Examples
    --------
    >>> ranges, free = parse_contigs("10-40,A163-181,5")
    >>> [str(one) for one in ranges], free
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
    return tuple(ranges), tuple(free)


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


END = Free(10, 40)
"""Free residues at each end of a design without contigs, as in the examples of RFdiffusion."""
SLACK = 20
"""Between pieces of a motif without contigs: how many residues more than the least there may be."""
REACH = 3.0
"""Ångström that a residue between two pieces spans without contigs; a helix spans 1.5 and a strand 3.3."""
STRETCHED = 4.0
"""Ångström that a residue can span at most."""
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Motif:
    """Pieces that keep their places relative to each other.

    Parameters
    ----------
    coordinates : float64 [residue 4 3]
        N, CA, C and O of all pieces after each other, ångström. O may be NaN at the end of a piece.
    sequence : str
        A letter for each residue, 'X' for an unknown one.
    sizes : tuple of int
        Number of residues of each piece.
    free : tuple of Free
        Free residues before, between and after the pieces.
    given : GivenAtoms
        Atoms that drawn residues must not overlap, in the same frame: side chains, and what is to be kept free.
    """

    coordinates: Float[np.ndarray, "residue 4 3"]
    sequence: str
    sizes: tuple[int, ...]
    free: tuple[Free, ...]
    given: GivenAtoms = field(default_factory=lambda: joined([]))

    def __len__(self) -> int:
        return len(self.sequence)


def read_motif(
    path: Path, contigs: str | None = None, longest: int | None = None, keep_free: str | None = None
) -> Motif:
    """Read a motif.

    Parameters
    ----------
    path : Path
        A structure file, whose first model is read, or a reference to one of its items, such as `designs.pdb[3]`.
    contigs : str, optional
        As `parse_contigs` reads them. Default: all pieces of the file in order, `END` around and a few more
        residues than necessary between them.
    longest : int, optional
        Without contigs: free parts may have up to so many residues, since the total is given.
    keep_free : str, optional
        A file of further atoms that designs must not overlap, as `read_given_atoms` reads it.

    Raises
    ------
    ConfigError, DataError
        For contigs that aren't in the file, and for residues that can't be kept: without N, CA or C, or with a break.
    """
    chains = _chains(path)
    if contigs is None:
        pieces, free = _whole(chains, path, longest)
    else:
        ranges, between = parse_contigs(contigs)
        pieces = [_piece(chains, one, path) for one in ranges]
        free = _spanned(ranges, between, pieces)
    residues = [residue for piece in pieces for residue in piece]
    around = [] if keep_free is None else [read_given_atoms(keep_free)]
    for one in around:
        check_apart(one, np.array([place for residue in residues for place in residue.atoms.values()]), str(keep_free))
    return Motif(
        np.concatenate([_places(piece, path) for piece in pieces]),
        "".join(residue.letter for residue in residues),
        tuple(len(piece) for piece in pieces),
        tuple(free),
        joined([side_chains(residues), *around]),
    )


def _chains(path: Path) -> dict[str, list[Residue]]:
    """The protein residues of each chain of the first model."""
    structure = _structure(path)
    with reading("a structure of proteins", path):
        chains = select_chains(next(iter(structure)))
    found = {name: one.residues for name, one in chains.items() if one.residues}
    if not found:
        raise DataError(f"Expected a protein chain with a motif in {path}, found none.")
    for residue in chain.from_iterable(found.values()):
        if not all(np.isfinite(place).all() for place in residue.atoms.values()):
            raise DataError(f"Expected finite coordinates in {path}, found others in residue {residue.label}.")
    return found


def _structure(path: Path) -> Structure:
    """The structure of a file, or of the item that a reference names."""
    if not path.exists() and path.suffix.endswith("]"):
        item = parse(str(path))
        if isinstance(item, Refusal):
            raise DataError(f"Expected a backbone with a motif at {path}, found none: {item.reason}.")
        return structure_of(item)
    parsed = read_structure_file(path)
    structure: Structure = parsed.structure
    if (count := max(len(item_marks(path)), len(parsed.models))) > 1:
        raise DataError(
            f"Expected one structure with a motif in {path}, found {count} designs. Write which, from 0, as in "
            f"'{path}[0]'."
        )
    return structure


def _whole(chains: dict[str, list[Residue]], path: Path, longest: int | None) -> tuple[list[list[Residue]], list[Free]]:
    """All unbroken pieces in order, and the free residues around them."""
    pieces = [piece for residues in chains.values() for piece in cut_chain(residues)]
    if not pieces:
        raise DataError(f"Expected a motif with the atoms N, CA and C in {path}, found CA only.")
    end = END if longest is None else Free(0, longest)
    free = [end]
    for before, after in pairwise(pieces):
        least = max(1, ceil(_apart(before, after) / REACH) - 1)
        free.append(Free(least, least + SLACK if longest is None else max(least, longest)))
    return pieces, [*free, end]


def _piece(chains: dict[str, list[Residue]], wanted: Range, path: Path) -> list[Residue]:
    """The residues of a range, all of which must be in the file."""
    if wanted.chain not in chains:
        there = ", ".join(map(prefix_of, chains))
        raise ConfigError(f"Expected `contigs` of chains in {path} ({there}), got {wanted}. Choose one of these.")
    found = [one for one in chains[wanted.chain] if wanted.first <= one.number <= wanted.last]
    missing = sorted(set(range(wanted.first, wanted.last + 1)) - {one.number for one in found})
    if missing:
        shown = ", ".join(f"{prefix_of(wanted.chain)}{number}" for number in missing[:SHOWN])
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        there = ", ".join(_named(wanted.chain, part) for part in cut_chain(chains[wanted.chain])[:SHOWN]) or "CA only"
        raise ConfigError(
            f"Expected `contigs` of residues in {path}, got {wanted}: it lacks {shown}{more}. Chain {wanted.chain} "
            f"has {there}."
        )
    return found


def _named(chain: str, piece: Sequence[Residue]) -> str:
    return f"{prefix_of(chain)}{piece[0].label}-{piece[-1].label}"


def _places(piece: Sequence[Residue], path: Path) -> Float[np.ndarray, "residue 4 3"]:
    """Coordinates of a piece. Missing oxygens are placed; the last one is NaN, as it depends on the next residue."""
    for residue in piece:
        if lacking := [atom for atom in BACKBONE[:3] if atom not in residue.atoms]:
            raise DataError(
                f"Expected a motif with N, CA and C of each residue, found residue {residue.label} of {path} without "
                f"{', '.join(lacking)}. Leave it out by `contigs`, or add its atoms."
            )
    for before, after in pairwise(piece):
        distance, broken = bond_length(before, after)
        if broken:
            raise DataError(
                f"Expected a motif without breaks, found one of {distance:.1f} Å after residue {before.label} of "
                f"{path}. Make two pieces of it by `contigs`, with free residues between them."
            )
    if dextro_labels(piece):
        raise DataError(f"Expected a motif of L-amino acids, found D-amino acids, which are mirror images, in {path}.")
    places = backbone_atoms(piece)
    without = np.flatnonzero(np.isnan(places[:-1, 3]).any(1))
    places[without, 3] = place_oxygens(*places[:, :3].swapaxes(0, 1))[without]
    return places


def _spanned(ranges: Sequence[Range], given: Sequence[Free], pieces: Sequence[Sequence[Residue]]) -> list[Free]:
    """The free residues, at least as many between two pieces as can span the distance."""
    free = list(given)
    for index, (before, after) in enumerate(pairwise(pieces), 1):
        broken = bond_length(before[-1], after[0])[1]
        least = max(1, ceil(_apart(before, after) / STRETCHED) - 1) if broken else 0
        if least > free[index].longest:
            one, other = ranges[index - 1 : index + 1]
            raise ConfigError(
                f"Expected `contigs` with {least} or more free residues between {one} and {other}, which are "
                f"{_apart(before, after):.1f} Å apart, got {free[index].longest or 'none'}."
            )
        free[index] = replace(free[index], shortest=max(least, free[index].shortest))
    return free


def _apart(before: Sequence[Residue], after: Sequence[Residue]) -> float:
    """Distance of the alpha carbons at the facing ends, ångström."""
    return float(np.linalg.norm(before[-1].atoms["CA"] - after[0].atoms["CA"]))


# Residues whose letters stay when sequences are drawn for a backbone, given by their numbers: `10-20,35,52A`; or all
# whose letters are known, as those of a motif in a design.

FREE = "-"
"""Letter of a residue to be designed."""
KNOWN = "known"
"""Instead of numbers: each residue of a known amino acid, in each backbone."""
_PART = re.compile(r"(?P<first>-?\d{1,6})(-(?P<last>-?\d{1,6})|(?P<insertion>[A-Za-z]))?")


def check_numbers(keep: str) -> None:
    """Raise a ConfigError for a text that is neither `KNOWN` nor a list of numbers and ranges of residues."""
    if keep.strip() == KNOWN:
        return
    for part in filter(None, keep.split(",")):
        found = _PART.fullmatch(part.strip())
        if found is None or (found["last"] and int(found["last"]) < int(found["first"])):
            raise ConfigError(
                f"Expected numbers of residues such as 10-20,35, or '{KNOWN}', for `keep_positions`, got "
                f"'{part.strip()[:40]}'."
            )


def kept_rows(item: Backbone, keep: str) -> list[int] | Refusal:
    """The kept residues as rows from 0, in order; a Refusal if a number or a whole range is absent."""
    if keep.strip() == KNOWN:
        return [row for row, letter in enumerate(item.sequence) if letter != UNKNOWN]
    labels, rows = [split_label(label) for label in item.numbers], set[int]()
    for part in filter(None, (part.strip() for part in keep.split(","))):
        found = _PART.fullmatch(part)
        assert found is not None  # by `check_numbers`
        first, last = int(found["first"]), int(found["last"] or found["first"])
        insertion = None if found["last"] else found["insertion"] or ""
        inside = [
            row for row, (number, letter) in enumerate(labels)
            if first <= number <= last and insertion in (None, letter)
        ]  # fmt: skip
        if not inside:
            return Refusal(f"no residue {part} to keep, numbers are {item.numbers[0]} to {item.numbers[-1]}")
        rows.update(inside)
    return sorted(rows)


def kept_letters(item: Backbone, keep: str) -> str | Refusal:
    """The letter of each kept residue, and `FREE` for each other one; a Refusal if a kept one is of unknown kind, or if
    none is left to be designed."""
    rows = kept_rows(item, keep)
    if isinstance(rows, Refusal):
        return rows
    unknown = [item.numbers[row] for row in rows if item.sequence[row] == UNKNOWN]
    if unknown:
        return Refusal(f"no known amino acid to keep at residue {unknown[0]}")
    if len(rows) == len(item):
        return Refusal("all residues are kept, none is left to be designed")
    letters = [FREE] * len(item)
    for row in rows:
        letters[row] = item.sequence[row]
    return "".join(letters)


def kept_names(item: Backbone, keep: str) -> str | Refusal:
    """Chain and number of each kept residue, such as `A10 A11`; a Refusal as by `kept_letters`."""
    letters = kept_letters(item, keep)
    if isinstance(letters, Refusal):
        return letters
    return " ".join(f"{item.chain}{label}" for label, one in zip(item.numbers, letters, strict=True) if one != FREE)
