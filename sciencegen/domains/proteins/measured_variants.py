"""Converts measured variants of one protein to aligned rows, with the values that all aligned rows have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from sciencegen.domains.proteins.items import GAP, encode_rows
from sciencegen.domains.proteins.variant_names import VariantNames
from sciencegen.domains.proteins.variants import Reference, variant_sequence
from sciencegen.items import REFUSED_ROW, Refusal, Row

ROWS_AT_ONCE = 4096
"""Number of rows from which a shift of the numbering is determined."""
WEIGHT, MUTATIONS = "weight", "mutations"
"""Values of a row: its sequence weight; the number of columns in which its residue differs from the focus."""


def mutations(
    rows: UInt8[np.ndarray, "sequence column"], focus: UInt8[np.ndarray, " column"]
) -> Int[np.ndarray, " sequence"]:
    """[sequence] number of columns in which a row's residue differs from the focus; gaps don't count."""
    return ((rows != focus) & (rows != GAP)).sum(1)


def in_columns(reference: Reference, columns: Int[np.ndarray, " column"], sequence: str) -> str | Refusal:
    """The letters in the columns of a sequence of the reference's length; elsewhere it must equal the reference."""
    if len(sequence) != len(reference.sequence):
        return Refusal(f"{len(sequence)} letters, the family's reference has {len(reference.sequence)}")
    outside = np.ones(len(sequence), bool)
    outside[columns] = False
    for place in np.flatnonzero(outside):
        if sequence[place] != reference.sequence[place]:
            number = reference.first + place
            return Refusal(f"position {number} has no column in the alignment (lower case in its first record)")
    return "".join(sequence[column] for column in columns)


def variant_rows(reference: Reference, rows: Iterable[Row]) -> Iterator[Row]:
    """Convert variants of one protein, given by name or as sequences, to rows of equal weight; invalid ones get a
    reason."""
    focus = encode_rows([reference.sequence])[0]
    names, stream = VariantNames(reference), iter(rows)
    while chunk := list(islice(stream, ROWS_AT_ONCE)):
        found = [variant_sequence(reference, row.text) for row in chunk]
        refused = any(isinstance(text, Refusal) for text in found)
        hint = names.hint([row.text for row in chunk]) if refused else ""
        for row, text in zip(chunk, found, strict=True):
            if isinstance(text, Refusal):
                yield replace(row, text=f"{REFUSED_ROW}{row.text}: {text.reason}" + (f"; {hint}" if hint else ""))
                continue
            changed = float(mutations(encode_rows([text]), focus)[0])
            yield replace(row, text=text, values={**row.values, WEIGHT: 1.0, MUTATIONS: changed})


def variant_context(reference: Reference) -> dict[str, Any]:
    """`Family.context` of `variant_rows`: every residue of the reference has a column, and the rows aren't a family."""
    columns = list(range(len(reference.sequence)))
    return {"reference": reference.sequence, "first": reference.first, "columns": columns, "family": False}
