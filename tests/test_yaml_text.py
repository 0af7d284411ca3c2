"""Whatever a text of settings holds, it is read as plain values or refused with a reason."""

import contextlib
import random

import pytest
import yaml

from sciencegen.config import GenerateSettings, RunSettings, build_settings, read_settings
from sciencegen.errors import ConfigError
from sciencegen.yaml_text import parse_json, parse_yaml
from tests.workflows.snakemake_process import WORKFLOWS

PIECES = (
    *"[]{}:,-?!&*|>'\"%@`#\n\t 019aé\0\x07\ud800", "- ", ": ", "? ", "&a ", "*a", "<<: *a", "!!timestamp ", "!!int ",
    "!!bool ", "!!float ", "!!binary ", "!!set ", "!!omap ", "!!python/object:os.system ", "2024-13-99", "0x",
    ".inf", ".nan", "~", "n", "where", "generate", "domain", "settings", "true", "---\n", "...\n", "\n  ", "1_",
    "1:99:99", "1e999", "9999-12-31T23:59:59-99:99",
)  # fmt: skip


def odd_texts(count, seed):
    draw = random.Random(seed)
    return ["".join(draw.choices(PIECES, k=draw.randint(1, 30))) for _ in range(count)]


def test_odd_texts_are_values_or_refused():
    refused = 0
    for text in odd_texts(3000, 0):
        try:
            parse_yaml(text)
        except ValueError:
            refused += 1
    assert 100 < refused < 3000


def outcome(text):
    try:
        return repr(parse_yaml(text))
    except ValueError as error:
        return f"refused: {error}"


def test_a_text_is_the_same_with_and_without_libyaml(monkeypatch):
    texts = [*odd_texts(700, 2), *(path.read_text() for path in sorted(WORKFLOWS.rglob("*.yaml")))]
    assert len(texts) > 710
    usual = [outcome(text) for text in texts]
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert [outcome(text) for text in texts] == usual


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML without libyaml")
def test_libyaml_reads_what_is_plain(monkeypatch):
    monkeypatch.setattr(yaml, "SafeLoader", None)
    assert parse_yaml("steps: 3\nsizes: [1, 2]\n") == {"steps": 3, "sizes": [1, 2]}


@pytest.mark.parametrize("record", [GenerateSettings, RunSettings])
def test_odd_texts_are_settings_or_an_error_of_settings(record):
    for text in odd_texts(1000, 1):
        with contextlib.suppress(ConfigError):
            build_settings(record, read_settings(text.lstrip("@")))


def lines_of_aliases(levels):
    """Text that stands for 9 ** levels values."""
    rows = ["a0: &a0 [x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 1500, "levels of brackets"),
        ("{a: " * 200 + "1" + "}" * 200, "levels of brackets"),
        (lines_of_aliases(12), "more than 1,000,000 values"),
        ("&a [*a]", "contains itself"),
        ("!!timestamp x", "."),
        ("!!bool x", "."),
        ("2024-13-99", "."),
    ],
)
def test_what_would_end_a_parser_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_yaml(text)
    with pytest.raises(ConfigError, match="Expected YAML"):
        read_settings(f"a: {text}" if "\n" not in text else text)


def test_keys_are_texts():
    with pytest.raises(ConfigError, match="Keys should be strings, got 1"):
        build_settings(GenerateSettings, read_settings("1: 2"))


@pytest.mark.parametrize("text", ['"\\ud800"', '{"\\udc00": 1}', '["a", {"b": "\\ud800x"}]'])
def test_half_a_character_is_refused(text):
    for parse in (parse_yaml, parse_json):
        with pytest.raises(ValueError, match="half a character"):
            parse(text)


def test_two_halves_are_a_character():
    for parse in (parse_yaml, parse_json):
        assert parse('{"\\ud83d\\ude00": "\\ud83d\\ude00 \\u00e9"}') == {"\U0001f600": "\U0001f600 \xe9"}
