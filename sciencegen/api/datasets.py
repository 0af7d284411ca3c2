"""Datasets: what has a card, and fetching it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sciencegen.api.simulation import obtain
from sciencegen.data import cards
from sciencegen.data.fetch import Progress, cached_folder, is_fetched


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
    """The card as plain data, and where the fetched set lies or would lie."""
    card = cards.load_card(name)
    place = {"folder": str(card.folder), "cache": str(cached_folder(card)), "fetched": is_fetched(card)}
    return {**card.model_dump(mode="json", exclude_none=True), **place}


def fetch(name: str, offline: bool = False, progress: Progress | None = None) -> list[Path]:
    """The files of a dataset, fetched, or simulated, if they aren't in the cache."""
    card = cards.load_card(name)
    folder = obtain(card, offline, progress)
    return [folder / file.name for file in card.files.values()]
