"""Datasets: list, show and fetch the datasets that have a card."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sciencegen.api.sources.tables import obtain
from sciencegen.data import cards
from sciencegen.data import fetch as first_fetch
from sciencegen.data.fetch import MANIFEST, Progress, cached_folder, is_fetched
from sciencegen.errors import ConfigError
from sciencegen.files import atomic_write, sha256_of


def list_datasets() -> list[dict[str, Any]]:
    """One row for each card."""
    return [
        {
            "name": card.full_name,
            "rows": sum(file.rows for file in card.files.values()),
            "sample": sum(sample.rows for sample in card.samples.values()),
            "licence": card.licence,
            "here": "yes" if is_fetched(card) else "sample" if card.samples else "no",
            "title": card.title,
        }
        for card in cards.list_cards()
    ]


def show(name: str) -> dict[str, Any]:
    """The card as plain data, with the folder that the fetched set is or would be stored in."""
    card = cards.load_card(name)
    place = {"folder": str(card.folder), "cache": str(cached_folder(card)), "fetched": is_fetched(card)}
    return {**card.model_dump(mode="json", exclude_none=True), **place}


def fetch(
    name: str, offline: bool = False, progress: Progress | None = None, output: str | Path | None = None
) -> list[Path]:
    """The files of a dataset, which are fetched or simulated if they are not in the cache.

    Parameters
    ----------
    name
        The dataset, as `list_datasets` names it.
    offline
        Use only the cache and its folder `downloads`.
    progress
        Called with the bytes (of a simulation: rows) so far and in all.
    output
        A folder that the files are copied into. A file that is there already must have the same content.

    Returns
    -------
    list of Path
        The files: in `output` if it is given, else in the cache.
    """
    card = cards.load_card(name)
    folder = obtain(card, offline, progress)
    paths = [folder / file.name for file in card.files.values()]
    paths += sorted({*folder.iterdir()} - {*paths, folder / MANIFEST})  # files that a list names
    return paths if output is None else [_copied(path, Path(output)) for path in paths]


def note_on(name: str) -> str:
    """What a user should know of where a dataset's files come from; "" for nothing."""
    card = cards.load_card(name)
    return first_fetch.note_on(card, cached_folder(card))


def _copied(path: Path, folder: Path) -> Path:
    """Copy a file into `folder`, unless the same file exists there already."""
    target = folder / path.name
    if target.exists():
        if not target.is_file() or sha256_of(target) != sha256_of(path):
            raise ConfigError(f"Expected no other file at {target}, found one. Remove it or pass another folder.")
        return target
    with atomic_write(target, "wb") as copy, path.open("rb") as file:
        shutil.copyfileobj(file, copy)
    return target
