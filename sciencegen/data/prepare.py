"""Prepare a dataset: from rows to checked and measured items, in constant memory, with a list of all refused rows.

Rows are processed in killable workers; the parent only drops duplicates and writes. The output folder appears when it
is complete: items.parquet (item, its name, properties as float32, the user's columns, tokens, split), rejects.csv and
dataset.json.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.data.prepared import (
    DATASET_FORMAT,
    FIXED_COLUMNS,
    ITEMS,
    REJECTS,
    SUMMARY,
    FirstOccurrences,
    ItemFunctions,
    ItemsWriter,
    PendingRow,
    PreparedChunk,
    PreparedDataset,
    TablePlan,
    check_replaceable,
)
from sciencegen.data.tables import no_numbers
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.data.writers import RejectsWriter, without_reason
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_folder, atomic_write, sha256_of
from sciencegen.items import Row
from sciencegen.records import ledger

# Settings of a dataset's preparation: what is computed for items, how rows are treated, and their origin.


@dataclass(frozen=True)
class PreparationOptions:
    """How rows are treated.

    Parameters
    ----------
    column_names : sequence of str, optional
        Columns of numbers to keep; by default those found in the first rows, except names of properties.
    supplied_names : collection of str
        Properties for which a row's own value, if it has one, replaces the computed one.
    split : str or mapping
        One split, or fractions by name: an item's split depends on its key only. Not used for named streams.
    report_duplicates : bool
        Whether rejects.csv lists duplicates. They are always counted.
    repeats : bool
        Whether rows of equal keys are different observations. All are kept, and their splits depend on the line too.
    processes : int
        Workers; 0 for this process alone.
    chunk, timeout_s : int, float
        Rows that are sent together, and the seconds for them, then for each of its items.
    """

    column_names: Sequence[str] | None = None
    supplied_names: Collection[str] = ()
    split: Mapping[str, float] | str = "train"
    report_duplicates: bool = False
    repeats: bool = False
    processes: int = 2
    chunk: int = 512
    timeout_s: float = 60.0


@dataclass(frozen=True)
class SourceDescription:
    """The rows' origin, as written in dataset.json.

    Parameters
    ----------
    name : str
        Used in messages.
    files : sequence of str or Path
        Their checksums are saved.
    provenance : mapping
        Command, versions and seed.
    context : mapping
        What the items have in common.
    """

    name: str = "the table"
    files: Sequence[str | Path] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)


PEEK_ROWS = 200


def prepare(
    rows: Iterable[Row] | Mapping[str, Iterable[Row]],
    functions: ItemFunctions,
    output: str | Path,
    options: PreparationOptions | None = None,
    source: SourceDescription | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> PreparedDataset:
    """Write a prepared dataset to a folder and open it.

    Parameters
    ----------
    rows : iterable of Row, or mapping
        A stream, or named streams, one for each split. The first of equal items is kept, so a test split never contains
        an item of an earlier split.
    functions : ItemFunctions
        Run in worker processes.
    output : str or Path
        The folder; it appears when it is complete.
    options : PreparationOptions, optional
    source : SourceDescription, optional
    overwrite : bool
        Whether an existing folder is replaced.
    progress : callable, optional
        Called with the number of processed rows.

    Returns
    -------
    PreparedDataset

    Raises
    ------
    ConfigError
        If the folder exists, or fractions or column names are invalid.
    DataError
        If no row is usable, or a requested column has no number.

    Examples
    --------
    >>> import tempfile
    >>> from sciencegen.data.prepare import PreparationOptions, prepare
    >>> from sciencegen.data.prepared import ItemFunctions
    >>> from sciencegen.items import Row
    >>> def lengths(texts):
    ...     return [(text, text, [len(text)], None) if text else "empty" for text in texts]
    >>> here = PreparationOptions(processes=0)
    >>> folder = tempfile.mkdtemp()
    >>> rows = [Row(2, "fig"), Row(3, ""), Row(4, "plum"), Row(5, "fig")]
    >>> dataset = prepare(rows, ItemFunctions(lengths, ["length"]), f"{folder}/words", here)
    >>> list(dataset.items()), dataset.values().ravel().tolist()
    (['fig', 'plum'], [3.0, 4.0])
    >>> dataset.summary["counts"]["refused"], dataset.summary["counts"]["duplicates"]
    (1, 1)
    """
    output, options, source = Path(output), options or PreparationOptions(), source or SourceDescription()
    if output.exists() and not overwrite:
        raise ConfigError(f"Expected a new folder, but {output} exists. Pass `force` to replace it, or another name.")
    check_replaceable(output)
    stream, splits, edges = _streams(rows, options.split)
    peeked = list(islice(stream, PEEK_ROWS))
    properties = tuple(functions.property_names)
    columns = _column_names(options.column_names, peeked, properties)
    supplied = tuple(name for name in properties if name in options.supplied_names)
    plan = TablePlan(properties, columns, splits, edges, options.report_duplicates, supplied, options.repeats)
    run = _Run(plan, chain(peeked, stream), isinstance(rows, Mapping))
    with atomic_folder(output) as folder:
        with RejectsWriter(folder / REJECTS) as rejects, ItemsWriter(folder / ITEMS, plan) as items:
            results = map_chunks_killable(
                functions, run.texts(), processes=options.processes, chunk=options.chunk, timeout_s=options.timeout_s
            )
            for _, texts, result in results:
                run.take(texts, result, items, rejects)
                if progress is not None:
                    progress(run.rows)
        run.check_usable(source.name, rejects)
        summary = run.summary(items, source)
        if options.column_names is not None and (
            empty := [name for name in columns if not summary["columns"][name]["count"]]
        ):
            raise no_numbers(source.name, empty[0], sorted({name for _, row in peeked for name in row.values}))
        with atomic_write(folder / SUMMARY) as handle:
            json.dump(summary, handle, indent=2, ensure_ascii=False)
    return PreparedDataset.load(output)


def _streams(
    rows: Iterable[Row] | Mapping[str, Iterable[Row]], split: Mapping[str, float] | str
) -> tuple[Iterator[tuple[int, Row]], tuple[str, ...], np.ndarray | None]:
    """Rows as one stream of (number of the split, row), the splits' names, and the edges of the fractions."""
    if isinstance(rows, Mapping):
        tagged = chain.from_iterable(((number, row) for row in part) for number, part in enumerate(rows.values()))
        return tagged, tuple(rows), None
    fractions = {split: 1.0} if isinstance(split, str) else dict(split)
    edges = edges_between(fractions)
    return ((0, row) for row in rows), tuple(fractions), edges


def edges_between(fractions: Mapping[str, float]) -> np.ndarray:
    """Cumulative fractions [split - 1]; an error if the fractions of splits don't sum to 1 or are negative."""
    if not math.isclose(sum(fractions.values()), 1.0, abs_tol=1e-6) or min(fractions.values()) < 0:
        raise ConfigError(f"Expected split fractions that sum to 1, got {dict(fractions)}.")
    return np.cumsum(list(fractions.values()))[:-1]


def _column_names(
    wanted: Sequence[str] | None, peeked: Sequence[tuple[int, Row]], properties: Sequence[str]
) -> tuple[str, ...]:
    if wanted is None:
        found = dict.fromkeys(name for _, row in peeked for name in row.values)
        return tuple(name for name in found if name not in {*properties, *FIXED_COLUMNS})
    check_columns(wanted, properties)
    known = dict.fromkeys(name for _, row in peeked for name in row.values)
    classes = {name: [one for one in known if one.startswith(f"{name}:")] for name in wanted if name not in known}
    return tuple(one for name in wanted for one in classes.get(name) or [name])


def check_columns(wanted: Sequence[str], properties: Sequence[str]) -> None:
    """Raise an error if columns have the names of computed ones."""
    if clash := sorted({*properties, *FIXED_COLUMNS}.intersection(wanted)):
        raise ConfigError(f"Expected other names for the columns {clash}: they name computed properties. Rename them.")


class _Run:
    """The rows that are being processed by workers, and the counts."""

    def __init__(self, plan: TablePlan, stream: Iterator[tuple[int, Row]], by_split: bool) -> None:
        self.plan, self.stream, self.by_split = plan, stream, by_split
        self.pending: deque[PendingRow] = deque()
        self.first = FirstOccurrences()
        self.rows = self.refused = self.duplicates = 0

    def texts(self) -> Iterator[str]:
        """The texts to send to the workers; the rest of each row is pending until its result arrives."""
        names = (*self.plan.columns, *self.plan.supplied)
        for number, row in self.stream:
            values = [row.values.get(name, math.nan) for name in names] if names else []
            self.pending.append(PendingRow(number, row.line, row.id, values))
            yield row.text

    def take(
        self, texts: list[str], result: PreparedChunk | Failure, items: ItemsWriter, rejects: RejectsWriter
    ) -> None:
        """Write one chunk's result: new items to the table, refusals to the rejects."""
        rows = [self.pending.popleft() for _ in texts]
        self.rows += len(texts)
        if isinstance(result, Failure):
            return self._refuse(0, rows, texts, result.reason, rejects)
        lines = np.array([rows[i].line for i in result.kept], np.int64)
        earlier = np.full(len(lines), -1) if self.plan.repeats else self.first.first_lines(result.hashes, lines)
        fresh = earlier < 0
        refusals = list(result.refused)
        self.duplicates += int((~fresh).sum())
        if self.plan.report_duplicates:
            again = [(int(i), f"duplicate of line {e}") for i, e in zip(result.kept, earlier, strict=True) if e >= 0]
            refusals = sorted(refusals + again)
            self.refused -= len(again)  # counted as duplicates already
        for position, reason in refusals:
            self._refuse(position, rows, texts, reason, rejects)
        items.add(result, fresh, [rows[i] for i in result.kept[fresh]])
        return None

    def _refuse(
        self, position: int, rows: Sequence[PendingRow], texts: list[str], reason: str, rejects: RejectsWriter
    ) -> None:
        row = rows[position]
        split = f"{self.plan.splits[row.split]}: " if self.by_split else ""  # several sources have equal line numbers
        rejects.add(row.line, without_reason(texts[position], reason), split + reason)
        self.refused += 1

    def check_usable(self, source: str, rejects: RejectsWriter) -> None:
        if self.rows > self.refused + self.duplicates:
            return
        lines: dict[str, list[str]] = {}
        for line, reason in rejects.first:
            lines.setdefault(reason, []).append(str(line))
        first = "; ".join(f"line{'s' * (len(at) > 1)} {', '.join(at)}: {why}" for why, at in lines.items())
        found = f"{self.rows} rows, all refused ({first})" if self.rows else "no row"
        raise DataError(f"Expected at least one usable row in {source}, found {found}. Correct the file.")

    def summary(self, items: ItemsWriter, source: SourceDescription) -> dict[str, Any]:
        described = items.statistics.describe((*self.plan.properties, *self.plan.columns))
        splits = {name: int(count) for name, count in zip(self.plan.splits, items.counts, strict=True)}
        return {
            "format_version": DATASET_FORMAT,
            "source": source.name,
            "source_files": {Path(path).name: sha256_of(path) for path in source.files},
            "counts": {
                "rows": self.rows,
                "usable": sum(splits.values()),
                "refused": self.refused,
                "duplicates": self.duplicates,
                "splits": splits,
            },
            **ledger("rows", self.rows, {**splits, "duplicates": self.duplicates, "refused": self.refused}),
            "statistics_of": self.plan.splits[0],
            "properties": {name: described[name] for name in self.plan.properties},
            "columns": {name: described[name] for name in self.plan.columns},
            "encoded": items.encoded,
            "provenance": dict(source.provenance),
            **({"context": dict(source.context)} if source.context else {}),
        }
