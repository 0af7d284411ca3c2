"""A prepared dataset on disk, read by column and by split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int

from sciencegen.data.damage import reading
from sciencegen.data.item_columns import ItemColumn
from sciencegen.data.itemtable import NAME
from sciencegen.errors import ConfigError, DataError, IncompatibleError, unknown_name
from sciencegen.yaml_text import parse_json

if TYPE_CHECKING:
    import pyarrow as pa

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
