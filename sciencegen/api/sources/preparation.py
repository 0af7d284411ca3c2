"""Prepare: standardize a file or dataset, remove duplicates and compute properties."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from sciencegen.api.science import (
    IN_THE_GAP,
    NO_POSITION,
    ParseAndMeasure,
    domain_of,
    family_of,
    in_form,
    plain_name,
    plain_of,
    read_rows_of,
    reference_of,
)
from sciencegen.api.sources.tables import Rows, all_rows, find_part, open_source, reference_of_card
from sciencegen.config import PrepareSettings, build_settings
from sciencegen.data.fetch import cached_folder, note_on
from sciencegen.data.prepare import PreparationOptions, SourceDescription, edges_between
from sciencegen.data.prepare import prepare as prepare_rows
from sciencegen.data.prepared import ItemFunctions, PreparedDataset
from sciencegen.data.threads import worker_count
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Family, Reference
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import reserved
from sciencegen.items import REFUSED_ROW, Json, Row
from sciencegen.options import takes
from sciencegen.runs import provenance

# Splits by the values of a column, such as a position or a date: a held-out part that lies apart.


@dataclass(frozen=True)
class SplitRanges:
    """Half-open ranges of a column's values. edges: between splits, in the order of their names. gap: width below each
    edge whose rows are left out."""

    column: str
    names: tuple[str, ...]
    edges: tuple[float, ...]
    gap: float

    def of(self, row: Row) -> tuple[str, str]:
        """The split of a row, and why it is left out, "" if it isn't."""
        value = row.values.get(self.column, math.nan)
        if not math.isfinite(value):
            return self.names[0], NO_POSITION
        split = int(np.searchsorted(self.edges, value, "right"))
        near = split < len(self.edges) and value > self.edges[split] - self.gap
        return self.names[split], IN_THE_GAP if near else ""

    def rows(self, rows: Iterator[Row], split: str) -> Iterator[Row]:
        """The rows of a split; those left out are marked as refused."""
        for row in rows:
            name, reason = self.of(row)
            if name == split:
                yield replace(row, text=f"{REFUSED_ROW}{row.text}: {reason}") if reason else row


def split_by_column(
    read: Callable[[], Iterator[Row]], column: str, fractions: Mapping[str, float], gap: float
) -> dict[str, Iterator[Row]]:
    """Rows by split: those with the lowest values of a column in the first one, and so on.

    Parameters
    ----------
    read : () -> rows
        Reads the rows; called once more for each split.
    column : str
        Of numbers.
    fractions : mapping of str to float
        Share of the rows of each split, in the order of the values.
    gap : float
        Rows of a split that are nearer than this to the next one are left out, in the column's unit, so that what
        overlaps isn't in both.

    Raises
    ------
    DataError
        For a column without numbers.
    """
    cumulative = edges_between(fractions)
    if len(fractions) < 2:
        raise ConfigError("Expected at least two `fractions` with `split_by`, such as {train: 0.8, test: 0.2}.")
    values = np.sort([value for row in read() if math.isfinite(value := row.values.get(column, math.nan))])
    if not len(values):
        raise DataError(f"Expected numbers in the column {column} to split by, found none.")
    places = np.rint(cumulative * len(values)).astype(int)
    edges = tuple(float(values[min(place, len(values) - 1)]) for place in places)
    ranges = SplitRanges(column, tuple(fractions), edges, gap)
    return {name: ranges.rows(read(), name) for name in fractions}


# `measured`: add a table of measured variants to a family's alignment.

TARGET = "value"


def with_measured(
    science: Domain, rows: Iterator[Row] | Mapping[str, Iterator[Row]], context: Json | None, settings: PrepareSettings
) -> tuple[Iterator[Row], Json, tuple[str, ...]]:
    """Rows of the family and of the table, their context, and their numeric columns."""
    family = family_of(science)
    if isinstance(rows, Mapping) or not context or settings.wild_type or family is None:
        raise ConfigError(
            f"Expected an alignment's file, whose first record is the wild type, beside `measured`, got "
            f"'{settings.source}'. A table alone trains a model as `data`, with `wild_type`."
        )
    path, name = Path(str(settings.measured)), settings.target or TARGET
    table = partial(read_rows_of, plain_of(science.name), path, settings.column, True)
    columns = tuple(dict.fromkeys([*(settings.columns or family.columns), name]))
    return family.with_measured(rows, context, table, name), {**context, "measured": name}, columns


def resolve_prepare(domain: str, settings: PrepareSettings) -> tuple[Domain, str, tuple[str, ...]]:
    """The form that is prepared, the source, and the properties to compute. Wrong settings, such as an unknown property
    or one that only `score` computes, are an error before any row is read."""
    science, measured = domain_of(in_form(domain, settings.form)), settings.measured
    if settings.source is None:
        raise ConfigError("Expected a source to prepare: a file, or a dataset's name.")
    if measured is None and settings.target is not None:
        raise ConfigError("Expected `measured` with `target`: the table that has this column.")
    if measured is not None and family_of(science) is None:
        raise ConfigError(f"Expected no `measured`: {science.name} are no family. For proteins, pass `form` aligned.")
    if measured is not None and not os.path.isfile(measured):
        raise DataError(f"Expected a table of measured variants at {measured}, found no file.")
    names = tuple(science.properties) if settings.properties is None else settings.properties
    for name in names:
        science.oracles.find(name)
        if name not in science.properties:
            raise ConfigError(
                f"Expected properties that are computed for each item ({', '.join(science.properties)}), got '{name}', "
                "which `score` computes. Leave it out."
            )
    return science, settings.source, names


def prepare_source(
    domain: str, output: str | Path, chosen: PrepareSettings, *, force: bool = False,
    progress: Callable[[int], None] | None = None, path: Path | None = None,
    log: Callable[[str], None] | None = None,
) -> PreparedDataset:  # fmt: skip
    """Write the prepared dataset folder `output`.

    path: the file to read for a source that is no file, such as "-". log: is told what reading left out or assumed.
    """
    science, called, names = resolve_prepare(domain, chosen)
    domain = in_form(domain, chosen.form)
    rows, files = open_source(domain, chosen, path)
    if chosen.split_by is not None:
        rows = _by_column(domain, chosen, path, rows)
    family, reference = family_of(science), reference_of_source(science, chosen, files)
    if family is not None and reference is not None:
        rows = _each(rows, partial(family.variant_rows, reference))
    context, columns = _context(family, reference, files), chosen.columns
    if chosen.measured:
        rows, context, columns = with_measured(science, rows, context, chosen)
    context = context and {"form": chosen.form, **context}
    rows, split = _split(rows, chosen)
    options = PreparationOptions(
        columns or None, science.items.given, split, repeats=science.items.repeats,
        processes=worker_count(chosen.threads),
    )  # fmt: skip
    source = _described(chosen, called, files, context or {})
    functions, first = ItemFunctions(ParseAndMeasure(domain, names), names), list[Row]()
    rows = _each(rows, partial(_noted, first=first))
    with reserved(output):
        prepared = prepare_rows(rows, functions, output, options, source, force, progress)
    if log is not None:
        found = find_part(domain, called) if path is None else None
        fetched = "" if found is None else note_on(found[0], cached_folder(found[0]))
        notes = [fetched, *_notes(science, first, prepared)]
        for note in filter(None, notes):
            log(f"note: {note}")
    return prepared


def _described(chosen: PrepareSettings, source: str, files: Sequence[Path], context: Json) -> SourceDescription:
    made = provenance(["sciencegen", "datasets", "prepare"], chosen.seed)
    return SourceDescription(source, [*files, *([chosen.measured] if chosen.measured else [])], made, context)


LOOKED_AT = 100
"""Rows of which it is asked what reading them left out or assumed."""


def _noted(rows: Iterator[Row], first: list[Row]) -> Iterator[Row]:
    """The same rows; those at the beginning are kept in `first`."""
    for row in rows:
        if len(first) < LOOKED_AT:
            first.append(row)
        yield row


def _notes(science: Domain, first: Sequence[Row], prepared: PreparedDataset) -> Iterator[str]:
    """What reading the first usable rows left out or assumed."""
    with prepared.rejects_path.open(newline="", encoding="utf-8") as file:
        refused = {line for line, *_ in csv.reader(file)}
    kept = (row.text for row in first if str(row.line) not in refused)
    yield from (f"items hold {what}" for what in dict.fromkeys(map(science.items.left_out, kept)) if what)


def reference_of_source(science: Domain, settings: PrepareSettings, files: list[Path]) -> Reference | None:
    """The reference of a source's variants, from settings or card; None without one, or in forms without references."""
    if family_of(science) is None:
        if settings.wild_type:
            domain = plain_name(science.name)
            forms = [name for name in science.forms if family_of(domain_of(in_form(domain, name))) is not None]
            remedy = f" Pass `form` {forms[0]}." if forms else ""
            raise ConfigError(f"Expected no `wild_type` for {science.name} themselves.{remedy}")
        return None
    if settings.wild_type or files:
        return reference_of(science, settings.wild_type)
    return reference_of_card(science, str(settings.source))


def _context(family: Family | None, reference: Reference | None, files: list[Path]) -> Json | None:
    if family is None:
        return None
    if reference is not None:
        return family.variant_context(reference)
    return family.context(files[0]) if files else None


def _each(rows: Rows, change: Callable[[Iterator[Row]], Iterator[Row]]) -> Rows:
    return {name: change(part) for name, part in rows.items()} if isinstance(rows, dict) else change(rows)


def check_splits(source: str, splits: Sequence[str], fractions: Mapping[str, float]) -> None:
    """Raise an error for fractions of a dataset that has several splits of its own."""
    if fractions and len(splits) > 1:
        raise ConfigError(
            f"Expected no `fractions` for {source}, which has the splits {', '.join(splits)}. "
            f"Leave them out, or divide one split: {source}/{splits[0]}."
        )


def _by_column(domain: str, settings: PrepareSettings, path: Path | None, rows: Rows) -> Rows:
    """The rows by split, by the values of a column."""
    if isinstance(rows, dict):
        check_splits(str(settings.source), list(rows), settings.fractions)
    return split_by_column(
        lambda: all_rows(open_source(domain, settings, path)[0]), str(settings.split_by), settings.fractions,
        settings.split_gap,
    )  # fmt: skip


def _split(rows: Rows, settings: PrepareSettings) -> tuple[Rows, dict[str, float] | str]:
    """The rows as one stream to divide by fractions, or as they are; and the fractions, or the only split's name."""
    if isinstance(rows, dict) and settings.fractions and settings.split_by is None:
        check_splits(str(settings.source), list(rows), settings.fractions)
        (rows,) = rows.values()
    return rows, "train" if isinstance(rows, dict) else (dict(settings.fractions) or "train")


@takes(PrepareSettings)
def prepare(
    domain: str,
    output: str | Path,
    *,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
    **options: object,
) -> PreparedDataset:
    r"""Standardize the items of a file or a dataset, drop duplicates, compute properties, and write them to a folder.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    output : str or Path
        The folder to write.
    force : bool
        Whether to replace an existing prepared dataset.
    progress : callable, optional
        Called with the number of rows that are done.

    Returns
    -------
    PreparedDataset
        `summary` counts rows, duplicates and refusals; `rejects.csv` in the folder has the reasons.

    Raises
    ------
    ConfigError
        Without a source, or for an unknown property or column.
    DataError
        If no row can be used.

    Examples
    --------
    >>> import sciencegen as sg
    >>> _ = open("items.smi", "w").write("CCO\nOCC\nc1ccccc1\nC1CC\n")
    >>> counts = sg.prepare("molecules", "prepared", source="items.smi", properties="mw", threads=1).summary["counts"]
    >>> counts["rows"], counts["duplicates"], counts["refused"]
    (4, 1, 1)
    """
    return prepare_source(domain, output, build_settings(PrepareSettings, options), force=force, progress=progress)
