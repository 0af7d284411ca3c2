"""Features of items: the domain's own, or fitted ones with a row of NaN where an item has none."""

from types import SimpleNamespace

import numpy as np
import pytest
from pointclouds import DOMAIN
from rdkit import Chem

from sciencegen.api.predictors.folder import FeatureInputs, features_as_saved, fitted_features
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
    assert features_as_saved("pointclouds", SimpleNamespace(made_by={}, columns={})).fitted is None
    with pytest.raises(IncompatibleError, match="fitted features"):
        features_as_saved("pointclouds", SimpleNamespace(made_by={"kind": "lengths"}))


@pytest.mark.parametrize("made_by", [{"numbers": {}}, {"numbers": {"x": "1"}, "categories": {}}, {"numbers": 1}])
def test_fitted_features_that_were_changed_are_an_error(made_by):
    with pytest.raises(IncompatibleError, match="missing or changed"):
        features_as_saved("arrays", SimpleNamespace(made_by=made_by))


def test_a_predictor_gets_the_columns_that_it_was_trained_on():
    molecules = [Chem.MolFromSmiles(text) for text in ("C[C@H](N)O", "C[C@@H](N)O")]
    now = FeatureInputs("molecules")(molecules)
    for size, equal in ((2075, True), (now.shape[1], False)):
        predictor = SimpleNamespace(made_by={}, columns={"features": SimpleNamespace(size=size)})
        rows = features_as_saved("molecules", predictor)(molecules)
        assert np.array_equal(rows, now[:, :size])
        assert np.array_equal(*rows) == equal
