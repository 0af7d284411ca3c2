"""Setting names in messages as the flags of the command line."""

from __future__ import annotations

import re
from functools import cache

FLAGS = {
    "output": "-o",
    "controls": "--control",
    "conditions": "--condition",
    "column": "--item-column",
    "predictors": "--predictor",
    "settings": "--set",
    "goals": "--goal",
}
"""Settings whose flag has another name; of the others underscores become dashes."""


def in_flags(message: str) -> str:
    """A message that names settings (`wild_type`) as one that names flags (--wild-type).

    What is no flag of any command stays as it is.
    """
    return re.sub(r"`([a-z][a-z_]*)`", lambda found: _flag(found[1]) or found[0], message)


def _flag(name: str) -> str:
    """The flag of a setting, "" where there is none."""
    flag = FLAGS.get(name, f"--{name.replace('_', '-')}")
    return flag if flag in _known_flags() else ""


@cache
def _known_flags() -> frozenset[str]:
    """Every flag of every command."""
    from typer.main import get_command

    from sciencegen.cli.main import app

    found, left = set[str](), [get_command(app)]
    while left:
        command = left.pop()
        found |= {flag for parameter in command.params for flag in parameter.opts}
        left += vars(command).get("commands", {}).values()
    return frozenset(found)
