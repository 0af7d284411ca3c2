"""Checks of output names before there is anything to write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sciencegen.api.science.forms import domain_of
from sciencegen.data.tables import READ_TABLES, WRITTEN_TABLES
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, SciencegenError

LINES = (".smi", ".txt")
"""Endings of files with one item per line."""


def check_endings(domain: str, output: str, structures: str | None = None) -> None:
    """Raise an error for files that `write_candidates` and `write_structures` can't write."""
    if output != "-" and not output.lower().endswith(WRITTEN_TABLES):
        check_ending(domain, "`output`", output, WRITTEN_TABLES[:3])
    if structures is not None:
        check_ending(domain, "`structures`", structures)


def check_table(output: str, what: str) -> None:
    """Raise an error for an output that is no table, for results that need one."""
    if output != "-" and not output.lower().endswith(WRITTEN_TABLES):
        raise ConfigError(f"Expected `output` to end in .csv or .parquet for {what}, got {output}.")


def check_complete(model: str | None, *outputs: str | None) -> None:
    """Raise an error if a completing model is given and no output can hold structures."""
    if model is not None and not any(one is not None and writes_structures(one) for one in outputs):
        given = ", ".join(one for one in outputs if one is not None)
        raise ConfigError(f"Expected a file of structures (.sdf) with `complete`, got {given}, which holds none.")


def check_ending(domain: str, setting: str, output: str, others: Sequence[str] = ()) -> None:
    """Raise an error for an ending that the domain can't write. others: endings that are accepted too."""
    science = domain_of(domain)
    if not _writes(science, Path(output).name):
        own = [
            ending
            for ending in science.items.formats
            if ending not in READ_TABLES and _writes(science, f"x{ending}", SciencegenError)
        ]
        raise ConfigError(f"Expected {setting} to end in {', '.join([*others, *own])}, got {output}.")


def _writes(science: Domain, name: str, refusal: type[SciencegenError] = ConfigError) -> bool:
    """Whether a domain can write files with this name; it is tested by writing a file without items. refusal: what says
    that it can't; other errors, such as that of a library that isn't installed, are raised."""
    with TemporaryDirectory() as folder:
        try:
            science.items.write(Path(folder) / name, [], [], {})
        except refusal:
            return False
    return True


def writes_structures(output: str) -> bool:
    """Whether an output is in a domain format of structures: no table, and no lines of text."""
    return output != "-" and not output.lower().endswith((*WRITTEN_TABLES, *LINES))
