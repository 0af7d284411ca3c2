"""What the public verbs give back: a table with notes and a summary, which writes the files that the command writes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciencegen.files import claim_output

if TYPE_CHECKING:  # pandas takes most of a second to import
    import pandas as pd


@dataclass(frozen=True)
class Result:
    """A table of items with what there is to know of it.

    Parameters
    ----------
    table : pandas.DataFrame
        One row for each item.
    summary : mapping
        Counts and settings, as the command prints them.
    notes : tuple of str
        What a user may not expect.

    Until version 0.3 a result stands for its table too (`result["item"]`, `len(result)`), with a warning.
    """

    table: pd.DataFrame
    summary: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    writer: Callable[[Path, bool], None] | None = field(default=None, repr=False)

    def write(self, path: str | Path, overwrite: bool = False) -> Path:
        """Write what the command writes with `output`, provenance included.

        Parameters
        ----------
        path : str or Path
            Its ending chooses the format: a table (.csv, .parquet), lines or one of the domain's own formats.
        overwrite : bool
            Whether a file that exists may be replaced.

        Returns
        -------
        Path

        Raises
        ------
        ConfigError
            For an ending that the domain doesn't write, or a file that exists.
        """
        claim_output(str(path), overwrite)
        assert self.writer is not None  # every verb gives one
        self.writer(Path(path), overwrite)
        return Path(path)

    def __getitem__(self, key: Any) -> Any:
        return self._as_table()[key]

    def __len__(self) -> int:
        return len(self._as_table())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._as_table())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._as_table(), name)

    def _as_table(self) -> pd.DataFrame:
        warnings.warn(
            "use the result's `.table`: a result is no table from version 0.3 on", FutureWarning, stacklevel=3
        )
        return self.table
