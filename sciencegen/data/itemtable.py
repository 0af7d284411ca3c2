"""Writing items.parquet: one row group after the other, splits by key, and statistics of the first split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sciencegen.data.chunks import PreparedChunk
from sciencegen.data.deduplication import mixed
from sciencegen.data.statistics import ColumnStatistics
from sciencegen.data.writers import utf8

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP, BYTES_PER_GROUP = 65_536, 1 << 26
"""Rows, or bytes of larger items such as images, that are held in memory until they are written."""
NAME = "name"
"""The column of the names that a file gives to its items; empty if it gives none."""


@dataclass(frozen=True)
class Plan:
    """Settings that are the same for all rows.

    Parameters
    ----------
    properties, columns : tuple of str
        Computed properties, and columns of numbers in the rows.
    splits : tuple of str
        Names in order.
    edges : array [split - 1], optional
        Cumulative fractions; None if each row has its split.
    report_duplicates : bool
    supplied : tuple of str
        Properties for which a row's own value replaces the computed one.
    repeats : bool
        Whether rows of equal keys are kept.
    """

    properties: tuple[str, ...]
    columns: tuple[str, ...]
    splits: tuple[str, ...]
    edges: np.ndarray | None
    report_duplicates: bool
    supplied: tuple[str, ...] = ()
    repeats: bool = False


class PendingRow(NamedTuple):
    """The parts of a row that the parent process keeps while a worker processes the text. split: number of its stream.
    values: of the plan's columns, then of its supplied properties."""

    split: int
    line: int
    name: str
    values: list[float]


class ItemsWriter:
    """items.parquet, one row group after the other, and the statistics of the first split."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self.statistics = ColumnStatistics.empty(len(plan.properties) + len(plan.columns))
        self.counts = np.zeros(len(plan.splits), np.int64)
        self.encoded = False
        self._writer: Any = None
        self._buffer: list[Any] = []
        self._buffered = self._bytes = 0

    def __enter__(self) -> ItemsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(self, chunk: PreparedChunk, fresh: np.ndarray, rows: list[PendingRow]) -> None:
        """Append the fresh items of a chunk; `rows` are those of the fresh items."""
        if not rows:
            return
        own = np.array([row.values for row in rows], np.float32).reshape(len(rows), -1)
        columns = len(self.plan.columns)
        values = np.concatenate([chunk.values[fresh], own[:, :columns]], 1)
        for name, cells in zip(self.plan.supplied, own[:, columns:].T, strict=True):
            place = self.plan.properties.index(name)
            values[:, place] = np.where(np.isnan(cells), values[:, place], cells)
        hashes = chunk.hashes[fresh]
        if self.plan.repeats:
            hashes = mixed(hashes, np.array([row.line for row in rows]))
        split = self._split(hashes, [row.split for row in rows])
        self.statistics = self.statistics.add(values[split == 0])
        self.counts += np.bincount(split, minlength=len(self.counts))
        batch = self._batch(chunk, fresh, [row.name for row in rows], values, split)
        self._buffer.append(batch)
        self._buffered, self._bytes = self._buffered + len(rows), self._bytes + batch.nbytes
        if self._buffered >= ROWS_PER_GROUP or self._bytes >= BYTES_PER_GROUP:
            self._flush()

    def _split(self, hashes: np.ndarray, numbers: list[int]) -> np.ndarray:
        """The stream's split, or one derived from the key's hash, which does not depend on the order or the file."""
        if self.plan.edges is None:
            return np.array(numbers, np.int8)
        return np.searchsorted(self.plan.edges, hashes / 2.0**64, side="right").astype(np.int8)

    def _batch(
        self, chunk: PreparedChunk, fresh: np.ndarray, names: list[str], values: np.ndarray, split: np.ndarray
    ) -> pa.Table:
        import pyarrow as pa

        texts = chunk.texts if fresh.all() else [text for text, new in zip(chunk.texts, fresh, strict=True) if new]
        columns = {"item": pa.array(texts, pa.string()), NAME: pa.array(map(utf8, names), pa.string())}
        for index, name in enumerate((*self.plan.properties, *self.plan.columns)):
            columns[name] = pa.array(values[:, index])
        lengths = chunk.lengths
        if (lengths >= 0).all():
            self.encoded = True
            offsets = pa.array(np.r_[0, np.cumsum(lengths)].astype(np.int32))
            columns["tokens"] = pa.ListArray.from_arrays(offsets, pa.array(chunk.tokens)).filter(pa.array(fresh))
        columns["split"] = pa.DictionaryArray.from_arrays(pa.array(split), pa.array(self.plan.splits))
        return pa.table(columns)

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._buffer:
            return
        table = pa.concat_tables(self._buffer)
        self._buffer, self._buffered, self._bytes = [], 0, 0
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd")
        self._writer.write_table(table)
