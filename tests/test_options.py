"""Public verbs have typed, named arguments: the same as the settings records that they obey."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen import config
from sciencegen.errors import ConfigError
from tests.stubs import STUB, Stub

PACKAGE = Path(sg.__file__).parent

FUNCTIONS = {name: vars(getattr(sg, name)) for name in sg.PUBLIC_NAMES if inspect.isfunction(getattr(sg, name))}
VERBS = {name: found["settings"] for name, found in FUNCTIONS.items() if "settings" in found}
"""Verb -> the record that its keyword options make."""


def test_help_lists_every_setting_with_its_default_and_a_sentence():
    for name, record in VERBS.items():
        shown, text = inspect.signature(getattr(sg, name)).parameters, inspect.getdoc(getattr(sg, name))
        assert not [one for one in shown.values() if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
        for field, info in record.model_fields.items():
            assert info.description, (name, field)
            assert re.search(rf"(?m)^([a-z_]+, )*{field}\b(, [a-z_]+)* : ", text), (name, field)
            if not info.is_required() and shown[field].default is not inspect.Parameter.empty:
                assert shown[field].default == info.get_default(call_default_factory=True)


def test_an_unknown_setting_is_an_error_that_names_the_nearest():
    with pytest.raises(sg.ConfigError, match="did you mean 'noise_scale'"):
        sg.generate("pointclouds", 2, noise_scal=0.5)


def test_a_record_still_stands_for_its_settings_with_a_warning():
    with (
        pytest.warns(FutureWarning, match="keyword arguments"),
        pytest.raises(sg.ConfigError, match="Expected what to compare with"),
    ):
        sg.evaluate("pointclouds", "none.csv", settings=config.EvaluateSettings(limit=1))
    record = config.PredictorSettings(table="none.csv", target="measured")
    with pytest.warns(FutureWarning, match="keyword arguments"), pytest.raises(sg.SciencegenError, match=r"none\.csv"):
        sg.train_predictor("pointclouds", record.table, record, folder="p")  # a field that is given by position, too


def test_an_old_keyword_is_taken_with_a_warning():
    told = r"pass settings=\{'steps': 0\} in place of steps: version 0.5"
    with pytest.warns(FutureWarning, match=told), pytest.raises(sg.ConfigError, match=r"'settings\.steps'"):
        sg.generate("pointclouds", 2, steps=0)


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def test_the_stub_is_current():
    assert STUB.read_text() == Stub().text(), "Run `make stubs`."


def test_a_table_in_memory_is_an_error_that_names_the_argument():
    table = pd.DataFrame({"item": ["CCO"], "y": [1.0]})
    for call in (
        lambda: sg.train("molecules", table),
        lambda: sg.latent_map("molecules", table),
        lambda: sg.prepare("molecules", "data", source=table),
        lambda: sg.evaluate("molecules", table),
    ):
        with pytest.raises(ConfigError, match=r"items as '(data|items|source|samples)', got a DataFrame"):
            call()
    for items in (table, table["item"]):
        assert len(sg.score("molecules", items, ["qed"]).table) == 1


def test_documentation_says_what_false_does_where_true_is_the_default():
    assert "novel : bool\n    False: return items of the training data" in inspect.getdoc(sg.optimize)
    assert "measured : str or sequence of str\n    Tables of" in inspect.getdoc(sg.propose)
    assert "\n    - `prior_target`: Column of values in `prior`." in inspect.getdoc(sg.propose)
