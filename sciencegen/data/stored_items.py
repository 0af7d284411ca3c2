"""Items that wait on disk for a file that is written at the end, so that memory doesn't grow with their number."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Callable, Sequence
from typing import IO, Generic, TypeVar, overload

Item = TypeVar("Item")


class StoredItems(Sequence[Item], Generic[Item]):
    """A sequence of items, kept as texts in a temporary file and parsed when they are read."""

    def __init__(self, parse: Callable[[str], Item]) -> None:
        self._parse, self._ends = parse, array("Q", [0])
        self._file: IO[bytes] | None = None

    def append(self, text: str) -> None:
        """Add the item with this text."""
        if self._file is None:
            # Open as long as this object, and without a name, so that nothing is left of it.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.seek(self._ends[-1])
        self._file.write(text.encode("utf-8", "surrogatepass"))
        self._ends.append(self._file.tell())

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        assert self._file is not None  # there is an item
        self._file.seek(self._ends[row])
        return self._parse(self._file.read(self._ends[row + 1] - self._ends[row]).decode("utf-8", "surrogatepass"))
