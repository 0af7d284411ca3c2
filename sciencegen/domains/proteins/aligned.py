"""Rows of an alignment as items: one letter, or "-", for each column of the family."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from operator import itemgetter
from pathlib import Path

import numpy as np
from jaxtyping import Float

from sciencegen.data.tables import PEEK_ROWS, READ_TABLES, read_table
from sciencegen.domains.base import ItemTable, Similarity
from sciencegen.domains.capabilities import Family, Form
from sciencegen.domains.capabilities.moves import Test
from sciencegen.domains.proteins import DOMAIN as PROTEINS
from sciencegen.domains.proteins import files
from sciencegen.domains.proteins.alignment_files import ALIGNMENT_ENDINGS, STOCKHOLM_ENDINGS
from sciencegen.domains.proteins.alignments import Alignment, read_alignment
from sciencegen.domains.proteins.bit_planes import BLOCK, differing, pack
from sciencegen.domains.proteins.coding_dna import ORDERS
from sciencegen.domains.proteins.items import (
    ALPHABET,
    GAP,
    GAP_LETTER,
    MAX_RESIDUES,
    decode_rows,
    encode_rows,
    why_not_residues,
)
from sciencegen.domains.proteins.measured_family import with_measured
from sciencegen.domains.proteins.measured_variants import (
    MUTATIONS,
    WEIGHT,
    mutations,
    variant_context,
    variant_rows,
)
from sciencegen.domains.proteins.metrics import Comparison, evaluate
from sciencegen.domains.proteins.motifs import constraint
from sciencegen.domains.proteins.mutations import MOVES
from sciencegen.domains.proteins.oracles import ORACLES
from sciencegen.domains.proteins.properties import measure
from sciencegen.domains.proteins.regression import REGRESSION
from sciencegen.domains.proteins.sequence_weights import sequence_weights
from sciencegen.domains.proteins.variant_features import VariantFeatures, fit_variant_features
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.items import REFUSED_ROW, Json, Origin, Refusal, Row
from sciencegen.scoring.oracles import Oracle, OracleAround, Score

FORMATS = (*ALIGNMENT_ENDINGS, *(f"{ending}.gz" for ending in ALIGNMENT_ENDINGS), *READ_TABLES)
LETTERS = frozenset(ALPHABET + GAP_LETTER)
ROWS_AT_ONCE = 4096
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


def measure_rows(items: Sequence[str], names: Sequence[str]) -> Float[np.ndarray, "item property"]:
    """Properties of the sequences without gaps."""
    return measure(_plain(items), names)


def fit_plain(items: Sequence[str], reference: Reference | None = None) -> VariantFeatures | None:
    """Features of variants, of the sequences without gaps."""
    return fit_variant_features(_plain(items), reference)


def constraint_on_rows(
    keep: Sequence[str] = (), forbid: Sequence[str] = (), reference: Reference | None = None
) -> Test:
    """Motifs of the sequences without gaps."""
    accepted = constraint(keep, forbid, reference)
    return lambda item: accepted(without_gaps(item))


@dataclass(frozen=True)
class PlainOracle(OracleAround):
    """An oracle of proteins, applied to aligned rows without their gaps."""

    oracle: Oracle

    def score(self, items: Sequence[str]) -> list[Score]:
        return self.oracle.score(_plain(items))


FAMILY = Family(
    context=context,
    variant_rows=variant_rows,
    variant_context=variant_context,
    with_measured=with_measured,
    columns=(WEIGHT, MUTATIONS),
)
DOMAIN = replace(
    PROTEINS,
    name="proteins/aligned",
    items=replace(files.ITEMS, parse=parse, formats=FORMATS, read=read, write=write),
    measure=measure_rows,
    similarity=Similarity(matrix=similarity, nearest=nearest, maximum=1.0),
    oracles=replace(ORACLES, find=lambda name: PlainOracle(ORACLES.find(name))),
    regression=replace(REGRESSION, features=one_hot, fit=fit_plain, splits={}),
    evaluate=partial(evaluate, comparison=Comparison(parse, nearest, similarity, without_gaps)),
    moves=replace(MOVES, constraint=constraint_on_rows),
    orders=replace(ORDERS, cells=lambda row, options: ORDERS.cells(without_gaps(row), options)),
    form=Form(plain=without_gaps, adapt_oracle=PlainOracle, holds=holds_alignment, family=FAMILY),
    forms={},
)
