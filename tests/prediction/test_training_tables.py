"""Tables of training data agree with one another."""

import numpy as np
import pytest

from sciencegen.errors import ShapeError
from sciencegen.prediction.training_tables import INPUTS, Split, TrainingTables, select_inputs

FEATURES, LATENTS, SCORES = np.ones((5, 3)), np.zeros((5, 2)), np.full((5, 1), 2.0)
VALUES = np.array([1.0, np.nan, 3.0, 4.0, 5.0])


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_are_the_tables_that_a_setting_names(name):
    tables = TrainingTables(FEATURES, VALUES, latents=LATENTS, scores=SCORES)
    assert tuple(tables.inputs(name)) == INPUTS[name]


def test_usable_rows_have_a_value_and_features():
    features = FEATURES.copy()
    features[3, :2] = np.nan
    usable, dropped = TrainingTables(features, VALUES).usable_rows("features")
    assert usable.tolist() == [True, False, True, False, True]
    assert dropped == {"value": 1, "features": 1}


def test_a_part_has_the_values_groups_and_split_of_its_rows():
    split = Split("low-high", "order", VALUES)
    part = TrainingTables(FEATURES, VALUES, list("abcde"), LATENTS, split=split).take(np.array([4, 0]))
    assert part.target.tolist() == [5.0, 1.0]
    assert part.groups == ["e", "a"]
    assert part.latents.shape == (2, 2)
    assert part.split.labels == [5.0, 1.0]


def test_tables_that_do_not_agree_are_refused():
    with pytest.raises(ShapeError, match="equal numbers of items"):
        select_inputs("both", FEATURES, LATENTS[:4])
    with pytest.raises(ShapeError, match="latents"):
        select_inputs("both", FEATURES, None)
    with pytest.raises(ShapeError, match="one value and one group"):
        TrainingTables(FEATURES, VALUES[:4]).usable_rows("features")
