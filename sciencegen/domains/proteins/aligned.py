"""Rows of an alignment as items: one letter, or "-", for each column of the family."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from sciencegen.data.tables import PEEK_ROWS, READ_TABLES, read_table
from sciencegen.domains.base import ItemTable, Similarity
from sciencegen.domains.capabilities import Family, Form
from sciencegen.domains.capabilities.design import Test
from sciencegen.domains.properties import PlainOracle
from sciencegen.domains.proteins import DOMAIN as PROTEINS
from sciencegen.domains.proteins import files
from sciencegen.domains.proteins.alignments import (
    ALIGNMENT_ENDINGS,
    BLOCK,
    STOCKHOLM_ENDINGS,
    Alignment,
    differing,
    pack,
    read_alignment,
    sequence_weights,
)
from sciencegen.domains.proteins.design import ORDERS
from sciencegen.domains.proteins.features import REGRESSION, fit_variant_features
from sciencegen.domains.proteins.items import (
    ALPHABET,
    GAP,
    GAP_LETTER,
    MAX_RESIDUES,
    decode_rows,
    encode_rows,
    why_not_residues,
)
from sciencegen.domains.proteins.metrics import Comparison, evaluate
from sciencegen.domains.proteins.motifs import MOVES, constraint
from sciencegen.domains.proteins.properties import ORACLES, measure
from sciencegen.domains.proteins.variants import ProteinVariantNames, Reference, variant_sequence
from sciencegen.errors import ConfigError, DataError, ShapeError, unknown_name
from sciencegen.items import REFUSED_ROW, Json, Origin, Refusal, Row

# Converts measured variants of one protein to aligned rows, with the values that all aligned rows have.

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
    names, stream = ProteinVariantNames(reference), iter(rows)
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


# Rows of a family, followed by measured variants of its focus.
#
# Variants have weight 0, since a lab's choice of variants says nothing about evolution. They don't change the
# family's model; only their measured values are used.

FEWEST = 10
Table = Callable[[], Iterable[Row]]
"""Returns the rows of a table of variants; it is called twice, so that the table isn't kept in memory."""


def with_measured(rows: Iterable[Row], context: Mapping[str, Any], table: Table, name: str) -> Iterator[Row]:
    """The family's rows, then the table's. name: the column of measured values. A row of the family that is also in the
    table gets its value; a variant without a value is refused."""
    if name in (WEIGHT, MUTATIONS):
        raise ConfigError(f"Expected another name for the measured column '{name}': rows have one already. Rename it.")
    reference, columns = Reference(context["reference"], int(context["first"])), np.array(context["columns"])
    variants = _Variants(reference, columns, table, name)
    return _joined(rows, variants, variants.measured())


def _joined(rows: Iterable[Row], variants: _Variants, measured: Mapping[int, float]) -> Iterator[Row]:
    for row in rows:
        known = measured.get(hash(row.text))
        yield row if known is None else replace(row, values={**row.values, variants.name: known})
    for row in variants:
        yield replace(row, values={**row.values, WEIGHT: 0.0})


@dataclass(frozen=True)
class _Variants:
    """The table's rows as rows of the family; invalid ones are refused with a reason."""

    reference: Reference
    columns: Int[np.ndarray, " column"]
    table: Table
    name: str

    def __iter__(self) -> Iterator[Row]:
        return map(self._in_family, variant_rows(self.reference, self.table()))

    def _in_family(self, row: Row) -> Row:
        if row.text.startswith(REFUSED_ROW):
            text, _, reason = row.text.removeprefix(REFUSED_ROW).partition(": ")
            return _refused(row, text, reason)
        found = in_columns(self.reference, self.columns, row.text)
        if isinstance(found, Refusal):
            return _refused(row, row.text, found.reason)
        if self.name not in row.values:
            return _refused(row, row.text, row.why_no_number(self.name))
        return replace(row, text=found)

    def measured(self) -> dict[int, float]:
        """Hash of each distinct row -> its first value; raises a DataError if there are too few."""
        found, names, reason = dict[int, float](), set[str](), "no other row"
        for row in self:
            names |= {name for name in row.values if name not in (WEIGHT, MUTATIONS)}
            if not row.text.startswith(REFUSED_ROW):
                found.setdefault(hash(row.text), row.values[self.name])
            elif reason == "no other row":
                reason = row.text.partition(": ")[2]
        if self.name not in names:
            raise unknown_name("column of numbers among the measured variants", self.name, names or ["none found"])
        if len(found) < FEWEST:
            raise DataError(
                f"Expected {FEWEST} or more measured variants of the alignment's first record, found {len(found)} "
                f"({reason}). Measure more, or correct their names."
            )
        return found


def _refused(row: Row, text: str, reason: str) -> Row:
    return replace(row, text=f"{REFUSED_ROW}{text}: measured variants: {reason}")


FORMATS = (*ALIGNMENT_ENDINGS, *(f"{ending}.gz" for ending in ALIGNMENT_ENDINGS), *READ_TABLES)
LETTERS = frozenset(ALPHABET + GAP_LETTER)
REFERENCES_AT_ONCE = 10_000


def parse(text: str) -> str | Refusal:
    """An aligned row: residues in upper case, and "-"."""
    if not isinstance(text, str):
        return Refusal(f"expected an aligned sequence, got {type(text).__name__}")
    row = text.strip()
    if row.startswith(REFUSED_ROW.strip()):
        return Refusal(row.removeprefix(REFUSED_ROW.strip()).partition(": ")[2].strip() or "left out")
    if len(row) > MAX_RESIDUES:
        return Refusal(f"{len(row)} columns; at most {MAX_RESIDUES} are accepted")
    if not row.strip(GAP_LETTER):
        return Refusal("only gaps" if row else "empty")
    return row if LETTERS.issuperset(row) else Refusal(why_not_residues(row, LETTERS))


def read(path: Path, column: str | None = None) -> Iterator[Row]:
    """The distinct rows of an alignment, each with the sum of its copies' weights as `weight`, and dropped records with
    the reason; or the rows of a table of aligned sequences."""
    kind = files.ending(path)
    if kind not in FORMATS:
        raise ConfigError(f"Expected an alignment ({', '.join(FORMATS)}), got '{path}'. Convert it or rename it.")
    if kind in READ_TABLES:
        return read_table(path, files.ITEM_COLUMNS, column)
    return alignment_rows(read_alignment(path))


def write(
    path: Path, items: Sequence[str], names: Sequence[str], values: ItemTable, origin: Origin | None = None
) -> None:
    """Aligned FASTA. When it is read, its first record is the focus: columns in which that has a gap are dropped."""
    kind = files.ending(path).removesuffix(".gz")
    if kind not in ALIGNMENT_ENDINGS or kind in STOCKHOLM_ENDINGS:
        wanted = ", ".join(one for one in ALIGNMENT_ENDINGS if one not in STOCKHOLM_ENDINGS)
        raise ConfigError(f"Expected a file ending in {wanted}, got '{path}'. Choose one of them.")
    files.write_text(path, files.fasta_records(items, names, values))


def alignment_rows(alignment: Alignment) -> Iterator[Row]:
    """Distinct rows and dropped records, in the order of the file (of the first of equal rows)."""
    left_out = (
        (number, Row(number, f"{REFUSED_ROW}{name}: {why}", id=name)) for number, name, why in alignment.dropped
    )
    return (row for _, row in heapq.merge(_distinct(alignment), left_out, key=itemgetter(0)))


def _distinct(alignment: Alignment) -> Iterator[tuple[int, Row]]:
    """(number in the file, row) of the first of equal rows."""
    weights = sequence_weights(alignment.rows)
    whole = np.ascontiguousarray(alignment.rows).view(np.dtype((np.void, alignment.rows.shape[1])))[:, 0]
    _, first, group = np.unique(whole, return_index=True, return_inverse=True)
    summed = np.bincount(group, weights)
    order = np.argsort(first)
    for start in range(0, len(order), ROWS_AT_ONCE):
        groups = order[start : start + ROWS_AT_ONCE]
        rows = first[groups]
        texts, numbers, sums = decode_rows(alignment.rows[rows]), alignment.record[rows].tolist(), summed[groups]
        changes = mutations(alignment.rows[rows], alignment.rows[0]).astype(float)
        for row, number, text, weight, changed in zip(
            rows.tolist(), numbers, texts, sums.tolist(), changes.tolist(), strict=True
        ):
            yield number, Row(number, text, {WEIGHT: weight, MUTATIONS: changed}, alignment.names[row])


def context(path: Path) -> Json:
    """The focus of an alignment: its letters, the number of the first, and which of them have columns; and notes on how
    the file was read."""
    if files.ending(path) in READ_TABLES:
        return {}
    alignment = read_alignment(path)
    focus, columns = alignment.focus, alignment.columns.tolist()
    notes = alignment.report.notes()
    return {"reference": focus.sequence, "first": focus.first, "columns": columns, "notes": notes}


def similarity(items: Sequence[str], references: Sequence[str]) -> Float[np.ndarray, "item reference"]:
    """[item reference] equal residues / columns in which either has one: 1 for equal rows, a gap matches nothing."""
    _check_one_family(items, references)
    table = np.empty((len(items), len(references)))
    if not table.size:
        return table
    first, second = pack(encode_rows(items)), pack(encode_rows(references))
    for top in range(0, len(items), BLOCK[0]):
        for left in range(0, len(references), BLOCK[1]):
            above, beside = slice(top, top + BLOCK[0]), slice(left, left + BLOCK[1])
            either = (first.present[:, above, None] | second.present[:, None, beside]).astype(np.uint64)
            unlike = differing(first.planes[..., above], second.planes[..., beside])
            table[above, beside] = 1 - unlike / np.bitwise_count(either).sum(0, dtype=np.int64)
    return table


def nearest(items: Sequence[str], references: Iterable[str]) -> Float[np.ndarray, " item"]:
    """[item] greatest similarity to any reference (0 without references), which are read in chunks."""
    best, iterator = np.zeros(len(items)), iter(references)
    while items and (chunk := list(islice(iterator, REFERENCES_AT_ONCE))):
        np.maximum(best, similarity(items, chunk).max(1), out=best)
    return best


def one_hot(items: Sequence[str]) -> Float[np.ndarray, "item feature"]:
    """[item feature] float32: one feature for each residue, and one for a gap, in each column of the family."""
    _check_one_family(items)
    rows = encode_rows(items)
    return (rows[..., None] == np.arange(GAP + 1)).reshape(len(items), rows.shape[1] * (GAP + 1)).astype(np.float32)


def _check_one_family(*groups: Sequence[str]) -> None:
    widths = {len(item) for group in groups for item in group}
    if len(widths) > 1:
        raise ShapeError(f"Expected aligned rows of one family, got rows of {min(widths)} to {max(widths)} columns.")


def without_gaps(item: str) -> str:
    """The sequence of an aligned row."""
    return item.replace(GAP_LETTER, "")


def _plain(items: Sequence[str]) -> list[str]:
    return [without_gaps(item) for item in items]


def holds_alignment(path: Path) -> bool:
    """Whether a file has an ending of alignments, or is FASTA with gaps in one of the first records."""
    kind = files.ending(path)
    if kind.removesuffix(".gz") in files.FASTA and path.is_file():
        return any(set(row.text) & {GAP_LETTER, "."} for row in islice(files.read_fasta(path), PEEK_ROWS))
    return kind.removesuffix(".gz") in ALIGNMENT_ENDINGS


def constraint_on_rows(
    keep: Sequence[str] = (), forbid: Sequence[str] = (), reference: Reference | None = None
) -> Test:
    """Motifs of the sequences without gaps."""
    accepted = constraint(keep, forbid, reference)
    return lambda item: accepted(without_gaps(item))


FAMILY = Family(
    context=context,
    variant_rows=variant_rows,
    variant_context=variant_context,
    with_measured=with_measured,
    columns=(WEIGHT, MUTATIONS),
)
adapted_oracle = partial(PlainOracle, plain=without_gaps)
DOMAIN = replace(
    PROTEINS,
    name="proteins/aligned",
    items=replace(files.ITEMS, parse=parse, formats=FORMATS, read=read, write=write),
    measure=lambda rows, names: measure(_plain(rows), names),
    similarity=Similarity(matrix=similarity, nearest=nearest, maximum=1.0),
    oracles=replace(ORACLES, find=lambda name: adapted_oracle(ORACLES.find(name))),
    regression=replace(
        REGRESSION,
        features=one_hot,
        fit=lambda rows, reference: fit_variant_features(_plain(rows), reference),
        splits={},
    ),
    evaluate=partial(evaluate, comparison=Comparison(parse, nearest, similarity, without_gaps)),
    moves=replace(MOVES, constraint=constraint_on_rows),
    orders=replace(ORDERS, cells=lambda row, options: ORDERS.cells(without_gaps(row), options)),
    form=Form(plain=without_gaps, adapt_oracle=adapted_oracle, holds=holds_alignment, family=FAMILY),
    forms={},
)
