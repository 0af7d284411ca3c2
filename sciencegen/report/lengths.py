"""Checks of the lengths of a record's parts."""

from __future__ import annotations

from collections.abc import Sequence

from sciencegen.errors import ShapeError


def require_length(owner: str, expected: int, **sequences: Sequence | None) -> None:
    """Raise an error that names a sequence if it is not empty and doesn't have `expected` entries."""
    for name, sequence in sequences.items():
        if sequence is not None and len(sequence) not in (0, expected):
            raise ShapeError(f"Expected {expected} entries in {owner}.{name}, got {len(sequence)}.")
