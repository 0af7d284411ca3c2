"""Names of a workflow's files: those that Snakemake can't take as they are, or that would lie elsewhere, are errors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from sciencegen.config import RunSettings
from sciencegen.errors import ConfigError

NAME = re.compile(r"\w([\w .,'+:@()-]*[\w)])?")
"""Names of runs and predictors, which are names of folders too."""
ENDING = re.compile(r"(\.\w+)+")
BRACES = re.compile("[{}]")


def check_name(name: str) -> None:
    """Raise an error for a name of a run or of a predictor that can't be the name of a folder.

    Examples
    --------
    >>> check_name("Anna's run")
    >>> check_name("../run")
    Traceback (most recent call last):
    sciencegen.errors.ConfigError: Expected a name of letters, digits, spaces and _ . , ' + : @ ( ) - that begins ...
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            "Expected a name of letters, digits, spaces and _ . , ' + : @ ( ) - that begins with a letter or a digit, "
            f"got {name!r}."
        )


def check_ending_of(structures: str) -> None:
    """Raise an error for an ending that is more than that."""
    if not ENDING.fullmatch(structures):
        raise ConfigError(f"Expected a file ending such as .sdf, got {structures!r}.")


def check_braces(settings: RunSettings) -> None:
    """Raise an error for braces in the names of files, which Snakemake takes for wildcards."""
    for text in {settings.results, *filter(os.path.isfile, _texts(settings.model_dump()))}:
        if BRACES.search(text):
            raise ConfigError(f"Expected a path without braces, which Snakemake can't take, got {text!r}. Rename it.")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
