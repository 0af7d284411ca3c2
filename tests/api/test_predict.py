"""predict: a single predictor's columns are named by its targets, several predictors' by the given names."""

import numpy as np
import pandas as pd

from sciencegen.api.score import predict


def test_names_of_columns_are_those_of_the_predictors(workspace):
    folder, table = str(workspace.folder / "predictor"), pd.read_csv(workspace.folder / "clouds.csv")
    items = [*table["cloud"][:3], "junk"]
    one = predict("pointclouds", items, folder, threads=1).table
    two = predict("pointclouds", items, {"a": folder, "b": folder}, threads=1).table
    assert np.array_equal(one["measured"], two["a"], equal_nan=True)
    assert two["a"].equals(two["b"].rename("a"))
    assert one["measured"].notna().tolist() == [True] * 3 + [False]
    assert (one["measured_lower"][:3] <= one["measured_upper"][:3]).all()
