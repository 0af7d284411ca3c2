"""The oracles of a search: those of its goals, and those of further columns of its candidates."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.predictors.folder import find_predictor, read_training_keys
from sciencegen.api.science.forms import ParseAndMeasure, domain_of
from sciencegen.api.sources.tables import read_texts
from sciencegen.config import OptimizeSettings
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import map_chunks_killable
from sciencegen.domains.base import Domain
from sciencegen.items import Item
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import resolve_oracles
from sciencegen.scoring.cache import cache_notes, cached
from sciencegen.scoring.oracles import Oracle, ProgramOracle


def search_oracles(
    book: OracleBook, goals: Sequence[Goal], settings: OptimizeSettings, key: Callable[[Item], str]
) -> tuple[dict[str, Oracle], dict[str, Oracle], tuple[str, ...]]:
    """The oracles of goals by name, those of further columns, for candidates only, and notes on `cache`. Each item (by
    `key`) is scored once; scores of programs are kept in the file `settings.cache`."""
    of_goals = resolve_oracles(goals, book.resolve)
    further = {name: book.resolve(name) for name in (*settings.include, *settings.predictors)}
    return (
        {name: cached(one, key, settings.cache) for name, one in of_goals.items()},
        {
            name: cached(one, key, settings.cache) if isinstance(one, ProgramOracle) else one
            for name, one in further.items()
        },
        cache_notes([*of_goals.values(), *further.values()], settings.cache),
    )


# Known items: keys of training items, and similarities of candidates to them.

LARGEST_REFERENCE = 200_000
"""Maximum number of training items kept for similarities; they are evenly spaced in a larger set."""


@dataclass(frozen=True)
class Known:
    """Known items. keys: of the training items that were read. committed: keys of a training set that the domain ships,
    or None. items: parsed ones, for similarities. start: keys of the search's start items, and learned: name of a
    predictor -> keys of the items that it was trained on; these count as known too."""

    domain: Domain
    keys: frozenset[str]
    committed: Container[str] | None
    items: Sequence[Item]
    start: frozenset[str] = frozenset()
    learned: Mapping[str, Container[str]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether no training data of the model is known, so that an item may not be new though it isn't held."""
        return not self.keys and self.committed is None

    def holds(self, item: Item) -> bool:
        key = self.domain.items.key(item)
        own = key in self.keys or key in self.start or (self.committed is not None and key in self.committed)
        return own or any(key in keys for keys in self.learned.values())

    def is_new(self, item: Item) -> bool | None:
        """Whether an item is not known; None if that can't be told."""
        return False if self.holds(item) else None if self.empty else True

    def learned_from(self, items: Sequence[Item]) -> dict[str, int]:
        """Name of a predictor -> how many of the items it was trained on, if any."""
        keys = [self.domain.items.key(item) for item in items] if self.learned else []
        counts = {name: sum(key in learned for key in keys) for name, learned in self.learned.items()}
        return {name: count for name, count in counts.items() if count}

    def nearest(self, items: Sequence[Item]) -> np.ndarray:
        """[item] greatest similarity to a training item; NaN without training items."""
        if not self.items or not items:
            return np.full(len(items), np.nan)
        return np.asarray(self.domain.similarity.nearest(items, self.items), float)


def read_known(
    domain: str, training: str | None, committed: str | None, threads: int = 0, every: bool = True,
    log: Callable[[str], None] = lambda text: None,
) -> Known:  # fmt: skip
    """Read known items. training: a prepared folder, file or dataset. committed: the name of a set whose keys the
    domain ships. every: read all keys; if False, a set too large for similarities is subsampled, without keys."""
    science = domain_of(domain)
    sets = science.reference_sets
    shipped = sets.load_training(committed) if committed and sets is not None else None
    texts = list(read_texts(domain, training)) if training else []
    whole = every or len(texts) <= LARGEST_REFERENCE
    if training:
        part = "" if whole else f"; {LARGEST_REFERENCE} are read, for similarities: novelty isn't requested"
        log(f"known: {len(texts)} items of {training}{part}")
    texts = texts if whole else _spaced(texts)
    keys, kept = [], []
    task = ParseAndMeasure(domain, ())
    for _, _, results in map_chunks_killable(task, texts, processes=worker_count(threads), chunk=1024):
        good = [result for result in results if isinstance(result, tuple)] if isinstance(results, list) else []
        keys += [key for _, key, *_ in good] if whole else []
        kept += [text for text, *_ in good]
    return Known(science, frozenset(keys), shipped, [science.items.parse(text) for text in _spaced(kept)])


def with_predictors(known: Known, folders: Mapping[str, str]) -> tuple[Known, tuple[str, ...]]:
    """Known items with those that predictors were trained on, and a note on predictors that don't keep them. folders:
    name -> folder."""
    found = {name: read_training_keys(find_predictor(folder)) for name, folder in folders.items()}
    silent = [name for name, keys in found.items() if keys is None]
    learned = {name: keys for name, keys in found.items() if keys is not None}
    note = (
        f"the items that {' and '.join(silent)} learned from may count as new: the predictor's folder doesn't keep "
        "them. Train it again, or name its table with `training`"
    )
    return replace(known, learned=learned), (note,) * bool(silent)


def learned_notes(counts: Mapping[str, int], novel: bool) -> list[str]:
    """Notes on items that meet the goals and that a predictor was trained on. novel: whether these are left out."""
    kept = "count as known and aren't returned" if novel else "aren't new (column novel)"
    return [
        f"of the scored items that meet the goals, {count} {'is' if count == 1 else 'are'} in the table of the "
        f"predictor '{name}': such items {kept}"
        for name, count in counts.items()
    ]


def _spaced(texts: Sequence[str]) -> list[str]:
    """At most `LARGEST_REFERENCE` texts, evenly spaced."""
    return [texts[row] for row in evenly_spaced(len(texts), LARGEST_REFERENCE)]
