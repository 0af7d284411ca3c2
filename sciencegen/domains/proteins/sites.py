"""Aligns sequences to the columns of their reference, and parses changes by name, for the report's pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sciencegen.domains.proteins.residue_classes import COLOUR
from sciencegen.domains.proteins.variants import Reference, parts_of, read_change
from sciencegen.items import Json, Refusal
from sciencegen.report.sites import Change, Sites

Frame = Reference | Json | None
"""A reference, or the context of an alignment: a reference, and the residues that have columns."""


def as_reference(frame: Frame) -> Reference | None:
    """The reference in a frame, None without a frame."""
    return Reference(frame["reference"], int(frame["first"])) if isinstance(frame, Mapping) else frame


def align(texts: Sequence[str], frame: Frame = None) -> Sites | None:
    """Sequences, or rows of an alignment, in the columns of their reference.

    Without a reference, sequences of the most frequent length are used, numbered from 1. None if no sequence fits.
    """
    reference = as_reference(frame)
    if reference is None:
        return _counted(texts)
    length = len(reference.sequence)
    kept = list(frame["columns"]) if isinstance(frame, Mapping) else list(range(length))
    rows = [_row(text, kept, length) for text in texts]
    columns = [str(reference.first + place) for place in kept]
    return Sites(rows, columns, "".join(reference.sequence[place] for place in kept)) if any(rows) else None


def _counted(texts: Sequence[str]) -> Sites | None:
    length = Counter(map(len, texts)).most_common(1)[0][0] if texts else 0
    rows = [text if len(text) == length else None for text in texts]
    return Sites(rows, [str(number) for number in range(1, length + 1)], "") if length else None


def _row(text: str, kept: Sequence[int], length: int) -> str | None:
    """The letters of a whole sequence in the kept columns, or of a row that has only these."""
    if len(text) == length:
        return "".join(text[place] for place in kept)
    return text if len(text) == len(kept) else None


def changes(names: Sequence[str]) -> list[tuple[Change, ...] | None]:
    """The changes in each variant name (`A42G:K43R`): empty for the wild type, None for an invalid name."""
    return [_changes(name) for name in names]


def _changes(name: str) -> tuple[Change, ...] | None:
    found = [read_change(part) for part in parts_of(name)]
    read = [Change(one.wild_type, one.position, one.letter) for one in found if not isinstance(one, Refusal)]
    return tuple(read) if len(read) == len(found) and all(one.letter in COLOUR for one in read) else None
