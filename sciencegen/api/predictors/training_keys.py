"""Hashes of the items that a predictor was trained on, in its folder: what it has learned from is no discovery."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sciencegen.errors import IncompatibleError, converted
from sciencegen.files import atomic_write
from sciencegen.metrics.coverage import KeyFilter
from sciencegen.runs import RunFolder

TRAINING_KEYS = "training_keys.npy"


def write_training_keys(run: RunFolder, keys: Iterable[str]) -> None:
    """Write the sorted hashes of the keys of the items."""
    with atomic_write(run / TRAINING_KEYS, "wb") as file:
        np.save(file, KeyFilter.of(keys).hashes, allow_pickle=False)


def read_training_keys(folder: str | Path) -> KeyFilter | None:
    """The keys of the items that the predictor in a folder was trained on; None where it doesn't keep them, as those
    of version 0.1."""
    path = Path(folder) / TRAINING_KEYS
    if not path.exists():
        return None
    with converted(lambda error: _damaged(path, f"{type(error).__name__}: {str(error)[:200]}")):
        hashes = np.load(path, allow_pickle=False)
    is_list = isinstance(hashes, np.ndarray) and hashes.dtype == np.uint32 and hashes.ndim == 1
    if not is_list or (np.diff(hashes.astype(np.int64)) <= 0).any():
        raise _damaged(path, "other numbers")
    return KeyFilter(hashes)


def _damaged(path: Path, found: str) -> IncompatibleError:
    remedy = "Copy the folder again, or train it again."
    return IncompatibleError(f"Expected sorted hashes in {path}, found {found}. {remedy}")
