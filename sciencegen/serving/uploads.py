"""Files that an upload may not replace: those of jobs that wait or run, and journals."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from sciencegen.serving.paths import Boundary
from sciencegen.serving.records import Conflict, Job

JOURNAL = frozenset({"round", "item", "kind", "value", "value_sd", "predicted", "lower", "upper", "source"})
"""Columns that the journal of a campaign has."""
LONGEST_HEADER = 1 << 16
REMEDY = "Choose another name, or force the upload to replace it (`force`)."


def check_replaceable(path: Path, boundary: Boundary, active: Iterable[Job]) -> None:
    """Raise an error if a file is needed.

    Parameters
    ----------
    path : Path
        Without links.
    boundary : Boundary
    active : iterable of Job
        The jobs that wait or run.
    """
    for job in active:
        used = boundary.named({**job.parameters, "output": job.output or ""})
        if any(path.is_relative_to(one) for one in used):
            raise Conflict(f"Expected a file that no job uses, got {path.name} of job {job.id} ({job.state}). {REMEDY}")
    if is_journal(path):
        raise Conflict(f"Expected a file that is no journal, {path.name} has the measurements of a campaign. {REMEDY}")


def is_journal(path: Path) -> bool:
    """Whether a file has the columns of a campaign's journal."""
    if not path.is_file():
        return False
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        header = file.readline(LONGEST_HEADER)
    return {cell.strip() for cell in next(csv.reader([header]), [])} >= JOURNAL
