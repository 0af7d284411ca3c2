"""Prepare a dataset: rows in, checked and measured items out, in flat memory and with every refusal listed.

Rows stream through killable workers; the parent only drops duplicates and writes. The output folder appears whole:
items.parquet (item, its name, properties as float32, the user's columns, tokens, split), rejects.csv, dataset.json.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.data.chunks import ParseAndMeasure, PrepareChunk, PreparedChunk
from sciencegen.data.deduplication import FirstOccurrences
from sciencegen.data.itemtable import ItemsWriter, Known, Plan
from sciencegen.data.prepared import DATASET_FORMAT, FIXED_COLUMNS, ITEMS, REJECTS, SUMMARY, PreparedDataset
from sciencegen.data.tables import no_numbers
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.data.writers import RejectsWriter
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_folder, atomic_write, sha256_of
from sciencegen.items import Row

PEEK_ROWS = 200


def prepare(
    rows: Iterable[Row] | Mapping[str, Iterable[Row]],
    parse_and_measure: ParseAndMeasure,
    output: str | Path,
    *,
    property_names: Sequence[str],
    given_names: Collection[str] = (),
    column_names: Sequence[str] | None = None,
    encode: Callable[[list[str]], list[Any]] | None = None,
    split: Mapping[str, float] | str = "train",
    processes: int = 2,
    chunk: int = 512,
    timeout_s: float = 60.0,
    initializer: Callable[[], None] | None = None,
    report_duplicates: bool = False,
    source: str = "the table",
    source_files: Sequence[str | Path] = (),
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
    context: Mapping[str, Any] | None = None,
) -> PreparedDataset:
    """Write a prepared dataset to the folder `output` and open it.

    rows: a stream (then `split` says where each item goes: one name, or fractions by name, drawn from the item's own
      key), or named streams, one for each split. The first of two equal items stays, so a test split never holds an
      item of a split before it.
    parse_and_measure: texts to (text, key, values, encoded or None) each, or why not; runs in the workers.
    given_names: properties of which a row's own value, where it has one, takes the place of the computed one.
    encode: texts of the accepted items to whole numbers each, or why not; runs in the workers too.
    column_names: which numbers of the rows to keep; None takes those of the first rows, except names of properties.
    report_duplicates: list them in rejects.csv too (they are always counted).
    progress: called with the number of rows done. context: what the items have in common, kept in dataset.json.
    """
    output = Path(output)
    if output.exists() and not overwrite:
        raise ConfigError(f"Expected a new folder, but {output} exists. Pass --force to replace it, or another name.")
    stream, splits, edges = _streams(rows, split)
    peeked = list(islice(stream, PEEK_ROWS))
    columns = _column_names(column_names, peeked, property_names)
    given = tuple(name for name in property_names if name in given_names)
    plan = Plan(tuple(property_names), columns, splits, edges, report_duplicates, given)
    run = _Run(plan, chain(peeked, stream), isinstance(rows, Mapping))
    worker = PrepareChunk(parse_and_measure, encode, len(plan.properties))
    with atomic_folder(output) as folder:
        chunks = map_chunks_killable(
            worker, run.texts(), processes=processes, chunk=chunk, timeout_s=timeout_s, initializer=initializer
        )
        with RejectsWriter(folder / REJECTS) as rejects, ItemsWriter(folder / ITEMS, plan) as items:
            for _, texts, result in chunks:
                run.take(texts, result, items, rejects)
                if progress is not None:
                    progress(run.rows)
        run.check_usable(source, rejects)
        summary = run.summary(items, source, source_files, provenance)
        _check_found(column_names or (), summary["columns"], source, peeked)
        summary |= {"context": dict(context)} if context else {}
        with atomic_write(folder / SUMMARY) as handle:
            json.dump(summary, handle, indent=2, ensure_ascii=False)
    return PreparedDataset.load(output)


def _streams(rows, split: Mapping[str, float] | str) -> tuple[Iterator[tuple[int, Row]], tuple[str, ...], Any]:
    """Rows as one stream of (number of the split, row), the splits' names, and the edges of the fractions."""
    if isinstance(rows, Mapping):
        tagged = chain.from_iterable(((number, row) for row in part) for number, part in enumerate(rows.values()))
        return tagged, tuple(rows), None
    fractions = {split: 1.0} if isinstance(split, str) else dict(split)
    check_fractions(fractions)
    return ((0, row) for row in rows), tuple(fractions), np.cumsum(list(fractions.values()))[:-1]


def check_fractions(fractions: Mapping[str, float]) -> None:
    if not math.isclose(sum(fractions.values()), 1.0, abs_tol=1e-6) or min(fractions.values()) < 0:
        raise ConfigError(f"Expected split fractions that sum to 1, got {dict(fractions)}.")


def _column_names(wanted, peeked: Sequence[tuple[int, Row]], properties: Sequence[str]) -> tuple[str, ...]:
    if wanted is None:
        found = dict.fromkeys(name for _, row in peeked for name in row.values)
        return tuple(name for name in found if name not in {*properties, *FIXED_COLUMNS})
    check_columns(wanted, properties)
    return tuple(wanted)


def check_columns(wanted: Sequence[str], properties: Sequence[str]) -> None:
    """An error for columns that would stand beside computed ones of the same name."""
    if clash := sorted({*properties, *FIXED_COLUMNS}.intersection(wanted)):
        raise ConfigError(f"Expected other names for the columns {clash}: they name computed properties. Rename them.")


def _check_found(
    wanted: Sequence[str], columns: Mapping[str, Any], source: str, peeked: Sequence[tuple[int, Row]]
) -> None:
    """An error for a column that was asked for and has no number in any row."""
    found = sorted({name for _, row in peeked for name in row.values})
    for name in wanted:
        if not columns[name]["count"]:
            raise no_numbers(source, name, found)


class _Run:
    """What is known of the rows that are at work, and the counts."""

    def __init__(self, plan: Plan, stream: Iterator[tuple[int, Row]], by_split: bool) -> None:
        self.plan, self.stream, self.by_split = plan, stream, by_split
        self.pending: deque[Known] = deque()
        self.seen = FirstOccurrences()
        self.rows = self.refused = self.duplicates = 0

    def texts(self) -> Iterator[str]:
        """The texts to send to the workers; the rest of each row waits here for its result."""
        kept = (*self.plan.columns, *self.plan.given)
        for number, row in self.stream:
            values = [row.values.get(name, math.nan) for name in kept] if kept else []
            self.pending.append(Known(number, row.line, row.id, values))
            yield row.text

    def take(
        self, texts: list[str], result: PreparedChunk | Failure, items: ItemsWriter, rejects: RejectsWriter
    ) -> None:
        """Write one chunk's result: new items to the table, refusals to the rejects."""
        known = [self.pending.popleft() for _ in texts]
        self.rows += len(texts)
        if isinstance(result, Failure):
            return self._refuse(0, known, texts, result.reason, rejects)
        lines = np.array([known[i].line for i in result.kept], np.int64)
        earlier = self.seen.first_lines(result.hashes, lines)
        fresh = earlier < 0
        refusals = list(result.refused)
        self.duplicates += int((~fresh).sum())
        if self.plan.report_duplicates:
            again = [(int(i), f"duplicate of line {e}") for i, e in zip(result.kept, earlier, strict=True) if e >= 0]
            refusals = sorted(refusals + again)
            self.refused -= len(again)  # counted as duplicates already
        for position, reason in refusals:
            self._refuse(position, known, texts, reason, rejects)
        items.add(result, fresh, [known[i] for i in result.kept[fresh]])
        return None

    def _refuse(self, position: int, known, texts: list[str], reason: str, rejects: RejectsWriter) -> None:
        row = known[position]
        where = f"{self.plan.splits[row.split]}: " if self.by_split else ""  # line numbers repeat over several sources
        text = texts[position]
        if text.endswith(tail := f": {reason}"):  # what a domain knew before it came here: `# name: reason`
            text = text.removesuffix(tail).removeprefix("# ")
        rejects.add(row.line, text, where + reason)
        self.refused += 1

    def check_usable(self, source: str, rejects: RejectsWriter) -> None:
        if self.rows > self.refused + self.duplicates:
            return
        first = "; ".join(f"line {line}: {reason}" for line, reason in rejects.first)
        found = f"{self.rows} rows, all refused ({first})" if self.rows else "no row"
        raise DataError(f"Expected at least one usable row in {source}, found {found}.")

    def summary(self, items: ItemsWriter, source: str, files: Sequence[str | Path], provenance) -> dict[str, Any]:
        described = items.statistics.describe((*self.plan.properties, *self.plan.columns))
        splits = {name: int(count) for name, count in zip(self.plan.splits, items.counts, strict=True)}
        return {
            "format_version": DATASET_FORMAT,
            "source": source,
            "source_files": {Path(path).name: sha256_of(path) for path in files},
            "counts": {
                "rows": self.rows,
                "usable": sum(splits.values()),
                "refused": self.refused,
                "duplicates": self.duplicates,
                "splits": splits,
            },
            "statistics_of": self.plan.splits[0],
            "properties": {name: described[name] for name in self.plan.properties},
            "columns": {name: described[name] for name in self.plan.columns},
            "encoded": items.encoded,
            "provenance": dict(provenance or {}),
        }
