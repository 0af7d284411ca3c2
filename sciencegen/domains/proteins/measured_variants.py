"""Measured variants of one protein as aligned rows, each with the numbers that any aligned row has."""

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
from sciencegen.items import Refusal, Row

DROPPED = "# "
"""A row whose text starts so is a record that the alignment's rules leave out; its name, ": " and the reason follow."""
ROWS_AT_ONCE = 4096
"""Rows from which it is decided together whether numbers are shifted."""
WEIGHT, MUTATIONS = "weight", "mutations"
"""Numbers of a row: by how much it adds something new; in how many columns it has another residue than the focus."""


def mutations(
    rows: UInt8[np.ndarray, "sequence column"], focus: UInt8[np.ndarray, " column"]
) -> Int[np.ndarray, " sequence"]:
    """[sequence] columns in which a row has another residue than the focus; a gap is none."""
    return ((rows != focus) & (rows != GAP)).sum(1)


def in_columns(reference: Reference, columns: Int[np.ndarray, " column"], sequence: str) -> str | Refusal:
    """The letters in the columns of a sequence as long as the reference, which has the reference's elsewhere."""
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
    """Variants of one protein, by name or written out, as rows that are all worth the same; what is none, with its
    reason."""
    focus = encode_rows([reference.sequence])[0]
    names, stream = VariantNames(reference), iter(rows)
    while chunk := list(islice(stream, ROWS_AT_ONCE)):
        found = [variant_sequence(reference, row.text) for row in chunk]
        refused = any(isinstance(text, Refusal) for text in found)
        hint = names.hint([row.text for row in chunk]) if refused else ""
        for row, text in zip(chunk, found, strict=True):
            if isinstance(text, Refusal):
                yield replace(row, text=f"{DROPPED}{row.text}: {text.reason}" + (f"; {hint}" if hint else ""))
                continue
            changed = float(mutations(encode_rows([text]), focus)[0])
            yield replace(row, text=text, values={**row.values, WEIGHT: 1.0, MUTATIONS: changed})


def variant_context(reference: Reference) -> dict[str, Any]:
    """What such rows have in common: every letter of the reference has a column, and they are no family."""
    columns = list(range(len(reference.sequence)))
    return {"reference": reference.sequence, "first": reference.first, "columns": columns, "family": False}
