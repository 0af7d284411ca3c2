"""The oracles of a search: those of its goals, and those of further columns of its candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.config import OptimizeSettings
from sciencegen.items import Item
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import resolve_oracles
from sciencegen.scoring.cache import cache_notes, cached
from sciencegen.scoring.oracles import Oracle, ProgramOracle


@dataclass(frozen=True)
class SearchOracles:
    """goals: name of a goal -> oracle. further: column -> oracle, for candidates only. notes: on `cache`."""

    goals: Mapping[str, Oracle]
    further: Mapping[str, Oracle]
    notes: tuple[str, ...]


def search_oracles(
    book: OracleBook, goals: Sequence[Goal], settings: OptimizeSettings, key: Callable[[Item], str]
) -> SearchOracles:
    """Resolve the names of goals and further columns. Each item (by `key`) is scored once; scores of programs are kept
    in the file `settings.cache`."""
    of_goals = resolve_oracles(goals, book.resolve)
    further = {name: book.resolve(name) for name in (*settings.include, *settings.predictors)}
    return SearchOracles(
        {name: cached(one, key, settings.cache) for name, one in of_goals.items()},
        {
            name: cached(one, key, settings.cache) if isinstance(one, ProgramOracle) else one
            for name, one in further.items()
        },
        cache_notes([*of_goals.values(), *further.values()], settings.cache),
    )
