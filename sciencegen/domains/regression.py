"""Inputs of property regressors: features, groups, and splits that imitate how new items differ from measured ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sciencegen.items import Item, Json, Reference, Refusal

if TYPE_CHECKING:  # they import libraries that many verbs don't need
    from sciencegen.prediction.columns import FeatureBlock
    from sciencegen.prediction.training_tables import Split


class FittedFeatures(Protocol):
    """Features for regressors, fitted to the training items."""

    @property
    def blocks(self) -> Sequence[FeatureBlock]: ...

    @property
    def defaults(self) -> Mapping[str, object]:
        """Settings of a predictor that work well with these features."""

    def encode(self, items: Sequence[Item]) -> Sequence[np.ndarray | Refusal]: ...

    def novel(self, items: Sequence[Item]) -> np.ndarray:
        """[item] whether an item has a feature that no training item had."""

    def refusal(self, item: Item) -> str | None: ...

    def to_json(self) -> Json: ...


MakeFeatures = Callable[[Sequence[Item]], np.ndarray]
"""items -> [item feature]"""

MakeSplit = Callable[[Sequence[Item], Any], "Split"]
"""(items, the domain's own `FittedFeatures`) -> Split."""


def all_alone(items: Sequence[Item]) -> list[str]:
    """Labels that put each item in a group of its own."""
    return [""] * len(items)


def no_notes(texts: Sequence[str]) -> list[str]:
    """Nothing to say of any training items."""
    return []


@dataclass(frozen=True, kw_only=True)
class Regression:
    """Inputs of property regressors.

    Parameters
    ----------
    features : (items) -> [item feature]
    groups : (items) -> list of str, optional
        A label for each item (molecules: the scaffold), "" for an item without a group; a grouped split keeps items
        with equal labels together. Default: no item has a group.
    splits : mapping
        Name -> (items, fitted features) -> Split: a split by how new items may differ from measured ones. None: split
        by `groups`.
    fit : (items, reference) -> FittedFeatures or None, optional
        Fit features to training items; returns None if `features` are to be used instead.
    load : (data) -> FittedFeatures, optional
        The inverse of `FittedFeatures.to_json`.
    earlier : mapping
        Number of columns -> `features` of an earlier version, for predictors that were trained on it.
    notes : (texts) -> list of str, optional
        What a predictor of these training items can't know, in sentences for the log. Texts are those of `ItemIO.text`.
    """

    features: MakeFeatures
    groups: Callable[[Sequence[Item]], list[str]] = all_alone
    splits: Mapping[str, MakeSplit | None] = field(default_factory=dict)
    fit: Callable[[Sequence[Item], Reference | None], FittedFeatures | None] | None = None
    load: Callable[[Mapping[str, object]], FittedFeatures] | None = None
    earlier: Mapping[int, MakeFeatures] = field(default_factory=dict)
    notes: Callable[[Sequence[str]], list[str]] = no_notes
