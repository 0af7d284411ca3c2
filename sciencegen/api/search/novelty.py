"""Known items: keys of training items, and similarities of candidates to them."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.workers import ParseAndMeasure
from sciencegen.api.sources.datasets import read_texts
from sciencegen.data.spacing import evenly_spaced
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import map_chunks_killable
from sciencegen.domains.base import Domain
from sciencegen.items import Item

LARGEST_REFERENCE = 200_000
"""Maximum number of training items kept for similarities; they are evenly spaced in a larger set."""


@dataclass(frozen=True)
class Known:
    """Known items. keys: of the training items that were read. committed: keys of a training set that the domain ships,
    or None. items: parsed ones, for similarities. start: keys of the search's start items, which count as known too."""

    domain: Domain
    keys: frozenset[str]
    committed: Container[str] | None
    items: Sequence[Item]
    start: frozenset[str] = frozenset()

    @property
    def empty(self) -> bool:
        return not self.keys and self.committed is None

    def holds(self, item: Item) -> bool:
        key = self.domain.items.key(item)
        return key in self.keys or key in self.start or (self.committed is not None and key in self.committed)

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


def _spaced(texts: Sequence[str]) -> list[str]:
    """At most `LARGEST_REFERENCE` texts, evenly spaced."""
    return [texts[row] for row in evenly_spaced(len(texts), LARGEST_REFERENCE)]
