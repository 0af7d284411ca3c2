"""What property regressors see of items: features, groups, and how new items may differ from measured ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sciencegen.items import Item, Json, Reference, Refusal

if TYPE_CHECKING:  # they import libraries that many verbs don't need
    from sciencegen.prediction.blocks import Block
    from sciencegen.prediction.splits import Split


class FittedFeatures(Protocol):
    """Features of regressors that are fitted to the training items."""

    @property
    def blocks(self) -> Sequence[Block]: ...

    @property
    def defaults(self) -> Mapping[str, object]:
        """Settings of a predictor that suit these features."""

    def encode(self, items: Sequence[Item]) -> Sequence[np.ndarray | Refusal]: ...

    def novel(self, items: Sequence[Item]) -> np.ndarray:
        """[item] which items have something that no training item had."""

    def refusal(self, item: Item) -> str | None: ...

    def to_json(self) -> Json: ...


MakeSplit = Callable[[Sequence[Item], Any], "Split"]
"""(items, the domain's own `FittedFeatures`) -> Split."""


def all_alone(items: Sequence[Item]) -> list[str]:
    """Labels of items of which none belongs to another."""
    return [""] * len(items)


@dataclass(frozen=True, kw_only=True)
class Regression:
    """What property regressors see of items.

    Parameters
    ----------
    features : (items) -> [item feature]
    groups : (items) -> list of str, optional
        A label for each item (molecules: the scaffold), "" for one that is alone; a grouped split keeps equal labels
        together. Default: every item is alone.
    splits : mapping
        Name -> (items, fitted features) -> Split: how new items may differ from measured ones. None: by `groups`.
    fit : (items, reference) -> FittedFeatures or None, optional
        Features fitted to training items; None of it where `features` serve.
    load : (data) -> FittedFeatures, optional
        The inverse of `FittedFeatures.to_json`.
    """

    features: Callable[[Sequence[Item]], np.ndarray]
    groups: Callable[[Sequence[Item]], list[str]] = all_alone
    splits: Mapping[str, MakeSplit | None] = field(default_factory=dict)
    fit: Callable[[Sequence[Item], Reference | None], FittedFeatures | None] | None = None
    load: Callable[[Mapping[str, object]], FittedFeatures] | None = None
