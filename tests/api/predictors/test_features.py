"""Features of items: the domain's own, or fitted ones with a row of NaN where an item has none."""

from types import SimpleNamespace

import numpy as np
import pytest
from pointclouds import DOMAIN

from sciencegen.api.predictors.features import FeatureInputs, features_as_saved, fitted_features
from sciencegen.errors import IncompatibleError
from sciencegen.items import Refusal

ITEMS = [DOMAIN.items.parse("0 0;1 0;0 1;1 1;2 2")]


class Lengths:
    """Features of texts, of which some have none."""

    blocks = (SimpleNamespace(size=1), SimpleNamespace(size=2))

    def encode(self, items):
        return [Refusal("empty") if not item else np.full(3, len(item), np.float32) for item in items]

    def to_json(self):
        return {"kind": "lengths"}


def test_a_domain_that_fits_none_has_its_own_features():
    made = fitted_features("pointclouds", ITEMS, None)
    assert np.array_equal(made(ITEMS), DOMAIN.regression.features(ITEMS))
    assert (made.blocks, made.defaults, made.made_by) == ((), {}, {})


def test_an_item_without_fitted_features_is_a_row_of_nan():
    found = FeatureInputs("pointclouds", Lengths())(["abc", ""])
    assert found[0].tolist() == [3, 3, 3]
    assert np.isnan(found[1]).all()


def test_fitted_features_that_a_domain_cannot_read_are_an_error():
    assert features_as_saved("pointclouds", SimpleNamespace(made_by={})).fitted is None
    with pytest.raises(IncompatibleError, match="fitted features"):
        features_as_saved("pointclouds", SimpleNamespace(made_by={"kind": "lengths"}))
