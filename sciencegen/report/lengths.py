"""Whether the parts of a record fit together."""

from __future__ import annotations

from collections.abc import Sequence

from sciencegen.errors import ShapeError


def require_length(owner: str, expected: int, **sequences: Sequence | None) -> None:
    """Every given sequence has `expected` entries, or an error names the one that hasn't."""
    for name, sequence in sequences.items():
        if sequence is not None and len(sequence) not in (0, expected):
            raise ShapeError(f"Expected {expected} entries in {owner}.{name}, got {len(sequence)}.")
