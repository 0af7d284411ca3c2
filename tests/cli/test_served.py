"""The verbs of servers are the commands: every flag, with its type and text, and the same settings from both."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import typer.main
from jsonschema import Draft202012Validator

from sciencegen.cli.commands import COMMANDS, OTHERS, command
from sciencegen.cli.main import app
from sciencegen.cli.options import CheckedOnly, only_checking, settings_of
from sciencegen.cli.serving import (
    ENDINGS,
    FURTHER,
    NAMES_OUTPUT,
    NOT_SERVED,
    OURS,
    STANDARD_STREAMS,
    served_verbs,
)  # fmt: skip
from sciencegen.config import ProgramSettings, further_of
from sciencegen.errors import ConfigError
from sciencegen.serving.openapi import openapi_document
from sciencegen.serving.requests import COMMANDS as PROGRAMS
from sciencegen.serving.requests import WRITTEN
from sciencegen.serving.service import default_output

VERBS = served_verbs()
_COMMANDS = {
    **{name: command(name) for name in COMMANDS},
    **{name: function for name, (_, function) in FURTHER.items()},
}
RECORDS = {name: record for name, one in _COMMANDS.items() if name in VERBS and (record := settings_of(one))}
"""The record of a command's settings, of those that have one."""
EXAMPLES: dict[str, Any] = {
    "string": "text", "integer": 20, "number": 0.5, "boolean": True, "object": {"a": 1}, "array": ["a", "b"],
}  # fmt: skip
CHOSEN = {
    "device": "cpu", "sampler": "ddim", "projection": "pca", "all": False, "rounds": 2, "steps": 4, "plate": 96,
    "calibrate": {"a": "1,2"}, "variants": None, "set": None, "training": "name", "latents": "a.npz",
    "alignment": None, "structure": None, "along": False, "settings": {}, "first_pixel": 1, "domain": "molecules",
    "goal": ["maximize qed"], "where": ["qed >= 0.5"],
}  # fmt: skip


def command_of(verb):
    found = typer.main.get_command(app)
    for word in verb.words:
        found = found.commands[word]
    return found


def test_every_command_is_offered():
    assert set(VERBS) == ({*COMMANDS} - NOT_SERVED) | {*FURTHER} | {"lengths"}  # an installed one
    assert set(ENDINGS) <= set(VERBS)
    assert {*typer.main.get_command(app).commands} == {*COMMANDS} | {*OTHERS} | {"lengths"}


@pytest.mark.long
@pytest.mark.parametrize("name", VERBS)
def test_every_flag_is_a_parameter_with_its_text(name):
    verb = VERBS[name]
    flags = {one.name: one for one in command_of(verb).params if not {"--help", "--dry-run"} & {*one.opts}}
    places = {place.argument: key for key, place in verb.places.items()}
    assert set(flags) - set(places) == {one for one in flags if f"as_{next(iter(OURS))}" == one} | (
        {"settings"} if name == "report" else set()
    )
    properties = verb.schema()["properties"]
    for argument, key in places.items():
        place, flag = verb.places[key], flags[argument]
        if flag.hidden:  # an old spelling
            assert key not in properties
            continue
        assert place.flag in (*flag.opts, "")
        assert place.negative in (*flag.secondary_opts, "")
        assert place.repeats == bool(flag.multiple)
        text = STANDARD_STREAMS.sub("", (flag.help or "").replace("\\[", "["))
        assert key == "settings" or not flag.help or properties[key]["description"] == text
        assert (key in verb.schema().get("required", ())) == (
            flag.required and (key != "output" or name in NAMES_OUTPUT)
        )


@pytest.mark.parametrize("name", VERBS)
def test_schemas_are_valid(name):
    Draft202012Validator.check_schema(VERBS[name].schema())
    assert VERBS[name].summary


def values_of(name: str) -> dict[str, Any]:
    """A value for each parameter."""
    given: dict[str, Any] = {}
    for key, one in VERBS[name].schema()["properties"].items():
        kind = one.get("type") or ("object" if "anyOf" in one else "string")
        given[key] = CHOSEN[key] if key in CHOSEN else EXAMPLES[kind]
        if key == "training" and kind != "string":
            given[key] = {"steps": 3}
    if "set" in given:
        further = further_of(RECORDS[name]) if name in RECORDS else None
        given["set"] = {"members": 2} if further is None else {"batch_size": 64}
    if name == "score":  # of items
        given = {key: one for key, one in given.items() if key not in ("set", "training", "recipe")}
    if name == "replay":
        given["row"] = ["1-3"]
    if name in ("evaluate", "map"):
        given.pop("draws", None)
    return {key: one for key, one in given.items() if one is not None}


@pytest.mark.parametrize("name", RECORDS)
def test_a_request_and_its_command_have_the_same_settings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    verb = VERBS[name]
    values = verb.values(values_of(name))
    record = verb.settings(values)
    assert type(record) is RECORDS[name]
    words = verb.command(values, ["--json"])
    with only_checking(), pytest.raises(CheckedOnly) as found:
        typer.main.get_command(app).main(words, standalone_mode=False)
    assert found.value.record == record
    assert not list(tmp_path.iterdir())


@pytest.mark.long
@pytest.mark.parametrize("name", RECORDS)
def test_an_output_need_not_be_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    verb = VERBS[name]
    needed = {key: one for key, one in values_of(name).items() if key in (*verb.schema().get("required", ()), "row")}
    needed |= {"source": "a.csv"} if name == "score" else {}
    record = verb.settings({**default_output(verb, "7"), **verb.values(needed)})
    assert type(record) is RECORDS[name]


def test_score_of_variants_has_its_own_record():
    record = VERBS["score"].settings(VERBS["score"].values({"domain": "proteins", "variants": "v.csv", "model": "m"}))
    assert type(record).__name__ == "VariantScoringSettings"


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("properties", {"domain": "molecule"}, "Unknown domain 'molecule'. Did you mean 'molecules'?"),
        ("generate", {"domain": "molecule"}, "Unknown domain 'molecule'. Did you mean 'molecules'?"),
        ("generate", {"where": ["qed"]}, "Expected a condition like"),
        ("optimize", {"goal": ["maximise"]}, "Expected a goal like"),
        ("generate", {"n": 0}, "'n': Input should be greater than or equal to 1"),
        ("optimize", {"settings": {"budgett": 3}}, "did you mean 'budget'"),
        ("optimize", {"settings": {"oracles": {"a": {}}}}, "'settings.oracles.a.command' is missing"),
        ("score", {}, "Expected a file of items or --variants"),
        ("encode", {"source": "a.csv", "output": "a.csv"}, None),
        ("predict", {"source": "a.csv", "predictor": ["runs/a"]}, "Expected --predictor NAME=FOLDER"),
    ],
)
def test_refusals_are_those_of_the_command(name, given, message):
    verb = VERBS[name]
    if message is None:
        verb.settings(verb.values({"domain": "molecules", **given}))
        return
    with pytest.raises(ConfigError) as refused:
        verb.settings(verb.values({"domain": "molecules", **given}))
    assert message in str(refused.value)


def test_settings_without_a_parameter_of_their_own_are_listed_once():
    schema = VERBS["optimize"].schema()
    inner = schema["$defs"]["OptimizeSettings"]["properties"]
    assert "oracles" in inner
    assert not set(inner) & set(schema["properties"])


def test_programs_and_outputs_are_known():
    """What names a program is looked for by name, and so is what names a file to write."""
    assert "command" in ProgramSettings.model_fields
    texts = {
        key: one.get("description", "") for verb in VERBS.values() for key, one in verb.schema()["properties"].items()
    }
    assert {key for key, text in texts.items() if "{input}" in text} <= PROGRAMS
    assert {key for key, text in texts.items() if text.startswith(("Also write", "The file to write"))} <= WRITTEN


def test_references_of_the_document_resolve():
    document = openapi_document(VERBS, "1")
    schemas = document["components"]["schemas"]

    def check(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(reference := value.get("$ref"), str):
                assert reference.rpartition("/")[2] in schemas
            for one in value.values():
                check(one)
        elif isinstance(value, list):
            for one in value:
                check(one)

    check(document)
    assert {f"/verbs/{name}" for name in VERBS} <= set(document["paths"])
    assert inspect.getdoc(command("replay")) == document["paths"]["/verbs/replay"]["post"]["description"]


def test_the_document_names_its_operations_and_answers():
    document = openapi_document(VERBS, "1")
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    assert "201" in document["paths"]["/files/{path}"]["put"]["responses"]
    generate = document["paths"]["/verbs/generate"]["post"]
    assert generate["requestBody"]["required"]
    job = document["components"]["schemas"]["Job"]
    assert job["properties"]["state"]["enum"] == ["queued", "running", "done", "failed", "cancelled", "interrupted"]
    assert not [name for name in VERBS if "- is std" in str(VERBS[name].schema())]
