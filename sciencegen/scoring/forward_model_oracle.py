"""Applies an oracle that was trained on observed items (with blur and noise) to items without blur and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sciencegen.items import Refusal
from sciencegen.scoring.oracles import Oracle, OracleAround, Score

SEED = 0
"""Seed of the noise, together with the item's identity: equal items get equal scores."""


class ForwardModel(Protocol):
    """How an instrument observed the training items."""

    def observed(self, items: Sequence[Any], seed: int) -> list[Any]:
        """The observation of each item, or a Refusal; an item that is observed already is returned unchanged."""


@dataclass(frozen=True)
class ForwardModelOracle(OracleAround):
    """Scores the observation of each item, since an oracle trained on observed items is valid only for these.

    Parameters
    ----------
    oracle : Oracle
        Trained on observed items.
    observing : ForwardModel
        Makes observations of the same kind.

    Examples
    --------
    >>> from sciencegen.scoring.oracles import FunctionOracle
    >>> class Offset:
    ...     def observed(self, items, seed):
    ...         return [item + 1 for item in items]
    >>> ForwardModelOracle(FunctionOracle("twice", lambda x: 2 * x), Offset()).score([3])[0].value
    8.0
    """

    oracle: Oracle
    observing: ForwardModel

    def score(self, items: Sequence[Any]) -> list[Score]:
        observations = self.observing.observed(items, SEED)
        reasons = [one.reason if isinstance(one, Refusal) else None for one in observations]
        found = iter(self.oracle.score([one for one, why in zip(observations, reasons, strict=True) if why is None]))
        return [next(found) if why is None else Score(None, failure=why) for why in reasons]
