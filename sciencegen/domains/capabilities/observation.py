"""The optional part `Observation`: how an instrument observes items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sciencegen.items import Item, Json, Refusal


class Instrument(Protocol):
    """Model of the instrument that observed a set of items."""

    def observed(self, items: Sequence[Item], seed: int) -> list[Item | Refusal]:
        """Simulate the observation of noise-free items; items that are already observed are returned unchanged."""

    def to_json(self) -> Json: ...


@dataclass(frozen=True, kw_only=True)
class Observation:
    """Observed and noise-free items.

    Parameters
    ----------
    fit : (items) -> Instrument or None
        Estimate the instrument from observed items; None for noise-free items. A predictor trained on observed items
        passes other items through `Instrument.observed` first.
    load : (data) -> Instrument
        The inverse of `Instrument.to_json`.
    """

    fit: Callable[[Sequence[Item]], Instrument | None]
    load: Callable[[Mapping[str, object]], Instrument]
