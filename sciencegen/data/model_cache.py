"""Cache of slow computations that depend only on a trained model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sciencegen.data.fetch import cache_root
from sciencegen.errors import ConfigError
from sciencegen.files import atomic_write, sha256_of

FOLDER = "models"
"""Folder in the cache."""

LIBRARIES = ("numpy", "scipy", "torch")

_UNUSABLE = (OSError, ValueError, RuntimeError, ConfigError)
"""Errors of a cache that can't be written, is damaged, or has no home folder."""


def remembered(files: Sequence[Path], more: Sequence[Any], name: str, make: Callable[[], Any]) -> Any:
    """The result of `make`, which must be JSON data, from the cache if it was computed with the same files, code,
    libraries and `more`. If the cache can't be used, the result is computed."""
    with suppress(*_UNUSABLE):
        return json.loads(_place(files, more, name).read_text(encoding="utf-8"))
    made = make()
    with suppress(*_UNUSABLE), atomic_write(_place(files, more, name)) as file:
        json.dump(made, file)
    return made


def _place(files: Sequence[Path], more: Sequence[Any], name: str) -> Path:
    inputs = [*map(str, more), _code(), *map(version, LIBRARIES), *map(sha256_of, files)]
    return cache_root() / FOLDER / f"{name}-{hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:32]}.json"


@cache
def _code() -> str:
    """The checksum of this package's own code."""
    folder = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}".encode())
    return digest.hexdigest()
