"""Progress of a search: the items that are scored, also while a program is called for a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sciencegen.optimization.objective import Objective
from sciencegen.scoring.oracles import Oracle, ReportingOracle


class SearchProgress:
    """Counts the scored items of one search.

    Parameters
    ----------
    oracles : mapping
        Those of the goals.
    budget : int
        The most items that are scored.
    advance : callable
        Called with the number of items that were scored since the last time. Within a batch, an item counts once each
        oracle that reports has scored it.

    Attributes
    ----------
    oracles : mapping
        To be used in place of those given.
    """

    def __init__(self, oracles: Mapping[str, Oracle], budget: int, advance: Callable[[int], None]) -> None:
        able = {name: one for name, one in oracles.items() if isinstance(one, ReportingOracle)}
        reporting = {name: found for name, one in able.items() if (found := one.reporting(self._scored))}
        self.oracles: Mapping[str, Oracle] = {**oracles, **reporting}
        self._reporting, self._budget, self._advance = len(reporting), budget, advance
        self._recorded = self._scores = self._shown = 0

    def recorded(self, objective: Objective) -> None:
        """Called by the objective after each batch."""
        self._recorded, self._scores = len(objective.trace), 0
        self._show(self._recorded)

    def _scored(self, count: int) -> None:
        self._scores += count
        self._show(min(self._recorded + self._scores // self._reporting, self._budget))

    def _show(self, done: int) -> None:
        if done > self._shown:
            self._advance(done - self._shown)
            self._shown = done
