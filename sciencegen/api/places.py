"""Whether a place can be written to, before there is anything to write. Light: the command line asks it first."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sciencegen.errors import ConfigError
from sciencegen.files import temporary_sibling


def check_writable(path: str | Path, flag: str) -> None:
    """An error unless a file, or a folder, can come to be at `path`, before minutes of work for it.

    It is tried, since nobody can know it otherwise (a full name's length, a read-only disk, a folder that isn't one):
    in a folder of its own that goes again, with the longest of the names that stand beside an output.
    """
    place = Path(path).absolute()
    if not place.name:
        raise ConfigError(f"Expected a name for {flag}, got {path}.")
    try:
        there = next(folder for folder in place.parents if folder.exists())
        if not there.is_dir():
            raise ConfigError(f"Expected a folder at {there}, found a file. Pass another {flag}.")
        with TemporaryDirectory(prefix=".", dir=there) as trial:
            tried = Path(trial) / temporary_sibling(place.with_name(f"{place.name}.rejects.csv")).relative_to(there)
            tried.parent.mkdir(parents=True, exist_ok=True)
            tried.touch()
    except OSError as error:
        raise ConfigError(
            f"Expected a place for {flag} that can be written to, got {path}: {error.strerror}. Pass another {flag}."
        ) from None
