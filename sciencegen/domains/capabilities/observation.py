"""How an instrument sees items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sciencegen.items import Item, Json, Refusal


class Instrument(Protocol):
    """How an instrument saw a set of items."""

    def observed(self, items: Sequence[Item], seed: int) -> list[Item | Refusal]:
        """Items as the instrument sees them; those that it saw already are unchanged."""

    def to_json(self) -> Json: ...


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Observed and noise-free items.

    Parameters
    ----------
    fit : (items) -> Instrument or None
        How an instrument saw items like these, None where they are as they are. A predictor that learned from such
        items sees others once these are observed.
    load : (data) -> Instrument
        The inverse of `Instrument.to_json`.
    """

    fit: Callable[[Sequence[Item]], Instrument | None]
    load: Callable[[Mapping[str, object]], Instrument]
