"""Flags that several verbs share: how their texts are parsed, and their precedence."""

from __future__ import annotations

from functools import partial

import pytest

from sciencegen.cli.options import folders, names, pairs, settings_from
from sciencegen.config import GenerateSettings, TrainSettings
from sciencegen.errors import ConfigError


def test_flags_win_over_settings_and_those_not_given_leave_defaults():
    chosen = settings_from(GenerateSettings, "{n: 7, seed: 3}", n=5, seed=None, where=[])
    assert (chosen.n, chosen.seed, chosen.where) == (5, 3, ())


def test_a_setting_of_the_training_leaves_the_others():
    """A workflow adds the number of devices to the training of its config."""
    base = "{training: {steps: 3, devices: 1}, settings: {width: 8}}"
    chosen = settings_from(TrainSettings, base, training={"devices": 4}, settings={})
    assert (chosen.training, chosen.settings) == ({"steps": 3, "devices": 4}, {"width": 8})


def test_values_are_read_as_yaml():
    assert pairs(["steps=3", "sizes=[1, 2]", "name=a=b"], "--set") == {"steps": 3, "sizes": [1, 2], "name": "a=b"}
    assert folders(["gap=7"]) == {"gap": "7"}
    assert folders(["gap = my runs #1: a"]) == {"gap": "my runs #1: a"}
    assert names(["a, b", "c,"]) == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["steps", "=3", "x={"])
def test_what_is_no_pair_is_refused(text):
    with pytest.raises(ConfigError, match="Expected --set name=value"):
        pairs([text], "--set")


def test_a_predictor_needs_a_name():
    with pytest.raises(ConfigError, match="Expected --predictor NAME=FOLDER"):
        folders(["folder"])


def test_a_verb_with_set_says_so_where_settings_are_taken_for_it():
    with pytest.raises(ConfigError, match=r"--set NAME=VALUE\. Pass settings of the training with --training"):
        settings_from(TrainSettings, "{members: 1}", settings={}, training={})


@pytest.mark.parametrize("text", ["1: 2", "[" * 3000, "{a: !!timestamp x}", "&a [*a]"])
@pytest.mark.parametrize(
    "words", [("generate", "pointclouds"), ("optimize", "pointclouds"), ("evaluate", "pointclouds", "x.csv")]
)
def test_odd_settings_are_told(cli, words, text):
    found = cli(*words, "--settings", text)
    assert (found.code, found.err.startswith("error: ")) == (2, True)


def test_odd_values_of_settings_are_told(cli, tmp_path):
    odd = partial(cli, "train", "pointclouds", "--data", "clouds.csv", "-o", "out", "--training")
    for value in ("[" * 3000, "!!timestamp x", "2024-13-99"):
        assert odd(f"steps={value}").code == 2
