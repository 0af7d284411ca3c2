"""Items that are arrays: text, tensors, and what a recipe learns of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from pointclouds import CODEC, DOMAIN

from sciencegen.domains.arrays import ArrayCodec, array_items, array_recipe
from sciencegen.domains.base import ItemIO
from sciencegen.domains.capabilities import TaskSettings
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
     ("1 nan;2 3", "not finite"), ("1 inf;2 3", "not finite"),
     ("1e308 1;2 3", "expected numbers of at most 1e+18 in magnitude, got 1e+308"), ("1 2;-1e19 3", "got 1e+19")],
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


def test_the_text_of_the_largest_numbers_is_parsed():
    items = array_items((2,), 2)
    largest = items.parse("1e18 -1e18")
    assert np.array_equal(items.parse(items.text(largest)), largest)


def test_one_row_of_huge_numbers_does_not_stop_training():
    free = ItemIO(parse=lambda text: np.array(text.split(), float), text=str)
    codec = ArrayCodec(free, array=lambda item: item, item=lambda vector: vector)
    fitted = codec.fit(["1 10", "1e300 10", "3 10", "1e-300 10"], np.empty((4, 0)), ())
    refused, kept = fitted.encode([free.parse("1e300 10"), free.parse("3 10")])
    assert refused == Refusal("expected numbers of at most 1e+18 in magnitude, got 1e+300")
    assert np.isfinite(kept).all()
    tight = codec.fit(["0 1e-5", "1e-9 2e-5"], np.empty((2, 0)), ())
    assert "at most 1e+18" in tight.encode([free.parse("1e18 0")])[0].reason
    drawn = fitted.batch([np.full(2, 1e30, np.float32)])
    assert "at most 1e+18" in fitted.decode(drawn)[0].reason


def test_a_constant_number_is_not_divided_by_rounding_error():
    fitted = PAIRS.fit(["0.1 1", "0.1 2", "0.1 3"], np.empty((3, 0)), ())
    assert fitted.values[1, 0] == 1.0
    recipe = array_recipe(PAIRS)
    batch = fitted.batch(fitted.encode([(0.1, 1.0), (0.1, 3.0)]))
    torch.manual_seed(0)
    model = recipe.build(fitted, recipe.settings(latent=2, width=8))
    model.finish([batch] * 2, torch.Generator().manual_seed(0), steps=2)
    assert torch.isfinite(model.loss(batch, 0, torch.Generator().manual_seed(0))["loss"])


def test_a_codec_may_refuse_items_and_vectors():
    positive = ArrayCodec(
        array_items((2,), 1),
        array=lambda item: Refusal("below zero") if item.min() < 0 else item,
        item=lambda vector: Refusal("below zero") if vector.min() < 0 else vector.round(1),
    )
    fitted = positive.fit(["1 2", "-1 2", "3 4"], np.empty((3, 0)), ())
    assert fitted.values[0].tolist() == [2.0, 3.0]
    refused, kept = fitted.encode([np.array([-1.0, 2.0]), np.array([1.0, 2.0])])
    assert refused == Refusal("below zero")
    batch = fitted.batch([kept, kept - 9])
    assert [isinstance(item, Refusal) for item in fitted.decode(batch)] == [False, True]


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


# Typed numbers: a real one, a count, a class and an ordered class.

KINDS = ("real", "count", "categorical", "ordered")
TYPED = ArrayCodec(array_items((4,), 3), array=lambda item: np.ravel(item), item=lambda vector: vector.reshape(1, 4))


def typed_texts(count=200):
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, count)
    columns = (
        rng.normal(5 * kind, 1),
        rng.poisson(1 + 4 * kind),
        kind,
        np.clip(kind + rng.integers(0, 2, count), 0, 3),
    )
    return [
        " ".join(f"{x:.3f}" if at == 0 else f"{int(x)}" for at, x in enumerate(row))
        for row in zip(*columns, strict=True)
    ], kind


@pytest.fixture(scope="module")
def typed():
    """A recipe of typed numbers, what it learned of the classes, and its trained model."""
    recipe = array_recipe(TYPED, conditions=("kind",), columns=KINDS)
    texts, kind = typed_texts()
    fitted = recipe.fit(texts, kind[:, None].astype(float), ["kind"])
    torch.manual_seed(0)
    model = recipe.build(fitted, recipe.settings(latent=2, width=32))
    batch = fitted.batch(fitted.encode([TYPED.items.parse(text) for text in texts]), kind[:, None].astype(float))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for step in range(300):
        loss = model.loss(batch, step, torch.Generator().manual_seed(step))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return recipe, fitted, model.eval()


def test_typed_numbers_have_likelihoods_of_their_own_and_survive_json(typed):
    recipe, fitted, model = typed
    again = recipe.load_representation(json.loads(json.dumps(fitted.to_json())))
    assert (again.columns, again.likelihoods) == (fitted.columns, fitted.likelihoods)
    assert fitted.likelihoods[2:] == ("categorical", "discretized_logistic")
    rebuilt = recipe.build(again, model.settings)
    rebuilt.load_state_dict(model.state_dict())


def test_draws_of_typed_numbers_are_of_their_types_and_obey_a_condition(typed):
    _, fitted, model = typed
    for kind in (0, 2):
        condition = torch.from_numpy(fitted.condition({"kind": kind})).expand(300, 1)
        noise = torch.randn(300, model.latent_size, generator=torch.Generator().manual_seed(1))
        rows = np.concatenate(fitted.decode(model.generate(noise, condition)))
        assert (rows[:, 1:] == rows[:, 1:].round()).all()
        assert rows[:, 1].min() >= 0
        assert set(rows[:, 2]) <= {0, 1, 2}
        assert abs(rows[:, 2].mean() - kind) < 0.3


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1 2.5 1 1", "number 2 is 2.5, expected whole numbers"), ("1 2 7 1", "number 3 is 7, expected 0, 1 or 2")],
)
def test_a_number_of_another_type_is_refused(typed, text, reason):
    assert reason in typed[1].encode([TYPED.items.parse(text)])[0].reason


def test_likelihoods_of_typed_items_are_an_oracle(typed):
    recipe, fitted, model = typed
    oracle = recipe.oracles.make(model, fitted, None)["log_likelihood"]
    usual, odd = (one.value for one in oracle.score([TYPED.items.parse(text) for text in ("5 5 1 1", "5 5 0 3")]))
    assert usual > odd + 1


def test_typed_items_are_varied(typed):
    recipe, fitted, model = typed
    near, far = (
        recipe.tasks.resolve(model, fitted, TaskSettings(vary="5 5 1 1", noise_level=level)) for level in (0.05, 0.9)
    )
    noise = torch.randn(100, model.latent_size, generator=torch.Generator().manual_seed(2))
    start = torch.tensor(fitted.condition({"kind": 1})).expand(100, 1)
    spread = [np.concatenate(fitted.decode(task.draw(noise, start)))[:, 0].std() for task in (near, far)]
    assert spread[0] < spread[1]
    with pytest.raises(DataError, match="number 3 is 9, expected 0, 1 or 2"):
        recipe.tasks.resolve(model, fitted, TaskSettings(vary="5 5 9 1"))


@pytest.mark.parametrize(
    ("columns", "error"), [(("real",), "4 numbers"), (("real", "count", "category", "real"), "category")]
)
def test_types_that_do_not_fit_are_errors(columns, error):
    with pytest.raises(ConfigError, match=error):
        TYPED.fit(typed_texts()[0], np.empty((200, 0)), (), columns)
