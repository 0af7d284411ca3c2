"""Programs that requests may run: those that were named, by their names."""

from __future__ import annotations

import pytest

from sciencegen.errors import ConfigError
from sciencegen.serving.requests import AllowedPrograms, read_programs


def test_commands_and_functions_are_read(tmp_path):
    (tmp_path / "dock.sh").write_text("")
    (tmp_path / "own_assay.py").write_text("")
    found = read_programs(["dock=./dock.sh {input} {output} --mode fast", "own_assay:score"], tmp_path)
    assert found.commands == {"dock": f"{tmp_path}/dock.sh '{{input}}' '{{output}}' --mode fast"}
    assert found.functions == ("own_assay:score",)
    assert found.files == ((tmp_path / "dock.sh"), (tmp_path / "own_assay.py"))


@pytest.mark.parametrize("text", ["", "dock", "=x {input} {output}", "dock=", "a b:c", "dock='x {input}"])
def test_other_texts_are_refused(tmp_path, text):
    with pytest.raises(ConfigError, match="for --oracle"):
        read_programs([text], tmp_path)


def test_names_become_commands_wherever_a_program_is_named():
    programs = AllowedPrograms({"dock": "/x/dock {input} {output}"})
    oracles = {"a": {"command": "dock", "column": "dock"}}
    given = {"n": 3, "command": "dock", "fold": "dock", "settings": {"oracles": oracles}, "start": ["dock"]}
    full = "/x/dock {input} {output}"
    assert programs.put_in(given) == {
        "n": 3, "command": full, "fold": full, "settings": {"oracles": {"a": {"command": full, "column": "dock"}}},
        "start": ["dock"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("commands", "message"),
    [({}, "it allows none, got 'rm -rf'.*--oracle"), ({"dock": "x"}, "Unknown program 'rm -rf'.*--oracle")],
)
@pytest.mark.parametrize("given", [{"command": "rm -rf"}, {"settings": {"oracles": {"a": {"command": "rm -rf"}}}}])
def test_other_programs_are_refused(commands, message, given):
    with pytest.raises(ConfigError, match=message):
        AllowedPrograms(commands).put_in(given)


@pytest.mark.parametrize(
    "values", [{"goal": ["maximize os:system"]}, {"with": "qed,os:system"}, {"where": ["os:f >= 1"]}]
)
def test_other_functions_are_refused(values):
    with pytest.raises(ConfigError, match=r"\(own_assay:score\).*--oracle os:"):
        AllowedPrograms({}, ("own_assay:score",)).check_functions(values)


@pytest.mark.parametrize(
    "values",
    [
        {"goal": ["maximize own_assay:score", "similarity to a.pdb:A >= 0.4"]},
        {"start": "a:b"},
        {"where": ["a in 1..2"]},
    ],
)
def test_functions_that_are_allowed_and_other_texts_pass(values):
    AllowedPrograms({}, ("own_assay:score",)).check_functions(values)
