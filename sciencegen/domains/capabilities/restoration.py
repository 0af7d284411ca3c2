"""The optional part `Restoration` of a recipe: what was observed, without the instrument's blur and noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sciencegen.items import Item, Refusal


@dataclass(frozen=True)
class Restored:
    """mean: of the samples, with their variance. samples: of the posterior, each as probable as the others. agreement:
    numbers of how they agree with the observation and with each other. remarks: what to know of this item; a note says
    of how many each is true."""

    mean: Item
    samples: tuple[Item, ...]
    agreement: Mapping[str, float]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """Samples of noise-free items, given an observed one.

    Parameters
    ----------
    restore : (model, representation, item, samples, seed) -> Restored or Refusal
    agreement : tuple of str
        Names of the numbers `Restored.agreement`.
    properties : tuple of str
        What is measured of samples by default.
    notes : (agreements of all restored items) -> notes
        What to know about them.
    origin : tuple of str
        Notes for a file of restored items.
    unable : (representation) -> str
        Why a model with this representation can't restore ("has learned ..."), or "".
    """

    restore: Callable[[Any, Any, Item, int, int], Restored | Refusal]
    agreement: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    notes: Callable[[Sequence[Mapping[str, float]]], list[str]] = lambda agreements: []
    origin: tuple[str, ...] = ()
    unable: Callable[[Any], str] = lambda representation: ""
