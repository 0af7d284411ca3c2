"""Setting names in messages as the flags of the command line."""

from __future__ import annotations

import re
from functools import cache

OTHER_FLAGS = {
    "output": "-o",
    "controls": "--control",
    "conditions": "--condition",
    "column": "--item-column",
    "predictors": "--predictor",
    "rows": "--row",
    "settings": "--set",
    "goals": "--goal",
    "novel: false": "--allow-known",
    "plausible: false": "--allow-implausible",
    "edge_wells": "--no-edge-wells",
}
"""Settings whose flag has another name."""
OWN_FLAGS = frozenset({
    "all", "allow", "allow_implausible", "allow_known", "browser", "calls", "color_by", "command", "condition",
    "conditions", "config", "control", "details", "devices", "export", "fold", "folder", "force", "format", "from",
    "goal", "include", "install_completion", "item_column", "jobs", "json", "no_edge_wells", "nodes", "openapi",
    "optimizer", "oracle", "port", "predictor", "profile", "results", "row", "schedule", "schema", "seconds", "set",
    "settings", "show_completion", "strategy", "structures", "timeout", "tools", "variants", "wait", "with",
})  # fmt: skip
"""Flags that are no settings, or other names of settings."""
NOT_OF_COMMANDS = ("RunSettings", "ReportSettings", "OracleSettings", "ProgramSettings", "VariantsSettings")
"""Records of a workflow's config, and of programs."""
ARGUMENTS = frozenset({"source", "table"})
"""Settings that are arguments of commands."""


@cache
def same_name() -> frozenset[str]:
    """Settings whose flag is the name with dashes, and flags of no setting."""
    from sciencegen import config  # on use: it takes a tenth of a second

    records = [one for one in vars(config).values() if isinstance(one, type) and issubclass(one, config.Settings)]
    fields = (item for one in records if one.__name__ not in NOT_OF_COMMANDS for item in one.model_fields.items())
    named = ((name, flag.partition("/")[0]) for name, field in fields for flag in config.flags_of_field(name, field))
    return OWN_FLAGS.union(name for name, flag in named if flag == f"--{name.replace('_', '-')}") - ARGUMENTS


def in_flags(message: str) -> str:
    """Replace names of settings in a message (`wild_type`) by flags (--wild-type); other words stay.

    Examples
    --------
    >>> from sciencegen.cli.flags import in_flags
    >>> in_flags("Pass `wild_type`, or `predictors` NAME=FOLDER.")
    'Pass --wild-type, or --predictor NAME=FOLDER.'
    """
    return re.sub(r"`([a-z][a-z_]*(?:: false)?)`", lambda found: _flag(found[1]) or found[0], message)


def in_keys(message: str) -> str:
    """Replace names of settings in a message by the parameters of requests, which are called like the flags.

    Examples
    --------
    >>> in_keys("Pass `wild_type`, or `column` with the name of the items' column.")
    "Pass `wild_type`, or `item_column` with the name of the items' column."
    """
    return re.sub(r"`([a-z][a-z_]*(?:: false)?)`", lambda found: f"`{_key(found[1])}`", message)


def _key(name: str) -> str:
    return _flag(name).lstrip("-").replace("-", "_") if len(_flag(name)) > 2 else name


def _flag(name: str) -> str:
    """The flag of a setting, "" where there is none."""
    return OTHER_FLAGS.get(name) or (f"--{name.replace('_', '-')}" if name in same_name() else "")
