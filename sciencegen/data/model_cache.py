"""What follows from a trained model alone and took long, kept in the cache for the next start."""

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
from sciencegen.files import atomic_write, sha256_of

FOLDER = "models"
"""Of the cache."""

LIBRARIES = ("numpy", "scipy", "torch")

_UNUSABLE = (OSError, ValueError, RuntimeError)
"""What a cache may raise that can't be written, is damaged, or has no home to be in."""


def remembered(files: Sequence[Path], more: Sequence[Any], name: str, make: Callable[[], Any]) -> Any:
    """What `make` gives, plain data: as it stands in the cache if it was made of the same files, by the same code and
    libraries, under the same `more`. Without a cache that can be used it only takes longer."""
    with suppress(*_UNUSABLE):
        return json.loads(_place(files, more, name).read_text(encoding="utf-8"))
    made = make()
    with suppress(*_UNUSABLE), atomic_write(_place(files, more, name)) as file:
        json.dump(made, file)
    return made


def _place(files: Sequence[Path], more: Sequence[Any], name: str) -> Path:
    told = [*map(str, more), _code(), *map(version, LIBRARIES), *map(sha256_of, files)]
    return cache_root() / FOLDER / f"{name}-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]}.json"


@cache
def _code() -> str:
    """The checksum of this package's own code."""
    folder = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}".encode())
    return digest.hexdigest()
