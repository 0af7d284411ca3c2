"""A prepared dataset on disk, read by column and by split."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import numpy as np
from jaxtyping import Int, Shaped, UInt64
from numpy.typing import ArrayLike

from sciencegen.data.damage import reading
from sciencegen.data.statistics import ColumnStatistics
from sciencegen.data.workers import Failure
from sciencegen.data.writers import utf8
from sciencegen.errors import ConfigError, DataError, IncompatibleError, unknown_name
from sciencegen.items import Refusal
from sciencegen.records import Shown
from sciencegen.yaml_text import parse_json

if TYPE_CHECKING:
    import pyarrow as pa


# Texts of a prepared dataset, read as they are asked for: memory doesn't grow with the number of items.

ROWS_AT_ONCE = 4096


class ItemColumn(Sequence[str]):
    """A column of texts of a table in Parquet. Iteration and `take` read the file from its first row on that is needed.

    Parameters
    ----------
    path : Path
    name : str
        Of the column.
    rows : [item]
        The rows of the table that hold the items, in ascending order.

    Raises
    ------
    DataError
        If the column holds no texts; while it is read, if the file is damaged.
    """

    def __init__(self, path: Path, name: str, rows: Int[np.ndarray, " item"]) -> None:
        import pyarrow.parquet as pq

        self.path, self.name, self.rows = path, name, rows
        with self._reading():
            kind = pq.read_schema(path).field(name).type
            if str(kind) != "string":
                raise TypeError(f"the column '{name}' is {kind}, not texts")

    def _reading(self) -> AbstractContextManager[None]:
        return reading("the items of a prepared dataset", self.path)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        chosen = range(len(self))[index]
        return self.take(chosen) if isinstance(chosen, range) else self.take([chosen])[0]

    def __iter__(self) -> Iterator[str]:
        return self._texts(self.rows)

    def take(self, indices: Sequence[int] | Int[np.ndarray, " index"]) -> list[str]:
        """The texts at these indices, in one pass over the file."""
        rows, place = np.unique(self.rows[np.asarray(indices, np.int64)], return_inverse=True)
        found = list(self._texts(rows))
        return [found[at] for at in place]

    def at(self, indices: Int[np.ndarray, " index"]) -> ItemColumn:
        """The column of these items only. indices: in ascending order."""
        return ItemColumn(self.path, self.name, self.rows[indices])

    def _texts(self, rows: Int[np.ndarray, " row"]) -> Iterator[str]:
        """The texts in these rows of the table, which are in ascending order."""
        import pyarrow as pa

        with self._reading():
            for start, column in self._blocks(rows):
                first, last = np.searchsorted(rows, [start, start + len(column)])
                chosen = column.take(pa.array(rows[first:last] - start))
                if chosen.null_count:
                    raise TypeError(f"the column '{self.name}' has empty cells")
                yield from chosen.to_pylist()

    def _blocks(self, rows: Int[np.ndarray, " row"]) -> Iterator[tuple[int, pa.Array]]:
        """First row and cells of consecutive parts of the column, up to the last of these rows, without groups that
        hold none of them."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            ends = np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
            for group in np.unique(np.searchsorted(ends, rows, side="right")).tolist():
                start = int(ends[group - 1]) if group else 0
                for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=[self.name]):
                    yield start, batch.column(0)
                    start += batch.num_rows
                    if start > rows[-1]:
                        return


# Arrays of many items in one block, which lies in a file if it is large: an array object for each item takes more
# memory than the numbers of a short row.

MOST_HELD = 1 << 26
"""Bytes of a block in memory; a larger one is a file without a name, of which the system reads pages as needed."""

Encoded = TypeVar("Encoded")


class PackedArrays(Sequence[np.ndarray]):
    """Arrays [length ...] of one type, equal in all but their lengths.

    Parameters
    ----------
    flat : [position ...]
        The arrays one after the other.
    offsets : [item + 1]
        Array i is flat[offsets[i] : offsets[i + 1]].
    """

    def __init__(self, flat: Shaped[np.ndarray, "position ..."], offsets: Int[np.ndarray, " edge"]) -> None:
        self.flat, self.offsets = flat, offsets

    @property
    def lengths(self) -> Int[np.ndarray, " item"]:
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(index, slice):
            return [self[at] for at in range(len(self))[index]]
        at = range(len(self))[index]
        return self.flat[self.offsets[at] : self.offsets[at + 1]]


def pack(items: Iterable[Encoded], folder: Path | None = None) -> Sequence[Encoded] | PackedArrays:
    """The items as `PackedArrays` if they are arrays of one kind, else as a list.

    Parameters
    ----------
    items : iterable
        They are taken one by one.
    folder : Path, optional
        Where a large block is written, to a file without a name; by default the system's folder of temporary files.

    Examples
    --------
    >>> rows = pack(np.arange(length) for length in (2, 3))
    >>> len(rows), rows[1], rows.lengths
    (2, array([0, 1, 2]), array([2, 3]))
    >>> pack(["a", "b"])
    ['a', 'b']
    """
    remaining = iter(items)
    first = next(remaining, None)
    if first is None:
        return []
    if not (isinstance(first, np.ndarray) and first.ndim and first.dtype.kind in "biuf"):
        return [first, *remaining]
    lengths = array("q", [0])
    with SpooledTemporaryFile(MOST_HELD, dir=None if folder is None else str(folder)) as file:
        other = _write(file, chain([first], remaining), first, lengths)
        arrays = PackedArrays(_block(file, first), np.cumsum(np.frombuffer(lengths, np.int64)))
    return arrays if other is None else [*arrays, other, *remaining]


def _write(file: SpooledTemporaryFile, items: Iterator[Encoded], first: np.ndarray, lengths: array) -> Encoded | None:
    """Write arrays until one is of another kind than the first; return that one."""
    for item in items:
        if not isinstance(item, np.ndarray) or (item.dtype, item.shape[1:]) != (first.dtype, first.shape[1:]):
            return item
        file.write(item.tobytes())
        lengths.append(len(item))
    return None


def _block(file: SpooledTemporaryFile, first: np.ndarray) -> Shaped[np.ndarray, "position ..."]:
    """The content of the file. Changes of a large one stay in memory."""
    size = file.tell()
    file.seek(0)
    if size > MOST_HELD:
        flat = np.asarray(np.memmap(file, first.dtype, mode="c", shape=(size // first.itemsize,)))
    else:
        flat = np.frombuffer(bytearray(file.read()), first.dtype)
    return flat.reshape(-1, *first.shape[1:])


# First occurrences of keys, with 16 bytes per key: a growing set of 64-bit hashes in sorted arrays.

Hashes = UInt64[np.ndarray, " key"]


def hash_keys(keys: Sequence[str]) -> Hashes:
    """64-bit hashes. Two of n different keys collide with probability n^2 / 2^65: 7e-8 for 1.6 million.

    Examples
    --------
    >>> one, other, again = hash_keys(["CCO", "CCN", "CCO"])
    >>> bool(one == again), bool(one == other)
    (True, False)
    """
    digests = b"".join(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, dtype="<u8")


def mixed(hashes: Hashes, lines: Int[np.ndarray, " key"]) -> Hashes:
    """Hashes of (key, line): those of equal keys differ, and are spread evenly. The last steps of splitmix64 (Steele
    et al. 2014).

    Examples
    --------
    >>> one, other = mixed(hash_keys(["a", "a"]), np.array([1, 2]))
    >>> bool(one == other)
    False
    """
    with np.errstate(over="ignore"):
        mix = hashes + lines.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mix = (mix ^ (mix >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mix = (mix ^ (mix >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mix ^ (mix >> np.uint64(31))


class FirstOccurrences:
    """The line on which each hash occurred first, in sorted arrays that double in size, so there are only log2(n).

    Examples
    --------
    >>> first = FirstOccurrences()
    >>> first.first_lines(hash_keys(["a", "b", "a"]), np.array([0, 1, 2]))
    array([-1, -1,  0])
    >>> first.first_lines(hash_keys(["b", "c"]), np.array([3, 4]))
    array([ 1, -1])
    """

    def __init__(self) -> None:
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []

    def first_lines(self, hashes: Hashes, lines: Int[np.ndarray, " key"]) -> Int[np.ndarray, " key"]:
        """Line of an earlier equal hash, or -1 for a new one; new hashes are added."""
        found = np.full(len(hashes), -1, dtype=np.int64)
        if not len(hashes):
            return found
        for run, run_lines in self._runs:
            place = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            match = run[place] == hashes
            found[match] = run_lines[place[match]]
        # Within this batch, a stable sort puts the first occurrence before equal hashes.
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        leader = np.repeat(order[starts], np.diff(np.r_[starts, len(order)]))
        repeated = (leader != order) & (found[order] < 0)
        new = order[starts][found[order[starts]] < 0]
        found[order[repeated]] = lines[leader[repeated]]
        self._add(hashes[new], lines[new])
        return found

    def _add(self, hashes: np.ndarray, lines: np.ndarray) -> None:
        if not len(hashes):
            return
        order = np.argsort(hashes)
        self._runs.append((hashes[order], lines[order].astype(np.int64)))
        while len(self._runs) > 1 and len(self._runs[-2][0]) < 2 * len(self._runs[-1][0]):
            (first, first_lines), (second, second_lines) = self._runs.pop(), self._runs.pop()
            joined, joined_lines = np.concatenate([first, second]), np.concatenate([first_lines, second_lines])
            order = np.argsort(joined, kind="stable")
            self._runs.append((joined[order], joined_lines[order]))


# The work on one chunk of texts when a dataset is prepared, and the compact record that a worker returns.

ParseAndMeasure = Callable[[list[str]], Sequence[Any]]
"""Texts -> for each (text, key, values, encoded or None), or a reason: a string or a record with `reason`."""
Encode = Callable[[list[str]], Sequence[Any]]
"""Texts -> for each one row of whole numbers, or a reason."""


@dataclass(frozen=True)
class PreparedChunk:
    """Columns instead of objects, so that the parent process has little work per row.

    kept: positions in the chunk. values: [kept property]. tokens: all sequences concatenated; lengths: of each.
    refused: (position, reason).
    """

    kept: np.ndarray
    texts: list[str]
    hashes: np.ndarray
    values: np.ndarray
    tokens: np.ndarray
    lengths: np.ndarray
    refused: list[tuple[int, str]]


@dataclass(frozen=True)
class ItemFunctions:
    """The functions of texts that run in worker processes; both must be picklable. Called with texts.

    Parameters
    ----------
    parse_and_measure : callable
        Texts -> for each (text, key, values, encoded or None), or a reason: a string or a record with `reason`.
    property_names : sequence of str
        Names of the values.
    encode : callable, optional
        Texts of the accepted items -> whole numbers of each, or a reason.
    """

    parse_and_measure: ParseAndMeasure
    property_names: Sequence[str] = ()
    encode: Encode | None = None

    def __call__(self, texts: list[str]) -> PreparedChunk:
        found = self.parse_and_measure(texts)
        if len(found) != len(texts):
            raise ValueError(f"expected {len(texts)} results from parse_and_measure, got {len(found)}")
        refused = [(i, reason_of(one)) for i, one in enumerate(found) if not isinstance(one, tuple)]
        kept = [(i, *one) for i, one in enumerate(found) if isinstance(one, tuple)]
        if self.encode is not None and kept:
            kept, unencoded = self._encode(kept)
            refused = sorted(refused + unencoded)
        return self._columns(kept, refused)

    def _encode(self, kept: list[tuple]) -> tuple[list[tuple], list[tuple[int, str]]]:
        assert self.encode is not None
        encoded = self.encode([text for _, text, *_ in kept])
        good, unencoded = [], []
        for (position, text, key, values, _), tokens in zip(kept, encoded, strict=True):
            if isinstance(tokens, (str, Refusal, Failure)):
                unencoded.append((position, f"can't be encoded: {reason_of(tokens)}"))
            else:
                good.append((position, text, key, values, tokens))
        return good, unencoded

    def _columns(self, kept: list[tuple], refused: list[tuple[int, str]]) -> PreparedChunk:
        positions = np.array([row[0] for row in kept], np.int32)
        values = np.full((len(kept), len(self.property_names)), np.nan, np.float32)
        sequences = []
        for index, (_, _, _, measured, tokens) in enumerate(kept):
            values[index] = measured
            sequences.append(_as_int16(tokens))
        lengths = np.array([-1 if one is None else len(one) for one in sequences], np.int32)
        if (lengths < 0).any() and (lengths >= 0).any():
            raise ValueError("expected every item of a chunk encoded, or none")
        present = [one for one in sequences if one is not None]
        tokens = np.concatenate(present) if present else np.empty(0, np.int16)
        hashes = hash_keys([row[2] for row in kept])
        return PreparedChunk(positions, [row[1] for row in kept], hashes, values, tokens, lengths, refused)


def reason_of(refusal: str | Refusal | Failure) -> str:
    """The text of a refusal: a string itself, or the `reason` of a record."""
    return refusal if isinstance(refusal, str) else refusal.reason


def _as_int16(values: ArrayLike | None) -> Int[np.ndarray, " token"] | None:
    if values is None:
        return None
    tokens = np.asarray(values)
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu" or (tokens.size and np.abs(tokens).max() > 32767):
        raise ValueError(
            f"expected one row of whole numbers below 32768, got shape {tokens.shape}, type {tokens.dtype}"
        )
    return tokens.astype(np.int16)


# Writing items.parquet: one row group after the other, splits by key, and statistics of the first split.

ROWS_PER_GROUP, BYTES_PER_GROUP = 65_536, 1 << 26
"""Rows, or bytes of larger items such as images, that are held in memory until they are written."""
NAME = "name"
"""The column of the names that a file gives to its items; empty if it gives none."""


@dataclass(frozen=True)
class TablePlan:
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

    def __init__(self, path: Path, plan: TablePlan) -> None:
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


DATASET_FORMAT = 1
ITEMS, REJECTS, SUMMARY = "items.parquet", "rejects.csv", "dataset.json"
FIXED_COLUMNS = ("item", NAME, "split", "tokens")


def check_replaceable(path: Path) -> None:
    """Raise an error for a folder that holds anything but prepared data: it would be deleted with the folder."""
    if not path.is_dir():
        return
    if Path.cwd().is_relative_to(path.resolve()):
        raise ConfigError(f"Expected another folder than the current one or one above it, got {path}. Name a new one.")
    own = {ITEMS, REJECTS, SUMMARY, ".DS_Store", ".snakemake_timestamp"}
    foreign = sorted(one.name for one in path.iterdir() if one.name not in own and not one.name.endswith(".tmp"))
    if foreign:
        raise ConfigError(
            f"Expected a new folder, or one of prepared data to replace, {path} holds something else: "
            f"{', '.join(foreign[:3])}. Pass another `output`."
        )


class PreparedDataset(Shown):
    """items.parquet, rejects.csv and dataset.json in one folder; data are read on access.

    limit: only this many items of each split, the first ones, are used.
    """

    SHOWN = "path", "summary"

    def __init__(self, path: Path, summary: Mapping[str, Any], limit: int | None = None) -> None:
        self.path, self.summary, self.limit = path, summary, limit

    @classmethod
    def load(cls, path: str | Path, limit: int | None = None) -> PreparedDataset:
        path = Path(path)
        if not (path / SUMMARY).exists() or not (path / ITEMS).exists():
            raise DataError(
                f"Expected a prepared dataset ({SUMMARY}, {ITEMS}) in {path}, found none. "
                "Make one with `sciencegen datasets prepare`."
            )
        return cls(path, _read_summary(path), limit)

    def __len__(self) -> int:
        return self.count()

    @property
    def property_names(self) -> tuple[str, ...]:
        """Every column of numbers: the computed properties, then the user's own columns."""
        return (*self.summary["properties"], *self.summary["columns"])

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.summary["counts"]["splits"])

    @property
    def encoded(self) -> bool:
        return bool(self.summary["encoded"])

    @property
    def items_path(self) -> Path:
        return self.path / ITEMS

    @property
    def rejects_path(self) -> Path:
        return self.path / REJECTS

    def count(self, split: str | None = None) -> int:
        counts = self.summary["counts"]["splits"]
        counts_used = counts.values() if split is None else [counts.get(split, 0)]
        return sum(counts_used if self.limit is None else (min(count, self.limit) for count in counts_used))

    def items(self, split: str | None = None) -> ItemColumn:
        """The texts of a split (all of them for None), in the order of the source."""
        return self._texts("item", split)

    def names(self, split: str | None = None, rows: Int[np.ndarray, " row"] | None = None) -> Sequence[str]:
        """The names of a split's items in the source, "" for items without a name. All are "" in data prepared by
        versions that did not save names. rows: places of some of the items in the split."""
        import pyarrow.parquet as pq

        with self._reading():
            named = NAME in pq.read_schema(self.items_path).names
        if not named:
            return [""] * (self.count(split) if rows is None else len(rows))
        column = self._texts(NAME, split)
        return column if rows is None else column.take(rows)

    def _texts(self, name: str, split: str | None) -> ItemColumn:
        return ItemColumn(self.items_path, name, self._rows(split))

    def values(self, split: str | None = None, names: Sequence[str] | None = None) -> np.ndarray:
        """[item property] float32, NaN = missing; `names` picks and orders the columns (default `property_names`)."""
        names = self.property_names if names is None else tuple(names)
        for name in names:
            if name not in self.property_names:
                raise unknown_name("property", name, self.property_names)
        rows = self._rows(split)
        values = np.empty((len(rows), len(names)), np.float32)
        for index, name in enumerate(names):  # one column at a time: half the memory of a whole table
            column = self._column(name, rows)
            with self._reading():
                values[:, index] = column.to_numpy()
        return values

    def tokens(self, split: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(flat int16, offsets int64): item i is flat[offsets[i] : offsets[i + 1]]."""
        if not self.encoded:
            raise DataError(f"Expected encoded items in {self.path}, found none: prepare it with an encoding.")
        column = self._column("tokens", self._rows(split))
        with self._reading():
            return _joined(column.chunks)

    def _reading(self) -> AbstractContextManager[None]:
        return reading("the items of a prepared dataset", self.items_path)

    def _column(self, name: str, rows: Int[np.ndarray, " row"]) -> pa.ChunkedArray:
        import pyarrow.parquet as pq

        with self._reading():
            column = pq.read_table(self.items_path, columns=[name])[name]
            return column if len(rows) == len(column) else column.take(rows)

    def _rows(self, split: str | None) -> Int[np.ndarray, " row"]:
        """The rows of the table that are used, of a split or of all, in ascending order."""
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        if split is not None and split not in self.splits:
            raise unknown_name("split", split, self.splits)
        with self._reading():
            owner = pq.read_table(self.items_path, columns=["split"])["split"].cast(pa.string())
            parts = [np.flatnonzero(pc.equal(owner, one).to_numpy()) for one in ([split] if split else self.splits)]
            rows = np.sort(np.concatenate([part[: self.limit] for part in parts]))
            if len(rows) != self.count(split):
                raise ValueError(f"{len(rows)} rows, where {SUMMARY} counts {self.count(split)}")
            return rows


def _joined(chunks: Sequence[pa.ListArray]) -> tuple[np.ndarray, np.ndarray]:
    """The values of lists, and the offset of each list in them."""
    flat = [chunk.flatten().to_numpy() for chunk in chunks]
    lengths = [np.diff(chunk.offsets.to_numpy()) for chunk in chunks]
    offsets = np.concatenate([[0], *[np.cumsum(one, dtype=np.int64) for one in lengths]])
    starts = np.cumsum([0, *map(len, flat)])
    position = 1
    for start, one in zip(starts, lengths, strict=False):
        offsets[position : position + len(one)] += start
        position += len(one)
    return (np.concatenate(flat) if flat else np.empty(0, np.int16)), offsets.astype(np.int64)


def _read_summary(path: Path) -> dict[str, Any]:
    """The summary of a prepared folder; an error for another file, and for counts or columns of another kind."""
    try:
        summary = parse_json((path / SUMMARY).read_text(encoding="utf-8"))
        version = summary["format_version"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise IncompatibleError(f"Expected a dataset summary in {path / SUMMARY}, found something else.") from error
    if not isinstance(version, int):
        raise IncompatibleError(f"Expected a format version in {path / SUMMARY}, found {version!r}.")
    if version > DATASET_FORMAT:
        raise IncompatibleError(
            f"Expected dataset format {DATASET_FORMAT} or older in {path}, found {version}: upgrade sciencegen."
        )
    with reading("a dataset summary, as `sciencegen datasets prepare` writes it,", path / SUMMARY):
        counts = summary["counts"]
        numbers = {**counts["splits"], **{name: counts[name] for name in ("rows", "usable", "refused", "duplicates")}}
        for name, count in numbers.items():
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise ValueError(f"the count '{name}' is {count!r}")
        for part in ("properties", "columns"):
            if not isinstance(summary[part], dict) or not all(isinstance(one, dict) for one in summary[part].values()):
                raise ValueError(f"'{part}' is no mapping of statistics by name")
        if not isinstance(summary["encoded"], bool):
            raise ValueError(f"'encoded' is {summary['encoded']!r}")
        if not isinstance(summary.get("context") or {}, dict):
            raise ValueError("'context' is no mapping")
    return summary
