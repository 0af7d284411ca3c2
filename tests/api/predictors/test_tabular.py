"""The training rows of a regressor."""

import numpy as np
import pytest
from pointclouds import DOMAIN

from sciencegen.api.train_predictor import Describe, usable_rows
from sciencegen.config import PredictorSettings
from sciencegen.errors import DataError
from sciencegen.items import Refusal, Row

CLOUD = "0 0;1 0;0 1;1 1;2 2"


def test_rows_need_an_item_and_a_value():
    rows = [Row(2, CLOUD, {"y": 1.0}), Row(3, CLOUD, {}), Row(4, "junk", {"y": 2.0})]
    usable = usable_rows("pointclouds", rows, PredictorSettings(table="t.csv", target="y", threads=1))
    assert usable.values.tolist() == [1.0]
    assert sorted(line for line, _, _ in usable.refused) == [3, 4]
    assert np.array_equal(usable.features[:], DOMAIN.regression.features([DOMAIN.items.parse(CLOUD)]))
    assert usable.groups == DOMAIN.regression.groups([DOMAIN.items.parse(CLOUD)])


def test_a_note_counts_the_salts_that_were_stripped():
    rows = [Row(2, "CCO.Cl", {"y": 1.0}), Row(3, "CCN", {"y": 2.0}), Row(4, "[Na+].[Cl-]", {"y": 3.0})]
    usable = usable_rows("molecules", rows, PredictorSettings(table="t.csv", target="y", threads=1))
    assert usable.texts == ("CCO", "CCN", "Cl")
    what = "several molecules (salts, solvents, mixtures), of which the largest is taken, those with carbon first"
    assert usable.notes == [f"2 rows hold {what}: line 2, 4"]


def test_a_target_that_no_row_has_is_an_error_with_the_columns():
    with pytest.raises(DataError, match="measured"):
        usable_rows("pointclouds", [Row(1, CLOUD, {"measured": 1.0})], PredictorSettings(table="t", target="mesured"))


def test_texts_are_standardized_and_what_is_none_keeps_its_place():
    first, second = Describe("pointclouds")(["junk", CLOUD.replace("1", "1.00")])
    assert isinstance(first, Refusal)
    assert second[0] == CLOUD
