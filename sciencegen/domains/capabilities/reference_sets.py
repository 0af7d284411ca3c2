"""Held-out and training sets that come with a domain, and what its metrics mean."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from sciencegen.items import Direction


class MetricNote(NamedTuple):
    """What a metric is, which end is better (None for neither), and published figures by model."""

    meaning: str
    direction: Direction | None = None
    published: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class ReferenceSets:
    """Shipped sets and notes on metrics.

    Parameters
    ----------
    held_out : () -> tuple of str
        Names of held-out sets that `Domain.evaluate` takes in place of items.
    training : () -> tuple of str
        Names of training sets whose keys are shipped.
    load_training : (name) -> container of keys, or None where it isn't shipped
    notes : mapping
        Metric -> MetricNote.
    units : mapping
        Metric -> unit; distances between the values of a property have the property's unit.
    """

    held_out: Callable[[], tuple[str, ...]] = tuple
    training: Callable[[], tuple[str, ...]] = tuple
    load_training: Callable[[str], Container[str] | None] = lambda name: None
    notes: Mapping[str, MetricNote] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
