"""Settings of a dataset's preparation: what is computed for items, how rows are treated, and their origin."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sciencegen.data.chunks import Encode, ParseAndMeasure


@dataclass(frozen=True)
class ItemFunctions:
    """The functions of texts that run in worker processes; both must be picklable.

    Parameters
    ----------
    parse_and_measure : callable
        Texts -> for each (text, key, values, encoded or None), or a reason: a string or a record with `reason`.
    property_names : sequence of str
        Names of the values.
    encode : callable, optional
        Texts of the accepted items -> whole numbers of each, or a reason.
    """

    parse_and_measure: ParseAndMeasure
    property_names: Sequence[str] = ()
    encode: Encode | None = None


@dataclass(frozen=True)
class WorkerSettings:
    """processes: 0 for this one. timeout_s: for a chunk, then for each of its items."""

    processes: int = 2
    chunk: int = 512
    timeout_s: float = 60.0


@dataclass(frozen=True)
class PreparationOptions:
    """How rows are treated.

    Parameters
    ----------
    column_names : sequence of str, optional
        Columns of numbers to keep; by default those found in the first rows, except names of properties.
    supplied_names : collection of str
        Properties for which a row's own value, if it has one, replaces the computed one.
    split : str or mapping
        One split, or fractions by name: an item's split depends on its key only. Not used for named streams.
    report_duplicates : bool
        Whether rejects.csv lists duplicates. They are always counted.
    repeats : bool
        Whether rows of equal keys are different observations. All are kept, and their splits depend on the line too.
    workers : WorkerSettings
    """

    column_names: Sequence[str] | None = None
    supplied_names: Collection[str] = ()
    split: Mapping[str, float] | str = "train"
    report_duplicates: bool = False
    repeats: bool = False
    workers: WorkerSettings = field(default_factory=WorkerSettings)


@dataclass(frozen=True)
class SourceDescription:
    """The rows' origin, as written in dataset.json.

    Parameters
    ----------
    name : str
        Used in messages.
    files : sequence of str or Path
        Their checksums are saved.
    provenance : mapping
        Command, versions and seed.
    context : mapping
        What the items have in common.
    """

    name: str = "the table"
    files: Sequence[str | Path] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
