"""Items that are arrays: text, tensors, and what a recipe learns of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from pointclouds import CODEC, DOMAIN

from sciencegen.domains.arrays import ArrayCodec, array_items, array_recipe
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal

RECIPE = DOMAIN.recipes["autoencoder"]


@pytest.fixture
def clouds():
    generator = np.random.default_rng(0)
    return [DOMAIN.items.text(cloud) for cloud in generator.normal(0, 1, (50, 5, 2))]


@pytest.mark.parametrize("shape", [(3,), (2, 3), (1, 1)])
def test_a_text_is_the_array_again(shape):
    items = array_items(shape, 3)
    for array in np.random.default_rng(0).normal(0, 100, (20, *shape)):
        again = items.parse(items.text(array))
        assert again.shape == shape
        assert np.array_equal(again, array.round(3))
        assert items.text(again) == items.text(array)
    assert items.text(np.full(shape, -0.0001)) == items.text(np.zeros(shape))
    assert array_items(shape, 0).text(np.full(shape, 10.2)).split(";")[0].split(" ")[0] == "10"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "got 1 x 0"), ("1 2;3", "columns parted"), ("1 2 3", "got 1 x 3"), ("1 x;2 3", "columns parted"),
     ("1 nan;2 3", "not finite"), ("1 inf;2 3", "not finite")],
)  # fmt: skip
def test_what_is_no_array_is_refused(text, reason):
    found = array_items((2, 2)).parse(text)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_a_representation_gives_items_back_and_survives_json(clouds):
    values = np.random.default_rng(1).normal(1, 0.5, (50, 2))
    values[3, 1] = np.nan
    fitted = RECIPE.fit(clouds, values, ["radius", "height"])
    again = RECIPE.load_representation(json.loads(json.dumps(fitted.to_json())))
    items = [DOMAIN.items.parse(text) for text in clouds]
    for one in (fitted, again):
        batch = one.batch(one.encode(items), values)
        assert [DOMAIN.items.text(item) for item in one.decode(batch)] == clouds
        assert batch["values"].std(0).numpy() == pytest.approx(np.ones(10), rel=0.05)
        assert torch.isnan(batch.condition[3]).tolist() == [False, True]
        assert one.scales == pytest.approx(dict(zip(("radius", "height"), np.nanstd(values, 0), strict=True)))
    assert fitted.condition({"radius": values[:, 0].mean()})[0] == pytest.approx(0, abs=1e-6)
    with pytest.raises(ConfigError, match="radius"):
        fitted.condition({"radios": 1.0})
    assert "beyond 50" in fitted.encode([np.full((5, 2), 60.0)])[0].reason


def test_no_items_are_an_error():
    with pytest.raises(DataError, match="found none among 1 rows"):
        CODEC.fit(["junk"], np.ones((1, 0)), [])


def test_fine_tuning_keeps_the_conditions(clouds):
    values = np.ones((50, 1))
    fitted = RECIPE.fit(clouds, values, ["radius"])
    assert RECIPE.adaptation.adapt_representation(fitted, clouds, values, ["radius"]) is fitted
    with pytest.raises(ConfigError, match="height"):
        RECIPE.adaptation.adapt_representation(fitted, clouds, values, ["height"])


PAIRS = ArrayCodec(array_items((2,)), np.array, lambda vector: tuple(vector.round(3).tolist()))
"""Items are pairs of numbers here."""


def test_a_missing_number_is_masked_and_columns_are_standardized_by_what_is_known():
    codec = replace(PAIRS, array=lambda item: np.where(item == 99, np.nan, item))
    fitted = codec.fit(["1 10", "3 14", "2 99"], np.array([[1.0], [np.nan], [3.0]]), ["width"])
    np.testing.assert_allclose(fitted.values, [[2, 12], [np.sqrt(2 / 3), 2]])
    np.testing.assert_allclose(fitted.moments, [[2], [1]])
    whole = fitted.encode([np.array([2.0, 12.0])])
    assert fitted.batch(whole).mask is None
    batch = fitted.batch([*whole, *fitted.encode([np.array([2.0, 99.0])])])
    assert batch["values"].tolist() == [[0, 0], [0, 0]]
    assert batch.mask.tolist() == [[True, True], [True, False]]


def test_other_numbers_are_refused_with_a_reason():
    fitted = PAIRS.fit(["1 10", "3 14"], np.empty((2, 0)), [])
    refused = fitted.encode([(1.0,), (np.inf, 1.0), (np.nan, np.nan)])
    assert [one.reason for one in refused] == ["1 numbers, expected 2", *["infinite numbers, or none at all"] * 2]


def test_a_recipe_of_arrays_gives_items_back_and_is_judged_in_bits():
    recipe = array_recipe(PAIRS)
    fitted = recipe.fit(["1 10", "3 14"], np.empty((2, 0)), [])
    torch.manual_seed(0)
    model = recipe.build(fitted, recipe.settings(latent=2, width=8))
    encoded = fitted.encode([(1.0, 10.0), (3.0, 14.0)])
    assert fitted.decode(model.decode(model.encode(fitted.batch(encoded)))) == [(1.0, 10.0), (3.0, 14.0)]
    assert set(recipe.check(model, fitted, encoded)) == {"bits_per_value"}


def test_labels_that_are_classes_are_given_as_in_the_data():
    recipe = array_recipe(PAIRS)
    settings = recipe.settings(latent=2, width=8, semi_supervised=True, label_values=(1.0, 3.0))
    fitted = recipe.fit(["1 10", "3 14", "5 12"], np.array([[1.0], [3.0], [np.nan]]), ["kind"])
    model = recipe.build(fitted, settings)
    batch = fitted.batch(fitted.encode([(1.0, 10.0), (3.0, 14.0)]), np.array([[np.nan], [3.0]]))
    filled = model.infer_condition(batch).numpy() * fitted.moments[1] + fitted.moments[0]
    assert filled[0, 0] in (1.0, 3.0)
    assert filled[1, 0] == 3.0
