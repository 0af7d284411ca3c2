"""What the command line says of its flags, said of the keys of a workflow's config."""

from __future__ import annotations

import re

KEYS = {
    "control": "controls",
    "condition": "conditions",
    "item-column": "column",
    "predictor": "predictors",
    "set": "settings",
}
"""Flags whose key in a config has another name; of the others dashes become underscores."""


def in_keys(message: str) -> str:
    """What a message says of flags, said of the keys of a config: `noise_free` for --noise-free."""
    return re.sub(r"(?<![^\s(])--([a-z]+(?:-[a-z]+)*)", lambda flag: f"`{_key(flag[1])}`", message)


def _key(flag: str) -> str:
    return KEYS.get(flag, flag.replace("-", "_"))
