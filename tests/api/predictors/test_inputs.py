"""Inputs of predictors: splits by name, and latents with a row of NaN for items that can't be encoded."""

from types import SimpleNamespace

import numpy as np
import pytest

from sciencegen.api.predictors.folder import (
    ModelInputs,
    known_splits,
    latents_of,
    observing_of,
    read_observing,
    split_of,
    write_observing,
)
from sciencegen.api.train_predictor import check_predictor
from sciencegen.config import PredictorSettings
from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.items import Refusal
from sciencegen.runs import RunFolder


def test_splits_have_names():
    assert {"random", "grouped", "low-high"} <= set(known_splits("pointclouds"))
    with pytest.raises(SciencegenError, match="Did you mean 'grouped'"):
        check_predictor("pointclouds", PredictorSettings(table="t.csv", target="y", split="grouepd"))
    values = np.array([1.0, 2.0])
    assert split_of("pointclouds", None, [], None, [], values) is None
    assert split_of("pointclouds", "grouped", [], None, ["a", "b"], values).name == "grouped"
    with pytest.raises(ConfigError, match="has none"):
        split_of("pointclouds", "grouped", [], None, ["", ""], values)


def test_a_split_of_variants_needs_a_reference():
    own = [name for name in known_splits("proteins") if name not in known_splits("pointclouds")]
    assert own
    with pytest.raises(DataError, match="Pass `split` random"):
        split_of("proteins", own[0], [], None, [], np.empty(0))


def test_items_that_cannot_be_encoded_have_no_latent():
    space = SimpleNamespace(size=2, encode_arrays=lambda arrays: np.array([[one, one] for one in arrays]))
    representation = SimpleNamespace(encode=lambda items: [Refusal("no") if one < 0 else one for one in items])
    found = latents_of(SimpleNamespace(model=None, space=space, representation=representation), [1, -1, 3])
    assert np.array_equal(found, [[1, 1], [np.nan, np.nan], [3, 3]], equal_nan=True)


def test_a_model_without_scores_says_what_to_pass():
    inputs = ModelInputs("pointclouds", "m")
    inputs.__dict__["loaded"] = SimpleNamespace(usual_oracles={})
    with pytest.raises(ConfigError, match="inputs=features"):
        _ = inputs.scorers


def test_the_instrument_of_an_earlier_run_does_not_stay(tmp_path):
    run = RunFolder(tmp_path)
    write_observing(run, SimpleNamespace(to_json=lambda: {"side": 3}))
    assert run.has("observing.json")
    write_observing(run, None)
    assert read_observing("pointclouds", run) is None
    assert observing_of("pointclouds", ["0 0;1 0;0 1;1 1;2 2"]) is None
