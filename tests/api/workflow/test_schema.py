"""The JSON schema of a workflow's config says what the settings accept."""

import jsonschema
import pytest
import yaml

from sciencegen.api.workflow.check import config_schema
from sciencegen.config import RunSettings, build_settings
from sciencegen.data.shipped import workflow_root
from sciencegen.errors import ConfigError

SCHEMA = config_schema()
CONFIGS = [path for path in sorted((workflow_root() / "config").rglob("*.yaml")) if path.name != "default.yaml"]
SMALL = {"domain": "molecules", "optimize": {"goals": ["maximize qed"]}}
ACCEPTED = [
    SMALL,
    {"domain": "molecules", "optimize": {"goals": "maximize qed"}},  # one text stands for a list of them
    {"domain": "proteins", "train": {"from": "x", "conditions": None}, "propose": {"measured": "a.csv", "target": "y"}},
    {"domain": "proteins", "train": {"from_model": "x"}, "variants": {}},
    {"domain": "proteins", "variants": {"variants": "all-singles", "classify": False, "structure": None}},  # of 0.3
    {"domain": "molecules", "predict": {"any name": {"table": "a.csv", "target": "y", "settings": {"members": 3}}}},
]
REFUSED = [
    {"optimize": {}},
    {"domain": "molecules", "optimise": {}},
    {"domain": "molecules", "optimize": {"goal": "maximize qed"}},
    {"domain": "molecules", "predict": {"y": {"target": "y"}}},
    {"domain": "molecules", "train": None},
    {"domain": "molecules", "train": {"training": 3}},
    {"domain": "molecules", "gpus": -1},
    {"domain": "molecules", "device": "tpu"},
]


def test_the_file_is_up_to_date():
    path = workflow_root() / "schemas" / "config.schema.yaml"
    assert yaml.safe_load(path.read_text()) == SCHEMA, "write it again with `make schema`"


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert "$ref" not in str(SCHEMA)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_shipped_configs_are_valid(path):
    jsonschema.validate(yaml.safe_load(path.read_text()), SCHEMA)


@pytest.mark.parametrize("config", ACCEPTED, ids=str)
def test_what_the_settings_accept_is_valid(config):
    build_settings(RunSettings, config)
    jsonschema.validate(config, SCHEMA)


@pytest.mark.parametrize("config", REFUSED, ids=str)
def test_what_the_settings_refuse_is_not_valid(config):
    with pytest.raises(ConfigError):
        build_settings(RunSettings, config)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, SCHEMA)


def test_keys_are_described():
    sections = {**SCHEMA["properties"], "propose": SCHEMA["properties"]["propose"]["anyOf"][0]}
    for section, key in (
        ("prepare", "source"),
        ("train", "from_model"),
        ("propose", "journal"),
        ("generate", "threads"),
    ):
        assert len(sections[section]["properties"][key]["description"]) > 10
