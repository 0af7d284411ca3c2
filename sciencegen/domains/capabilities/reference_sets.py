"""The optional part `ReferenceSets`: shipped held-out and training sets, and notes on metrics."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from sciencegen.items import Direction


class MetricNote(NamedTuple):
    """Meaning of a metric, its better direction (None if there is none), and published values by model."""

    meaning: str
    direction: Direction | None = None
    published: Mapping[str, float] = MappingProxyType({})


CODES = MappingProxyType({
    "bits_per_item": MetricNote("bound of -log2 p of an item to compare with, by the model", "minimize"),
    "bits_per_value": MetricNote("the same for each symbol, residue or pixel of these items", "minimize"),
})  # fmt: skip
"""Of likelihoods as lengths of codes, in any domain."""


@dataclass(frozen=True, kw_only=True)
class ReferenceSets:
    """Shipped sets and notes on metrics.

    Parameters
    ----------
    held_out : () -> tuple of str
        Names of held-out sets that `Domain.evaluate` accepts in place of items.
    training : () -> tuple of str
        Names of training sets whose keys are shipped.
    load_training : (name) -> container of keys, or None where it isn't shipped
    notes : mapping
        Metric -> MetricNote.
    families : mapping
        Beginning of metrics' names, such as `scaled_`, which a column or a set completes -> MetricNote.
    units : mapping
        Metric -> unit; not needed for distances between values of a property, which have the property's unit.
    """

    held_out: Callable[[], tuple[str, ...]] = tuple
    training: Callable[[], tuple[str, ...]] = tuple
    load_training: Callable[[str], Container[str] | None] = lambda name: None
    notes: Mapping[str, MetricNote] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    families: Mapping[str, MetricNote] = field(default_factory=dict)

    def note(self, metric: str) -> MetricNote:
        """What is known of a metric, by its name or by how that begins.

        Examples
        --------
        >>> sets = ReferenceSets(families={"scaled_": MetricNote("in standard deviations", "minimize")})
        >>> sets.note("scaled_price").meaning, sets.note("other").meaning
        ('in standard deviations', '')
        """
        found = (note for start, note in self.families.items() if metric.startswith(start))
        return self.notes.get(metric) or next(found, CODES.get(metric, MetricNote("")))
