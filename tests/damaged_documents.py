"""Damaged files: what a disk, a transfer or an editor does to them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml

OTHERS: tuple[Any, ...] = (None, 3, -1, 1e300, "x", [], {}, ["x"], {"x": 1}, True)
"""In the place of a value."""


def damages(content: bytes, name: str, seed: int, count: int) -> Iterator[bytes]:
    """Damaged contents of a file: whole kinds first, then `count` random ones."""
    rng = np.random.default_rng(seed)
    yield from (b"", b"\xff\xfe\x00", content[: len(content) // 2], b"[" * 3000, b"[]", b"3")
    document, chooser = parsed(content, name), Random(seed)
    for _ in range(count):
        if document is None or rng.random() < 0.4:
            yield _bytes_changed(content, rng)
        else:
            changed = value_changed(copy.deepcopy(document), chooser)
            yield (json.dumps(changed) if name.endswith(".json") else yaml.safe_dump(changed)).encode()


def parsed(content: bytes, name: str) -> Any:
    if name.endswith(".json"):
        return json.loads(content)
    return yaml.safe_load(content) if name.endswith(".yaml") else None


def _bytes_changed(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(0, max(len(changed), 1), size=rng.integers(1, 5)):
        changed[place : place + 1] = bytes([rng.integers(256)])
    return bytes(changed[: rng.integers(len(changed))] if rng.random() < 0.3 else changed)


def value_changed(document: Any, chooser: Random, others: Sequence[Any] = OTHERS) -> Any:
    """With one value, at any depth, deleted or replaced, or with a new key."""
    holders = list(_holders(document))
    if not holders:
        return chooser.choice(others)
    holder, key = chooser.choice(holders)
    kind = chooser.random()
    if kind < 0.2:
        del holder[key]
    elif kind < 0.3 and isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key) if kind < 0.25 else copy.deepcopy(chooser.choice(others))
    else:
        holder[key] = copy.deepcopy(chooser.choice(others))
    return document


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items)[:200]:
        yield value, key
        yield from _holders(inner)


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
