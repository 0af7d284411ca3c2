"""Residues whose letters stay when sequences are drawn for a backbone, given by their numbers: `10-20,35,52A`; or all
whose letters are known, as those of a motif in a design."""

from __future__ import annotations

import re

from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.writing import split_label
from sciencegen.domains.proteins.residue_atoms import UNKNOWN
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

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
