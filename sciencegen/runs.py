"""The run folder: its files, its lock, and the provenance of its contents."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sciencegen.errors import DataError, IncompatibleError
from sciencegen.files import atomic_write, drop_empty, exclusive, found_at, make_folder, sha256_of

__all__ = [
    "FORMAT_VERSION",
    "RunFolder",
    "atomic_write",
    "canonical_json",
    "check_format",
    "library_versions",
    "provenance",
    "run_name",
    "sha256_of",
]

FORMAT_VERSION = 1
"""Of run folders, shipped weights and prepared datasets. A reader accepts this version and every older one."""

LOCK = ".lock"
"""The file in a run folder that is locked while a call works there."""

LIBRARIES = ("numpy", "torch", "lightning", "rdkit", "selfies", "scikit-learn", "pyarrow", "botorch", "cma")


def check_format(found: object, what: str) -> int:
    """The format version in a file, or an error if it is newer than this program, or not a version."""
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise IncompatibleError(
            f"Expected a format version (a whole number from 1) in {what}, found {found!r}. "
            "It was not written by sciencegen, or it is damaged."
        )
    if found > FORMAT_VERSION:
        raise IncompatibleError(
            f"Expected format version {FORMAT_VERSION} or older in {what}, found {found}. "
            "It was made by a newer sciencegen: upgrade with `pip install --upgrade sciencegen`."
        )
    return found


def _plain(value: object) -> Any:
    """Config objects as plain JSON data: pydantic models, paths, tuples, numpy numbers."""
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy and torch: scalars and arrays
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value  # JSON has no NaN


def canonical_json(value: object) -> str:
    """JSON with sorted keys and without spaces, so that equal configs give equal text."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def run_name(config: object, prefix: str = "") -> str:
    """A folder name that depends only on the config (not on the time), such as "molecules-3f9a1c0be2"."""
    digest = hashlib.sha256(canonical_json(config).encode()).hexdigest()[:10]
    return f"{prefix}-{digest}" if prefix else digest


def provenance(
    command: Sequence[str] | str, seed: int | None = None, inputs: Iterable[str | Path] | Mapping[str, str | Path] = ()
) -> dict[str, Any]:
    """The origin of a result: command, seed, versions, and the checksum of each input file, but no time."""
    named = inputs.items() if isinstance(inputs, Mapping) else ((str(path), path) for path in inputs)
    return {
        "format_version": FORMAT_VERSION,
        "command": command if isinstance(command, str) else list(command),
        "seed": seed,
        "sciencegen": _version("sciencegen"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "libraries": library_versions(LIBRARIES),
        "inputs": {name: sha256_of(path) for name, path in named},
    }


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """The installed version of each library that is here."""
    return {name: found for name in names if (found := _version(name))}


@cache
def _version(package: str) -> str | None:
    """Of the installed package; every result names them, and each is read from a file."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


class RunFolder:
    """A folder in which every file is written atomically."""

    def __init__(self, path: str | Path, create: bool = True) -> None:
        self.path = Path(path)
        self._made = make_folder(self.path) if create else []
        if not create and not self.path.is_dir():
            raise DataError(
                f"Expected a run folder at {self.path}, found {found_at(self.path)}. Train one with `sciencegen train`."
            )

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def has(self, *names: str) -> bool:
        """Whether all these files exist."""
        return all((self.path / name).exists() for name in names)

    def write_json(self, name: str, value: object) -> Path:
        with atomic_write(self.path / name) as handle:
            json.dump(_plain(value), handle, indent=2, ensure_ascii=False)
            handle.write("\n")
        return self.path / name

    def write_yaml(self, name: str, value: object) -> Path:
        import yaml

        with atomic_write(self.path / name) as handle:
            yaml.safe_dump(_plain(value), handle, sort_keys=False, allow_unicode=True)
        return self.path / name

    def write_text(self, name: str, text: str) -> Path:
        with atomic_write(self.path / name) as handle:
            handle.write(text)
        return self.path / name

    def read_json(self, name: str) -> Any:
        from sciencegen.yaml_text import parse_json  # on use: it imports yaml

        try:
            return parse_json(self._read(name))
        except ValueError as error:
            raise IncompatibleError(f"Expected JSON in {self.path / name}, found something else: {error}.") from error

    def read_yaml(self, name: str) -> Any:
        from sciencegen.yaml_text import parse_yaml  # on use: it imports yaml

        try:
            return parse_yaml(self._read(name))
        except ValueError as error:
            raise IncompatibleError(f"Expected YAML in {self.path / name}, found something else: {error}.") from error

    def _read(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise IncompatibleError(
                f"Expected the file {name} in {self.path}, found none: the run isn't finished, or it is no run."
            ) from None
        except UnicodeDecodeError as error:
            raise IncompatibleError(
                f"Expected text in UTF-8 in {self.path / name}, found other bytes ({error.reason} at {error.start}): "
                "it is damaged. Copy it again, or repeat the step that wrote it."
            ) from None
        except IsADirectoryError:
            raise IncompatibleError(f"Expected a file at {self.path / name}, found a folder. Remove it.") from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the folder while the block runs; an error if a running process has locked it already.

        A killed run never blocks the next one.
        """
        try:
            with exclusive(self.path / LOCK, self.path, "choose another output folder"):
                yield
        finally:
            drop_empty(self._made)  # a call that fails leaves nothing
