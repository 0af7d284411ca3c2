"""A workflow's files: names that Snakemake can't take as they are, or that would lie elsewhere, and times to come are
errors."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sciencegen.config import RunSettings
from sciencegen.errors import ConfigError
from sciencegen.files import files_below

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


TOLERANCE_S = 2.0
"""By which clocks of machines, and times of file systems, may differ."""


def check_files(settings: RunSettings) -> None:
    """Raise an error for files that Snakemake can't take: with braces in their names, which are its wildcards, or of a
    time to come. What a step makes of such a file would be older than it, for which Snakemake removes the result."""
    given, now = set(filter(os.path.isfile, _texts(settings.model_dump()))), time.time()
    for text in {settings.results, *given}:
        if BRACES.search(text):
            raise ConfigError(f"Expected a path without braces, which Snakemake can't take, got {text!r}. Rename it.")
    for path in (*map(Path, given), *files_below(settings.folder)):
        with suppress(FileNotFoundError):  # what a killed run left may go in the meantime
            if (changed := path.stat().st_mtime) > now + TOLERANCE_S:
                raise ConfigError(
                    f"Expected files that are not from the future, {path} is of {_written(changed)}, and it is "
                    f"{_written(now)}. Set the clock, or give the file the present time with `touch`."
                )


def _written(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)
