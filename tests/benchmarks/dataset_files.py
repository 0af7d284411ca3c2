"""The data of a benchmark: a file that the user names, or a dataset with a card, fetched on first use."""

from __future__ import annotations

from pathlib import Path

from sciencegen.api.datasets import fetch


def dataset_file(source: str, number: int = 0) -> Path:
    """A path as it is where it is a file, else a file of the dataset of this name (the first, unless `number` says)."""
    return Path(source) if Path(source).is_file() else fetch(source)[number]
