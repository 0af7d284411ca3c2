"""Texts of a prepared dataset, read as they are asked for: memory doesn't grow with the number of items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from jaxtyping import Int

from sciencegen.data.damage import reading

if TYPE_CHECKING:
    import pyarrow as pa

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
