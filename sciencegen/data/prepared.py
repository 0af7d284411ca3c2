"""A prepared dataset on disk, read by column and by split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from jaxtyping import Int

from sciencegen.data.damage import reading
from sciencegen.data.itemtable import NAME
from sciencegen.errors import DataError, IncompatibleError, unknown_name

if TYPE_CHECKING:
    import pyarrow as pa

DATASET_FORMAT = 1
ITEMS, REJECTS, SUMMARY = "items.parquet", "rejects.csv", "dataset.json"
FIXED_COLUMNS = ("item", NAME, "split", "tokens")


class ItemColumn(Sequence[str]):
    """Texts as an Arrow array (1.6 million SMILES: 70 MB, a quarter of a list), converted to `str` on access."""

    def __init__(self, column: pa.Array | pa.ChunkedArray) -> None:
        import pyarrow as pa

        self._column: pa.Array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return self._column.take(np.arange(len(self))[index]).to_pylist()
        return self._column[int(index) + (len(self) if index < 0 else 0)].as_py()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), 4096):
            yield from self._column.slice(start, 4096).to_pylist()

    def take(self, indices: Sequence[int] | Int[np.ndarray, " index"]) -> list[str]:
        """The texts at these indices, fast."""
        return self._column.take(np.asarray(indices)).to_pylist()


class PreparedDataset:
    """items.parquet, rejects.csv and dataset.json in one folder; data are read on access.

    limit: only this many items of each split, the first ones, are used.
    """

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
        try:
            summary = json.loads((path / SUMMARY).read_text(encoding="utf-8"))
            version = summary["format_version"]
        except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
            raise IncompatibleError(f"Expected a dataset summary in {path / SUMMARY}, found something else.") from error
        if not isinstance(version, int):
            raise IncompatibleError(f"Expected a format version in {path / SUMMARY}, found {version!r}.")
        if version > DATASET_FORMAT:
            raise IncompatibleError(
                f"Expected dataset format {DATASET_FORMAT} or older in {path}, found {version}: upgrade sciencegen."
            )
        with reading("a dataset summary, as `sciencegen datasets prepare` writes it,", path / SUMMARY):
            _check_summary(summary)
        return cls(path, summary, limit)

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

    def names(self, split: str | None = None) -> ItemColumn:
        """The names of a split's items in the source, "" for items without a name. All are "" in data prepared by
        versions that did not save names."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._reading():
            named = NAME in pq.read_schema(self.items_path).names
        return self._texts(NAME, split) if named else ItemColumn(pa.array([""] * self.count(split), pa.string()))

    def _texts(self, name: str, split: str | None) -> ItemColumn:
        column = self._columns([name], split)[name]
        with self._reading():
            if str(column.type) != "string" or column.null_count:
                raise TypeError(f"the column '{name}' is {column.type} with {column.null_count} empty cells, not texts")
            return ItemColumn(column)

    def values(self, split: str | None = None, names: Sequence[str] | None = None) -> np.ndarray:
        """[item property] float32, NaN = missing; `names` picks and orders the columns (default `property_names`)."""
        names = self.property_names if names is None else tuple(names)
        for name in names:
            if name not in self.property_names:
                raise unknown_name("property", name, self.property_names)
        values = np.empty((self.count(split), len(names)), np.float32)
        for index, name in enumerate(names):  # one column at a time: half the memory of a whole table
            column = self._columns([name], split)[name]
            with self._reading():
                values[:, index] = column.to_numpy()
        return values

    def tokens(self, split: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(flat int16, offsets int64): item i is flat[offsets[i] : offsets[i + 1]]."""
        if not self.encoded:
            raise DataError(f"Expected encoded items in {self.path}, found none: prepare it with an encoding.")
        column = self._columns(["tokens"], split)["tokens"]
        with self._reading():
            return _joined(column.chunks)

    def _reading(self) -> AbstractContextManager[None]:
        return reading("the items of a prepared dataset", self.items_path)

    def _columns(self, names: list[str], split: str | None) -> pa.Table:
        import pyarrow.parquet as pq

        if split is not None and split not in self.splits:
            raise unknown_name("split", split, self.splits)
        filters = None if split is None else [("split", "==", split)]
        with self._reading():
            if self.limit is None:
                table = pq.read_table(self.items_path, columns=names, filters=filters)
            else:
                limited = pq.read_table(self.items_path, columns=[*names, "split"], filters=filters)
                splits = limited["split"].to_pandas()
                table = limited.filter((splits.groupby(splits).cumcount() < self.limit).to_numpy()).select(names)
            if table.num_rows != self.count(split):
                raise ValueError(f"{table.num_rows} rows, where {SUMMARY} counts {self.count(split)}")
            return table


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


def _check_summary(summary: Mapping[str, Any]) -> None:
    """Raise a ValueError for a summary whose counts or columns are of another kind."""
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
