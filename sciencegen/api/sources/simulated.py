"""Simulated datasets: a domain computes rows by their numbers, in parallel; they are written in chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.workers import InDomain
from sciencegen.data.cards import Card, SimulationSource
from sciencegen.data.fetch import Progress, fetch
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_killable
from sciencegen.data.writers import TableWriter
from sciencegen.errors import DataError

ROWS_PER_TASK = 64

TIMEOUT_S = 600.0


@dataclass(frozen=True)
class SimulateRows(InDomain):
    """A range of rows (first, end) to (text, values) of each."""

    settings: Mapping[str, object]
    seed: int

    def __call__(self, span: tuple[int, int]) -> list[tuple[str, dict[str, float]]]:
        simulate = domain_of(self.domain).items.simulate
        if simulate is None:
            raise DataError(f"expected a domain that simulates items, {self.domain} has no simulation")
        return simulate(self.settings, self.seed, *span)


def obtain(card: Card, offline: bool = False, progress: Progress | None = None) -> Path:
    """The folder with a card's files: from the cache, fetched, or simulated."""

    def make(source: SimulationSource, split: str, path: Path, progress: Progress | None) -> None:
        names = [column.source or column.name for column in card.columns]
        first = source.files[split]
        span = (first, first + card.files[split].rows)
        write_rows(SimulateRows(card.domain, source.settings, source.seed), span, path, names, progress)

    return fetch(card, offline=offline, progress=progress, make=make)


def write_rows(
    simulate: SimulateRows, span: tuple[int, int], path: Path, names: list[str], progress: Progress | None = None
) -> None:
    """Write the rows of a range as a table with `item` and the columns `names`, with few rows in memory."""
    first, end = span
    spans = [(start, min(start + ROWS_PER_TASK, end)) for start in range(first, end, ROWS_PER_TASK)]
    workers, done = worker_count(0), 0
    with TableWriter(path) as table:
        for _, rows in map_killable(simulate, spans, processes=workers, chunk=1, timeout_s=TIMEOUT_S):
            if isinstance(rows, Failure):
                raise DataError(f"expected rows of a simulation, but it failed: {rows.reason}")
            columns = {name: [values.get(name, float("nan")) for _, values in rows] for name in names}
            table.write({"item": [text for text, _ in rows], **columns})
            done += len(rows)
            if progress is not None:
                progress(done, end - first)
