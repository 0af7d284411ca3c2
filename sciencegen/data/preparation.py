"""Records of a dataset's preparation: what is computed of items, how rows are treated, and what they come from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sciencegen.data.chunks import Encode, ParseAndMeasure


@dataclass(frozen=True)
class ItemFunctions:
    """What the worker processes compute of texts; both functions must be picklable.

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
    """processes: 0 for this one. timeout_s: of a chunk, then of an item."""

    processes: int = 2
    chunk: int = 512
    timeout_s: float = 60.0


@dataclass(frozen=True)
class PreparationOptions:
    """How rows are treated.

    Parameters
    ----------
    column_names : sequence of str, optional
        Numbers of the rows to keep; by default those of the first rows, except names of properties.
    supplied_names : collection of str
        Properties of which a row's own value, where it has one, replaces the computed one.
    split : str or mapping
        The one split, or fractions by name: an item's split is drawn from its own key. Not used for named streams.
    report_duplicates : bool
        Whether rejects.csv lists duplicates. They are always counted.
    workers : WorkerSettings
    """

    column_names: Sequence[str] | None = None
    supplied_names: Collection[str] = ()
    split: Mapping[str, float] | str = "train"
    report_duplicates: bool = False
    workers: WorkerSettings = field(default_factory=WorkerSettings)


@dataclass(frozen=True)
class SourceDescription:
    """What dataset.json says of the rows' origin.

    Parameters
    ----------
    name : str
        As messages call it.
    files : sequence of str or Path
        Their checksums are kept.
    provenance : mapping
        Command, versions and seed.
    context : mapping
        What the items have in common.
    """

    name: str = "the table"
    files: Sequence[str | Path] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
