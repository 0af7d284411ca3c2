"""Features of items for regressors: the domain's own, or features that are fitted to the training items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.science.forms import plain_of
from sciencegen.data.damage import reason_of
from sciencegen.domains.regression import FittedFeatures
from sciencegen.errors import IncompatibleError, converted
from sciencegen.items import Item, Reference, Refusal

if TYPE_CHECKING:  # they import libraries that many verbs don't need
    from sciencegen.prediction import Predictor
    from sciencegen.prediction.blocks import Block


@dataclass(frozen=True)
class FeatureInputs:
    """Features of items of a domain. fitted: features that were fitted to items, for domains that fit them. columns:
    number of columns that a predictor was trained on, maybe with an earlier version; None: those of this version."""

    domain: str
    fitted: FittedFeatures | None = None
    columns: int | None = None

    def __call__(self, items: Sequence[Item]) -> np.ndarray:
        """[item feature], a row of NaN for items without features."""
        if self.fitted is None:
            regression = plain_of(self.domain).regression
            now = regression.features
            return (now if self.columns is None else regression.earlier.get(self.columns, now))(items)
        rows = self.fitted.encode(items)
        missing = np.full(sum(block.size for block in self.fitted.blocks), np.nan, np.float32)
        return np.stack([missing if isinstance(row, Refusal) else row for row in rows])

    @property
    def blocks(self) -> Sequence[Block]:
        return () if self.fitted is None else self.fitted.blocks

    @property
    def defaults(self) -> Mapping[str, object]:
        return {} if self.fitted is None else self.fitted.defaults

    @property
    def made_by(self) -> Mapping[str, object]:
        return {} if self.fitted is None else self.fitted.to_json()


def features_as_saved(domain: str, predictor: Predictor) -> FeatureInputs:
    """The features that a predictor was trained on."""
    if not predictor.made_by:
        features = predictor.columns.get("features")
        return FeatureInputs(domain, columns=None if features is None else features.size)
    load = plain_of(domain).regression.load
    if load is None:
        raise IncompatibleError(f"Expected a predictor with features of {domain}, got one with fitted features.")
    with converted(
        lambda error: IncompatibleError(
            f"Expected a predictor with features of {domain}, got one whose features are missing or changed "
            f"({type(error).__name__}: {reason_of(error)}). Copy its folder again, or train it again."
        )
    ):
        return FeatureInputs(domain, load(predictor.made_by))


def fitted_features(domain: str, items: Sequence[Item], reference: Reference | None) -> FeatureInputs:
    """The domain's features, fitted to these items if the domain fits features."""
    fit = plain_of(domain).regression.fit
    return FeatureInputs(domain, None if fit is None else fit(items, reference))
