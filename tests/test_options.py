"""Public verbs have typed, named arguments: the same as the settings records that they obey."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Required, get_args, get_origin, get_type_hints

import pandas as pd
import pytest
from pydantic import BaseModel

import sciencegen as sg
from sciencegen import config, options
from sciencegen.errors import ConfigError

PACKAGE = Path(sg.__file__).parent

VERBS = {
    "encode": (options.EncodeOptions, config.EncodeSettings),
    "decode": (options.DecodeOptions, config.DecodeSettings),
    "latent_map": (options.MapOptions, config.MapSettings),
    "explore": (options.MapOptions, config.MapSettings),
    "interpolate": (options.InterpolateOptions, config.InterpolateSettings),
    "backtest": (options.BacktestOptions, config.BacktestSettings),
    "cutout": (options.CutoutOptions, config.CutoutSettings),
    "restore": (options.RestoreOptions, config.RestoreSettings),
    "compress": (options.CompressOptions, config.CompressSettings),
    "decompress": (options.DecompressOptions, config.DecompressSettings),
    "benchmark": (options.BenchmarkOptions, config.BenchmarkSettings),
    "evaluate": (options.EvaluateOptions, config.EvaluateSettings),
    "generate": (options.GenerateOptions, config.GenerateSettings),
    "optimize": (options.OptimizeOptions, config.OptimizeSettings),
    "prepare": (options.PrepareOptions, config.PrepareSettings),
    "propose": (options.ProposeOptions, config.ProposeSettings),
    "record": (options.RecordOptions, config.RecordSettings),
    "replay": (options.ReplayOptions, config.ReplaySettings),
    "predict": (options.PredictOptions, config.PredictSettings),
    "score": (options.ScoreOptions, config.ScoreSettings),
    "score_variants": (options.VariantOptions, config.VariantScoringSettings),
    "sequences": (options.SequencesOptions, config.SequencesSettings),
    "train": (options.TrainOptions, config.TrainSettings),
    "train_predictor": (options.PredictorOptions, config.PredictorSettings),
}
"""Verb -> the type of its keyword options and the record that they make."""


def accepted(kind: Any) -> Any:
    """What may be passed where a record's field has this type."""
    if kind in config.TEXTS:
        return options.Texts if kind == config.TEXTS[0] else options.Texts | None
    if get_origin(kind) is dict:
        key, value = get_args(kind)
        return Mapping[key, accepted(value)]  # type: ignore[valid-type]
    if get_origin(kind) is tuple:
        return Sequence[get_args(kind)[0]]
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return kind | Mapping[str, Any]
    return kind


def named_arguments(name: str) -> set[str]:
    """Those that the verb names itself."""
    verb = inspect.unwrap(getattr(sg, name))
    return {one.name for one in inspect.signature(verb, follow_wrapped=False).parameters.values()}


@pytest.mark.parametrize("name", VERBS)
def test_options_are_the_fields_of_the_settings(name):
    typed, record = VERBS[name]
    hints = get_type_hints(typed)
    fields = {field: info for field, info in record.model_fields.items() if field not in named_arguments(name)}
    assert set(hints) == set(fields)
    assert {field: hints[field] for field in fields} == {f: accepted(i.annotation) for f, i in fields.items()}
    written = get_type_hints(typed, include_extras=True)
    required = {field for field, hint in written.items() if get_origin(hint) is Required}
    assert required == {field for field, info in fields.items() if info.is_required()}


@pytest.mark.parametrize("name", VERBS)
def test_help_lists_every_setting_with_its_default(name):
    shown = inspect.signature(getattr(sg, name)).parameters
    assert not [one for one in shown.values() if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
    for field, info in VERBS[name][1].model_fields.items():
        assert field in shown
        if not info.is_required() and shown[field].kind is inspect.Parameter.KEYWORD_ONLY:
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


@pytest.mark.parametrize("path", sorted((PACKAGE / "api").rglob("*.py")), ids=lambda path: path.name)
def test_no_function_takes_any_keyword(path):
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    loose = [one.name for one in functions if (last := one.args.kwarg) and not _is_unpacked(last.annotation)]
    assert not loose


def _is_unpacked(annotation):
    return annotation is not None and ast.unparse(annotation).startswith("Unpack[")


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def test_the_stub_shows_every_public_name_from_its_module():
    """`sciencegen` fetches names on use, which an editor can't follow."""
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    shown = {one.names[0].asname: one.module for one in tree.body if isinstance(one, ast.ImportFrom)}
    assert shown == sg.PUBLIC_NAMES


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
    assert "prior_target : str, optional\n    Column of values in `prior`." in inspect.getdoc(sg.propose)
