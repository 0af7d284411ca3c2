"""The folders that requests may read and write: the server's, and those that were allowed when it was started."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sciencegen.errors import ConfigError
from sciencegen.files import configures

LONGEST_PATH, LONGEST_NAME = 4096, 255
"""Bytes; the system opens no longer path, and none with a longer name in it."""
WRITTEN = frozenset({"output", "structures", "details", "journal", "cache"})
"""Parameters that name files to write."""
_PARTS = re.compile(r"[\s,;='\"@]+")
"""Between the parts of a parameter such as NAME=FOLDER."""
_BEHIND = re.compile(r"(\[\d+\]|:\w+|/\d+-\d+)$")
"""Behind a file's name: an item of it, a chain, or the numbers of a sequence."""
_FILE = re.compile(
    r"[^\s=,;]+[.](csv|tsv|csv[.]gz|tsv[.]gz|parquet|xlsx|npz|npy|fits|h5|hdf5|sdf|smi|pdb|cif|fasta|a3m|yaml|json)",
    re.IGNORECASE,
)
"""Names that can only be those of files."""
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Boundary:
    """What requests may reach.

    Parameters
    ----------
    folder : Path
        The server's; paths of requests are relative to it.
    allowed : tuple of Path
        Further folders.
    closed : tuple of Path
        Files and folders inside that requests may not name: the server's records, and programs.
    """

    folder: Path
    allowed: tuple[Path, ...] = ()
    closed: tuple[Path, ...] = ()

    def inside(self, path: str | Path, name: str = "path") -> Path:
        """The path without links, if requests may reach it; else an error that names the parameter."""
        if "\0" in str(path) or not _is_unicode(str(path)):
            raise ConfigError(f"Expected a path for `{name}`, got one with characters that no file's name can have.")
        longest = max(map(len, str(path).encode().split(b"/")))
        if len(str(path).encode()) > LONGEST_PATH or longest > LONGEST_NAME:
            raise ConfigError(
                f"Expected a path of at most {LONGEST_PATH:,} bytes for `{name}`, whose names have at most "
                f"{LONGEST_NAME}, got '{str(path)[:40]}...'. Shorten it."
            )
        real = self._real(path)
        if configures(real):
            raise ConfigError(f"Expected another name for `{name}` than '{real.name}', which configures a library.")
        if any(_folded(real).is_relative_to(_folded(one)) for one in self.closed):
            raise ConfigError(
                f"Expected a file of your own for `{name}`, got '{path}', which belongs to the server. Name another."
            )
        if not any(real.is_relative_to(one) for one in (self.folder, *self.allowed)):
            raise ConfigError(
                f"Expected a path in {self.folder} for `{name}`, or in a folder that the server allows, got '{path}'. "
                "Put the file there (PUT /files/PATH, or the tool write_file), or start the server with --allow FOLDER."
            )
        return real

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise an error if a parameter names something that requests may not reach.

        A text may be a path, an item or a name: it counts as a path if something is there, or if it could not be
        anything else.
        """
        for name, text in _texts(values):
            if "\0" in text or not _is_unicode(text):
                raise ConfigError(
                    f"Expected a text for `{name}`, got one with characters that no command can be given."
                )
            if text.strip() == "-":
                raise ConfigError(f"Expected a file for `{name}`, got '-': a job has no standard input and output.")
            for part in _parts(text):
                if _ADDRESS.match(part):
                    raise ConfigError(
                        f"Expected a file for `{name}`, got the address '{part}'. Put the file into the server's "
                        "folder instead (PUT /files/PATH, or the tool write_file)."
                    )
                if name in WRITTEN or self._is_path(part):
                    self.inside(part, name)

    def check_inputs(self, values: Mapping[str, Any]) -> None:
        """Raise an error if a parameter to read names a file that isn't there, as far as its ending says that it is."""
        for name, text in _texts(values):
            alone = _BEHIND.sub("", text)
            if name not in WRITTEN and _FILE.fullmatch(alone) and not os.path.lexists(self._real(alone)):
                raise ConfigError(f"Expected a file for `{name}`, found none at {alone}. Put it there, or correct it.")

    def named(self, values: Mapping[str, Any]) -> set[Path]:
        """The paths without links that texts of parameters may mean, whether something is there or not."""
        parts = {part for _, text in _texts(values) for part in _parts(text) if len(part) <= LONGEST_PATH}
        return {self._real(part) for part in parts} - {self.folder, *self.folder.parents}

    def _real(self, path: str | Path) -> Path:
        return Path(os.path.realpath(self.folder / os.path.expanduser(path)))

    def _is_path(self, part: str) -> bool:
        if len(part) > LONGEST_PATH:
            return False
        pieces = part.split("/")
        if part.startswith("/"):  # SMILES may begin with a slash, but no folder has the name of an atom
            return os.path.lexists(f"/{part.lstrip('/').split('/')[0]}")
        if ".." in pieces or part.startswith("~") or os.path.lexists(self.folder / part):
            return True
        return any(_folded(self._real(part)).is_relative_to(_folded(one)) for one in self.closed)


def _folded(path: Path) -> Path:
    """The path in small letters: on some systems names with others mean the same file."""
    return Path(str(path).casefold())


def _is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: JSON can hold halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The texts in a value, with the name of the innermost parameter; keys of mappings are texts too."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield name or str(key), str(key)
            yield from _texts(one, str(key))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one, name)


def _parts(text: str) -> Iterator[str]:
    """What may be a path in a text: the whole, and its parts, with and without what stands behind a file's name."""
    for part in dict.fromkeys([text.strip(), *_PARTS.split(text)]):
        if part:
            yield part
            if (alone := _BEHIND.sub("", part)) != part and alone:
                yield alone
