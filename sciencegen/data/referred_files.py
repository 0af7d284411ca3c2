"""Files to which the cells of a table refer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sciencegen.data.tables import READ_TABLES


def referred_place(path: Path, table: Path, is_there: Callable[[Path], bool]) -> Path:
    """The place of a file that a table names.

    Parameters
    ----------
    path : Path
        As in the cell: absolute, or relative to the working directory or to the table.
    table : Path
    is_there : (path) -> bool

    Returns
    -------
    Path
        `path` itself or, if it isn't there, its place from the table's folder. A file with the table's name
        (`designs.fits` of `designs.csv`), which is written with it, is also found beside it, so that both can be moved.
        A file that is nowhere is returned as it is; one with the same name in another folder is another file.
    """
    if is_there(path):
        return path
    stem = next((table.name[: -len(end)] for end in READ_TABLES if table.name.lower().endswith(end)), table.name)
    names = [path, Path(path.name)] if path.stem == stem else [path]
    return next((place for name in names if is_there(place := table.parent / name)), path)
