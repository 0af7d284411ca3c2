"""Flags that several verbs share: how their texts are parsed, and their precedence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import pandas as pd
import pytest
import typer
from annotated_types import Ge
from pydantic import Field
from typer.testing import CliRunner

from sciencegen import Result
from sciencegen.cli.commands import command
from sciencegen.cli.main import app
from sciencegen.cli.options import (
    CheckedOnly,
    command_of,
    flags_of,
    folders,
    names,
    only_checking,
    pairs,
    record_of,
    settings_from,
    settings_of,
)
from sciencegen.config import (
    Flag,
    GenerateSettings,
    ProposeSettings,
    Settings,
    TrainSettings,
    build_settings,
    flags_of_field,
    flat,
    further_of,
    kind_of,
)
from sciencegen.config.base import ONLY_INSIDE
from sciencegen.errors import ConfigError
from sciencegen.options import takes


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


@pytest.mark.long
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


class Made(Settings):
    """Settings of a command."""

    whole: Annotated[bool | None, Flag("--whole/--part")] = Field(None, description="Of a set: all of it, or a part.")
    share: float = Field(30.0, description="Its share.")
    values: dict[str, tuple[float, ...]] = Field({}, description="NAME=1,2,3.")
    source: str = Field("", description="A file.")


class Kept(Settings):
    """Settings of another purpose of the same command."""

    source: str = Field("", description="Kept: a place.")
    deep: bool = Field(False, description="Look below.")


def seen(decorator: Callable[..., Any], command: Callable[..., None], *words: str) -> Any:
    """The result of a command line: its exit code and texts."""
    app = typer.Typer(rich_markup_mode="markdown")
    app.command()(decorator(command))
    return CliRunner().invoke(app, [*words], env={"COLUMNS": "200"})


def test_switches_of_three_states_and_texts_of_defaults():
    def command(settings: Made) -> None:
        print(settings.whole, settings.share, settings.values)

    made = flags_of(Made, text=False)
    assert seen(made, command).output == "None 30.0 {}\n"
    assert seen(made, command, "--part", "--values", "a=1,2").output == "False 30.0 {'a': (1.0, 2.0)}\n"
    assert seen(made, command, "--whole", "--values", "a=1").output == "True 30.0 {'a': (1.0,)}\n"
    assert "Its share. [default: 30]" in seen(made, command, "--help").output


def test_a_command_s_parameter_named_like_a_setting_gives_its_value():
    def command(source: Annotated[str, typer.Argument()], settings: Made, share: float | None = None) -> None:
        print(source, settings.source, share, settings.share)

    made = flags_of(Made, text=False)
    assert seen(made, command, "a.csv").output == "a.csv a.csv None 30.0\n"
    assert seen(made, command, "a.csv", "--share", "2").output == "a.csv a.csv 2.0 2.0\n"


def test_a_command_may_require_a_setting_that_has_a_default():
    def command(settings: Made) -> None:
        print(settings.source)

    made = flags_of(Made, without=("share",), required=("source",), text=False)
    assert seen(made, command, "--source", "a.csv").output == "a.csv\n"
    assert seen(made, command).exit_code == 2
    assert seen(made, command, "--source", "a.csv", "--share", "2").exit_code == 2


def test_a_command_may_name_the_settings_that_it_has_flags_for():
    def command(settings: Made) -> None:
        print(settings.source)

    made = flags_of(Made, only=("source",), text=False)
    assert seen(made, command, "--source", "a.csv").output == "a.csv\n"
    assert seen(made, command, "--source", "a.csv", "--share", "2").exit_code == 2


def test_a_command_made_of_a_verb_has_its_flags_and_limits():
    @takes(Made, without=("share", "values"), text=False)
    def verb(steps: Annotated[int, Ge(2)] = 9, **options: object) -> Result:
        """Count.

        Parameters
        ----------
        steps : int
            Number of points.
        """
        return Result(pd.DataFrame({"steps": [steps], **options}))

    made = command_of(verb)
    assert list(vars(made)["__signature__"].parameters) == ["whole", "source", "steps", "output", "force", "as_json"]
    same = lambda one: one  # noqa: E731
    assert seen(same, made, "--source", "a", "--steps", "2").stdout == "steps,source\n2,a\n"
    assert "Number of points." in seen(same, made, "--help").output
    for wrong in (("--steps", "1"), ("--share", "2"), ("--settings", "{}")):
        assert seen(same, made, "--source", "a", *wrong).exit_code == 2


def test_a_command_of_several_records_takes_the_flags_of_all():
    def command(flags: dict[str, Any]) -> None:
        print(record_of(Kept if flags["deep"] else Made, flags))

    both = flags_of(Made, Kept, text=False)
    assert "A file. Kept: a place." in seen(both, command, "--help").output
    assert seen(both, command, "--source", "a", "--deep").output == "source='a' deep=True\n"
    assert seen(both, command, "--source", "a").output == "whole=None share=30.0 values={} source='a'\n"


FURTHER = {name: settings_of(command(name)) for name in ("generate", "optimize", "propose", "backtest")}
EXAMPLES = {int: 2, float: 0.5, str: "2-3", bool: None}
"""A value of each type; switches have none."""


def checked(*words: str) -> Settings:
    """The settings that a command line makes."""
    with only_checking(), pytest.raises(CheckedOnly) as found:
        typer.main.get_command(app).main(list(words), standalone_mode=False)
    return found.value.record


OLD = [(verb, name) for verb, record in FURTHER.items() for name in further_of(record).model_fields]


@pytest.mark.parametrize(("verb", "name"), OLD)
def test_an_old_flag_means_what_set_says(verb, name, capsys):
    field = further_of(FURTHER[verb]).model_fields[name]
    words = (verb, "pointclouds", *(["table.csv"] if verb == "backtest" else []))
    kind = kind_of(field)[0]
    value = EXAMPLES.get(kind, "a")
    if kind == dict[str, Any]:
        value = "{children: 2}"
    elif kind is bool:
        value = str(not field.default).lower()
    elif name == "device":
        value = "cpu"
    elif value == field.default:
        value += 1
    by_set = checked(*words, "--set", f"{name}={value}")
    assert by_set != checked(*words)
    assert "old spelling" not in capsys.readouterr().err
    old = None
    if name not in ONLY_INSIDE:
        old = checked(*words, "--settings", f"{name}: {value}")
        assert old == by_set
    if old is not None and (flags := flags_of_field(name, field)):
        assert checked(*words, flags[0], *([] if kind is bool else [str(value)])) == by_set
        told = capsys.readouterr().err
        assert f"--set {name}=" in told
        assert f"instead of {flags[0]}: version 0.5" in told
    assert build_settings(FURTHER[verb], flat(by_set)) == by_set  # as records of outputs name them


def test_what_set_may_name_is_shown_and_old_flags_are_not(cli):
    shown = cli("generate", "--help").out
    assert "--steps" not in shown
    assert "steps: Diffusion models: number of sampling steps." in shown


def test_texts_of_set_stay_texts_and_several_are_kept():
    texts = ["control_wells=A1=WT", "control_wells=A2,A3=", "diversity=1"]
    chosen = checked("propose", "pointclouds", *(word for one in texts for word in ("--set", one)))
    assert chosen.settings.control_wells == ("A1=WT", "A2,A3=")
    assert checked("generate", "pointclouds", "--set", "contigs=50").settings.contigs == "50"


def test_an_unknown_name_is_told_with_the_known_ones(cli):
    assert "unknown key 'settings.stepz', did you mean 'steps'" in cli("generate", "arrays", "--set", "stepz=3").err
    told = cli("propose", "arrays", "--set", "qq=3").err
    assert "unknown key 'settings.qq', known keys: batch_size, breeding, change_cost" in told
    with pytest.raises(ConfigError, match="did you mean 'sharing' in `settings`"):
        build_settings(ProposeSettings, {"sharin": 0.1})
