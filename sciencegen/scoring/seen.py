"""An oracle that learned from items as an instrument sees them, asked of items as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sciencegen.scoring.oracles import Oracle, OracleAround, Score

SEED = 0
"""With an item's identity it gives the noise: the same item gets the same score."""


class Observing(Protocol):
    """How an instrument saw what was learned from."""

    def observed(self, items: Sequence[Any], seed: int) -> list[Any]:
        """Items as it sees them, those that it saw already unchanged; or something with a `reason` why not."""


@dataclass(frozen=True)
class SeenOracle(OracleAround):
    """Each item is observed first, as those that the oracle learned from were: without noise it would be another kind
    of item than any of them."""

    oracle: Oracle
    observing: Observing

    def score(self, items: Sequence[Any]) -> list[Score]:
        seen = self.observing.observed(items, SEED)
        reasons = [getattr(one, "reason", None) for one in seen]
        found = iter(self.oracle.score([one for one, why in zip(seen, reasons, strict=True) if why is None]))
        return [next(found) if why is None else Score(None, failure=why) for why in reasons]
