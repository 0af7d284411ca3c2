"""Variants of a protein by name: `A42G` is glycine instead of the alanine at 42, several are joined by ":".

Numbers are the reference's own (those of its alignment's header, say). `A42-` is a deletion; it leaves its column, so
that a variant is as long as its reference. The wild type's name is "".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sciencegen.data.writers import shown
from sciencegen.domains.base import Refusal
from sciencegen.domains.proteins.items import ALPHABET, GAP_LETTER, looks_like_dna, parse, why_not_residues
from sciencegen.errors import DataError

WILD_TYPE_NAMES = frozenset({"", "WT", "WILD TYPE", "WILDTYPE", "WILD-TYPE", "_WT"})
JOINED = re.compile(r"[:;,/+\s]+")
SUBSTITUTION = re.compile(r"([A-Z])(-?[0-9]{1,9})([A-Z*=-])")
_THREE_LETTERS = re.compile(r"(?:p\.)?\(?([A-Z]{3})(-?[0-9]{1,9})([A-Z]{3}|[*=-])\)?", re.IGNORECASE)
_INSERTED = re.compile(r"[A-Z]?\d+(INS|DUP|FS|_).*|[A-Z]\d+[A-Z]{2}|-\d+.*", re.IGNORECASE)
_ALLOWED = frozenset(ALPHABET + GAP_LETTER)


@dataclass(frozen=True)
class Reference:
    """A wild type; `first` is the number of its first residue."""

    sequence: str
    first: int = 1

    def __post_init__(self) -> None:
        found = parse(self.sequence)
        if isinstance(found, Refusal) or found != self.sequence:
            reason = found.reason if isinstance(found, Refusal) else "letters in lower case or something around it"
            raise DataError(f"Expected a reference of the 20 amino acids, got '{shown(self.sequence, 40)}': {reason}.")

    @property
    def last(self) -> int:
        return self.first + len(self.sequence) - 1

    def residue(self, position: int) -> str | None:
        """The letter at a number, None outside."""
        return self.sequence[position - self.first] if self.first <= position <= self.last else None


@dataclass(frozen=True, slots=True)
class Substitution:
    """One letter for another, "-" for a deletion, at a position of the reference."""

    wild_type: str
    position: int
    letter: str

    def __str__(self) -> str:
        return f"{self.wild_type}{self.position}{self.letter}"


def variant_name(reference: Reference, sequence: str) -> str | Refusal:
    """What sets a sequence of the reference's length apart from it, in order of position."""
    if len(sequence) != len(reference.sequence):
        lengths = f"{len(sequence)} letters, the reference has {len(reference.sequence)}"
        return Refusal(f"{lengths}: a variant is as long as its reference, with '-' for what is deleted")
    if not _ALLOWED.issuperset(sequence):
        return Refusal(why_not_residues(sequence, _ALLOWED))
    pairs = enumerate(zip(reference.sequence, sequence, strict=True), reference.first)
    return ":".join(f"{wild}{position}{letter}" for position, (wild, letter) in pairs if wild != letter)


def variant_sequence(reference: Reference, text: str) -> str | Refusal:
    """The sequence of a variant that is named or written out, as long as the reference."""
    written = text.strip().upper().removesuffix("*")
    if written in WILD_TYPE_NAMES or not _ALLOWED.issuperset(written):
        return apply_variant(reference, text)
    if len(written) != len(reference.sequence) and looks_like_dna(set(written), len(written)):
        return Refusal(f"{len(written)} nucleotides, it seems: translate them to protein")
    name = variant_name(reference, written)
    return name if isinstance(name, Refusal) else written


def apply_variant(reference: Reference, name: str) -> str | Refusal:
    """The sequence that a name stands for, as long as the reference."""
    changes = read_variant(reference, name)
    if isinstance(changes, Refusal):
        return changes
    letters = list(reference.sequence)
    for change in changes:
        letters[change.position - reference.first] = change.letter
    return "".join(letters)


def read_variant(reference: Reference, name: str) -> list[Substitution] | Refusal:
    """The changes that a name lists, or why they aren't changes of this reference."""
    if name.strip().upper() in WILD_TYPE_NAMES:
        return []
    changes: dict[int, Substitution] = {}
    for part in JOINED.split(name.strip()):
        change = _read_change(reference, part)
        if isinstance(change, Refusal):
            return change
        if change.position in changes:
            return Refusal(f"'{changes[change.position]}' and '{change}' change the same position")
        changes[change.position] = change
    return list(changes.values())


def _read_change(reference: Reference, part: str) -> Substitution | Refusal:
    found = SUBSTITUTION.fullmatch(_in_one_letter(part).upper().removeprefix("P."))
    if found is None:
        return Refusal(_why_unreadable(part))
    wild_type, position, letter = found[1], int(found[2]), found[3]
    known = reference.residue(position)
    if known is None:
        return Refusal(f"'{shown(part)}' is outside the reference, which spans {reference.first} to {reference.last}")
    if known != wild_type:
        return Refusal(f"'{shown(part)}' says {wild_type} at {position}, where the reference has {known}")
    if letter == "*":
        return Refusal(f"'{shown(part)}' is a stop, no amino acid")
    if letter not in _ALLOWED and letter != "=":
        return Refusal(f"'{shown(part)}': {letter} is none of the 20 amino acids {ALPHABET}")
    return Substitution(wild_type, position, known if letter == "=" else letter)


def _in_one_letter(part: str) -> str:
    """`Ala42Gly` and `p.(Ala42Gly)` as `A42G`; anything else as it is."""
    found = _THREE_LETTERS.fullmatch(part)
    if found is None:
        return part
    from Bio.Data.PDBData import protein_letters_3to1

    letters = {**protein_letters_3to1, "TER": "*"}
    first, last = (letters.get(found[group].upper(), found[group]) for group in (1, 3))
    return f"{first}{found[2]}{last}"


def _why_unreadable(part: str) -> str:
    if not part:
        return "an empty change between two separators"
    if part.upper().endswith("DEL"):
        return f"'{shown(part)}': write a deletion as A42-"
    if _INSERTED.fullmatch(part):
        return f"'{shown(part)}' inserts residues: only substitutions (A42G) and deletions (A42-) have a column"
    return f"'{shown(part)}' is no variant: write A42G, several joined by ':'"


def all_singles(reference: Reference) -> list[str]:
    """Every substitution of one residue, by position, then by letter: 19 for each position."""
    return list(_singles(reference))


def _singles(reference: Reference) -> Iterator[str]:
    for position, wild_type in enumerate(reference.sequence, reference.first):
        yield from (f"{wild_type}{position}{letter}" for letter in ALPHABET if letter != wild_type)
