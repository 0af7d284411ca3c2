"""Draws replaced by items that can be made from building blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from sciencegen.api.sampling.judge import Judge, Judged
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.workers import InDomain
from sciencegen.api.sources.blocks import SEARCH_S, FindAnalogues, check_blocks
from sciencegen.config import GenerateSettings
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

DRAW, SIMILARITY = "draw", "similarity_to_draw"
"""Columns of the model's draw that a row stands for, and of the row's similarity to it; after those of the blocks."""

Result = Judged | Refusal | Failure
"""The result of one draw."""


@dataclass(frozen=True)
class Replace(InDomain):
    """Judged draws to the judged items that can be made in their place, best first, with the cells of `Blocks.columns`,
    `DRAW` and `SIMILARITY`. Draws that are not to be replaced (flag False) get none."""

    find: FindAnalogues
    judge: Judge

    def __call__(self, draws: Sequence[tuple[Result, bool]]) -> list[list[Judged]]:
        return [self._of(draw) if wanted and isinstance(draw, Judged) else [] for draw, wanted in draws]

    def _of(self, draw: Judged) -> list[Judged]:
        science = domain_of(self.domain)
        (found,) = self.find([draw.text])
        items = [science.items.parse(one.text) for one in found]
        alike = science.similarity.matrix([science.items.parse(draw.text)], items)[0] if items else np.empty(0)
        return [
            judged._replace(how=(*one.cells, draw.text, similarity))
            for judged, one, similarity in zip(self.judge.of_items(items), found, alike.tolist(), strict=True)
        ]


@dataclass
class Replacement:
    """Replaces draws that meet a request.

    satisfies: whether an item meets the request. completed: adds values that workers can't compute. Both are called in
    this process.
    """

    task: Replace
    threads: int
    satisfies: Callable[[Judged], bool]
    completed: Callable[[Sequence[Result]], Sequence[Result]]
    _keys: set[str] = field(default_factory=set)

    def __call__(self, draws: Iterable[Result]) -> Iterator[list[Result]]:
        """For each draw a list of one result."""
        flagged = ((draw, isinstance(draw, Judged) and self.satisfies(draw)) for draw in draws)
        workers = worker_count(self.threads)
        judged = map_chunks_killable(self.task, flagged, processes=workers, chunk=1, timeout_s=SEARCH_S)
        for _, members, found in judged:
            results = [found] * len(members) if isinstance(found, Failure) else found
            for (draw, wanted), made in zip(members, results, strict=True):
                yield [self._chosen(draw, made) if wanted else draw]

    def _chosen(self, draw: Judged, made: Sequence[Judged] | Failure) -> Result:
        """The first of the items that meets the request and was not chosen before. If all of those were, the first of
        them; if none meets the request, the draw as a rejected one."""
        if isinstance(made, Failure):
            return made
        good = [one for one in self.completed(made) if isinstance(one, Judged) and self.satisfies(one)]
        chosen = next((one for one in good if one.key not in self._keys), good[0] if good else None)
        if chosen is None:
            return draw._replace(accepted=False)
        self._keys.add(chosen.key)
        return chosen


def check_replacing(science: Domain, settings: GenerateSettings) -> None:
    """Raise an error for blocks that can't be read, and for settings that replaced draws can't keep."""
    if settings.blocks is None:
        return
    check_blocks(science, settings.blocks)
    if settings.raw:
        raise ConfigError("Expected `raw` or `blocks`, got both: raw draws are kept whatever they are.")
    if settings.core is not None:
        raise ConfigError(
            "Expected `core` or `blocks`, got both: an item in place of a draw need not hold the core. Pass its "
            "pattern to `keep`."
        )


def replacement_notes(replaced: Sequence[float], written: int) -> list[str]:
    """A note on the similarities of the items that replaced draws; none if there are none."""
    if not replaced:
        return []
    return [
        f"{len(replaced)} of {written} items replace draws that no way to make was found for; the median similarity to "
        f"the draw is {np.median(replaced):.2f} (column {SIMILARITY})"
    ]
