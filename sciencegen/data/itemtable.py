"""items.parquet while it is written: one row group after the other, splits by key, statistics of the first split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sciencegen.data.chunks import PreparedChunk
from sciencegen.data.statistics import ColumnStatistics

ROWS_PER_GROUP = 65_536
NAME = "name"
"""The column of what a file calls its items; empty where it doesn't."""


@dataclass(frozen=True)
class Plan:
    """What stays the same for all rows. splits: names in order; edges: cumulative fractions, None if given by row.
    given: properties of which a row's own value takes the place of the computed one."""

    properties: tuple[str, ...]
    columns: tuple[str, ...]
    splits: tuple[str, ...]
    edges: np.ndarray | None
    report_duplicates: bool
    given: tuple[str, ...] = ()


class Known(NamedTuple):
    """What the parent keeps of a row while its text is at work. split: the number of its stream. values: columns, then
    `given`."""

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
        self._buffered = 0

    def __enter__(self) -> ItemsWriter:
        return self

    def __exit__(self, kind, *error) -> None:
        if kind is None:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(self, chunk: PreparedChunk, fresh: np.ndarray, known: list[Known]) -> None:
        """Append the fresh items of a chunk; `known` is of their rows."""
        if not known:
            return
        own = np.array([row.values for row in known], np.float32).reshape(len(known), -1)
        columns = len(self.plan.columns)
        values = np.concatenate([chunk.values[fresh], own[:, :columns]], 1)
        for name, cells in zip(self.plan.given, own[:, columns:].T, strict=True):
            place = self.plan.properties.index(name)
            values[:, place] = np.where(np.isnan(cells), values[:, place], cells)
        split = self._split(chunk.hashes[fresh], [row.split for row in known])
        self.statistics = self.statistics.add(values[split == 0])
        self.counts += np.bincount(split, minlength=len(self.counts))
        self._buffer.append(self._batch(chunk, fresh, [row.name for row in known], values, split))
        self._buffered += len(known)
        if self._buffered >= ROWS_PER_GROUP:
            self._flush()

    def _split(self, hashes: np.ndarray, numbers: list[int]) -> np.ndarray:
        """Given by the row's stream, or drawn from the key: an item is in one split whatever the order or the file."""
        if self.plan.edges is None:
            return np.array(numbers, np.int8)
        return np.searchsorted(self.plan.edges, hashes / 2.0**64, side="right").astype(np.int8)

    def _batch(self, chunk: PreparedChunk, fresh: np.ndarray, names: list[str], values: np.ndarray, split: np.ndarray):
        import pyarrow as pa

        texts = chunk.texts if fresh.all() else [text for text, new in zip(chunk.texts, fresh, strict=True) if new]
        columns = {"item": pa.array(texts, pa.string()), NAME: pa.array(names, pa.string())}
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
        self._buffer, self._buffered = [], 0
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd")
        self._writer.write_table(table)
