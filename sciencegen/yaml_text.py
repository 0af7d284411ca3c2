"""YAML and JSON that users write: plain values, or a reason why it can't be read."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import yaml

MOST_VALUES = 1_000_000
"""Values in a text, with those of aliases each time: a few lines of aliases can stand for billions."""
DEEPEST = 100
"""Levels of brackets within brackets."""

_UNREADABLE = (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, OverflowError)
"""Errors of PyYAML, which doesn't catch all those of its constructors (`!!timestamp x`)."""

_READ_DIFFERENTLY = set("\t!")
"""Characters for which PyYAML's own parser decides, and so it does for texts with errors; libyaml takes a tenth of its
time."""


def parse_yaml(text: str) -> Any:
    """The value of YAML or JSON text.

    Raises
    ------
    ValueError
        With a reason, whatever the text is.

    Examples
    --------
    >>> parse_yaml("{steps: 3, sizes: [1, 2]}")
    {'steps': 3, 'sizes': [1, 2]}
    >>> parse_yaml("[" * 3000)
    Traceback (most recent call last):
    ValueError: it has more than 100 levels of brackets
    """
    try:
        if yaml.__with_libyaml__ and not _READ_DIFFERENTLY & set(text):
            with suppress(RecursionError, *_UNREADABLE):
                return _value(yaml.CSafeLoader(text))
        return _value(yaml.SafeLoader(text))
    except RecursionError:
        raise ValueError(f"it has more than {DEEPEST} levels of brackets") from None
    except _UNREADABLE as error:
        raise ValueError(str(error) or type(error).__name__) from None


def parse_json(text: str) -> Any:
    r"""The value of JSON text.

    Raises
    ------
    ValueError
        With a reason, whatever the text is.

    Examples
    --------
    >>> parse_json('{"a": "\\ud83d\\ude00"}')
    {'a': '😀'}
    >>> parse_json('["\\ud800"]')
    Traceback (most recent call last):
    ValueError: it has half a character (such as \ud800), which no text can hold
    """
    try:
        found = json.loads(text)
        if "\\u" in text:
            whole_text(json.dumps(found, ensure_ascii=False))
    except RecursionError:
        raise ValueError("it has too many levels of brackets") from None
    return found


def whole_text(text: str) -> str:
    """The text in which two halves of a character that follow each other are that character; an error for one alone."""
    try:
        return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError("it has half a character (such as \\ud800), which no text can hold") from None


def _value(loader: yaml.SafeLoader | yaml.CSafeLoader) -> Any:
    node = loader.get_single_node()
    if node is None:
        return None
    _measure(node, {})
    return loader.construct_document(node)


def _measure(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Number of values and of levels in a node; an error if these are too many, or if the node contains itself."""
    if id(node) in known:
        count, depth = known[id(node)]
        if not count:
            raise ValueError("it contains itself")
        return count, depth
    known[id(node)] = 0, 0
    if isinstance(node, yaml.ScalarNode):
        node.value = whole_text(node.value)
    parts = node.value if isinstance(node, yaml.SequenceNode) else []
    if isinstance(node, yaml.MappingNode):
        keys = Counter((key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice := next((key for (_, key), count in keys.items() if count > 1 and key != "<<"), None):
            raise ValueError(f"it has the key '{twice[:60]}' twice in one mapping")
        parts = [part for pair in node.value for part in pair]
    inside = [_measure(part, known) for part in parts]
    count, depth = 1 + sum(one for one, _ in inside), 1 + max((level for _, level in inside), default=0)
    if count > MOST_VALUES:
        raise ValueError(f"it stands for more than {MOST_VALUES:,} values")
    if depth > DEEPEST:
        raise ValueError(f"it has more than {DEEPEST} levels of brackets")
    known[id(node)] = count, depth
    return count, depth
