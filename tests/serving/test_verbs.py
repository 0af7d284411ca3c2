"""A verb: how values become the words of a command."""

from __future__ import annotations

import pytest

from sciencegen.errors import ConfigError
from sciencegen.serving.requests import Place
from tests.serving.conftest import DRAW


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (Place("n", "-n"), 3, ["-n", "3"]),
        (Place("x", "--x"), "-1", ["--x=-1"]),
        (Place("x", "--x"), 1e-5, ["--x=1e-05"]),
        (Place("x", "--x"), "a b", ["--x=a b"]),
        (Place("raw", "--raw"), True, ["--raw"]),
        (Place("raw", "--raw"), False, []),
        (Place("sample", "--sample", "--whole"), False, ["--whole"]),
        (Place("where", "--where", repeats=True), ["a", "b"], ["--where=a", "--where=b"]),
        (Place("where", "--where", repeats=True), [], []),
        (Place("set", "--set", repeats=True), {"steps": 3, "mode": "fast"}, ["--set=steps=3", "--set=mode=fast"]),
        (Place("set", "--set", repeats=True), {"deep": {"a": [1]}}, ['--set=deep={"a": [1]}']),
        (Place("settings", "--settings"), {"a": "b=c"}, ['--settings={"a": "b=c"}']),
    ],
)
def test_words_of_a_value(place, value, words):
    assert place.words(value) == words


def test_arguments_stand_behind_the_flags():
    values = DRAW.values({"n": 2, "kind": "--force", "tags": {"a": 1}})
    assert DRAW.command(values, ["--json"]) == ["draw", "-n", "2", "--tags=a=1", "--json", "--", "--force"]


def test_the_schema_has_limits_and_no_nulls():
    schema = DRAW.schema()
    assert schema["required"] == ["kind"]
    assert schema["properties"]["n"] == {"description": "Rows.", "minimum": 1, "type": "integer"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "a", "nn": 1}, "Parameters of draw: unknown key 'nn', did you mean 'n'?"),
        ({}, "key 'kind' is missing"),
        ({"kind": "a", "n": 0}, "'n': Input should be greater than or equal to 1"),
        ({"kind": 3}, "'kind': Input should be a valid string, got 3"),
    ],
)
def test_wrong_values_are_refused(given, message):
    with pytest.raises(ConfigError) as refused:
        DRAW.values(given)
    assert message in str(refused.value)
