"""Fetches many small files of a public archive, which a committed table names. Finished downloads are kept, so that a
stopped fetch goes on, and a file that the archive has withdrawn does not stop the others."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sciencegen.data.cards import Card, ListedSource
from sciencegen.data.damage import open_binary
from sciencegen.data.downloads import Progress, download, without_credentials
from sciencegen.data.records import csv_records
from sciencegen.errors import DataError
from sciencegen.files import make_folder, sha256_of

LARGEST = 1 << 28
"""Bytes of one file."""
MOST_LOST = 0.1
"""Share of the files that may be missing; rows that name them are refused when they are read."""
MOST_FAILURES = 5
"""Successive failures after which the network or the archive counts as unavailable."""


def fetch_listed(
    source: ListedSource, card: Card, work: Path, downloads: Path, offline: bool, progress: Progress | None
) -> None:
    """Copy the tables to `work`, and download the files that they name next to them. progress: number of files.

    downloads: keeps finished downloads; files of a user's own that are there are taken."""
    names: dict[str, None] = {}
    for split, table in source.files.items():
        path = card.folder / table.path
        if (found := sha256_of(path)) != table.sha256:
            raise DataError(f"Expected sha256 {table.sha256} of {path}, found {found}. Reinstall sciencegen.")
        shutil.copyfile(path, work / card.files[split].name)
        names |= dict.fromkeys(file_names(path))
    make_folder(downloads)
    lost = _download_all(source.url, list(names), downloads, offline, progress)
    if len(lost) > MOST_LOST * len(names):
        raise DataError(f"{len(lost)} of {len(names)} files are missing, the first: {lost[0]}")
    for name in names:
        if (downloads / name).is_file():
            _link(downloads / name, work / name)


def file_names(table: Path) -> list[str]:
    """The distinct names in the column `file` of a .csv, in order."""
    with open_binary(table) as stream:
        text = (line.decode("utf-8") for line in stream)
        records = csv_records(text, ",", str(table))
        header = next(records, (0, [""]))[1]
        if "file" not in header:
            raise DataError(f"Expected a column 'file' in {table}, found {', '.join(header)}.")
        column = header.index("file")
        names = list(dict.fromkeys(cells[column] for _, cells in records if len(cells) == len(header)))
    if wrong := next((name for name in names if Path(name).name != name or name in ("", ".", "..")), None):
        raise DataError(f"Expected file names without folders in {table}, found '{wrong}'.")
    return names


def _download_all(url: str, names: list[str], downloads: Path, offline: bool, progress: Progress | None) -> list[str]:
    """Download what isn't there yet; returns why files are missing."""
    lost: list[str] = []
    successive = 0
    for number, name in enumerate(names, 1):
        if not (downloads / name).is_file():
            try:
                if offline:
                    raise DataError(f"expected {name} in {downloads} because this is offline, found none")
                download(url.replace("{file}", name), downloads / name, largest=LARGEST)
                successive = 0
            except DataError as error:
                lost.append(str(error))
                successive += 1
            if successive == MOST_FAILURES and not offline:
                raise DataError(
                    f"{MOST_FAILURES} downloads in a row failed from {without_credentials(url)}, the last: {lost[-1]} "
                    "What was downloaded is kept: run it again to go on."
                )
        if progress is not None:
            progress(number, len(names))
    return lost


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)
