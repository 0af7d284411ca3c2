"""Prepare: standardize a file or dataset, remove duplicates and compute properties."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from sciencegen.api.science.forms import domain_of, family_of, in_form, plain_name
from sciencegen.api.science.naming import reference_of
from sciencegen.api.science.workers import ParseAndMeasure
from sciencegen.api.sources.datasets import Rows, all_rows, note_on_source, open_source, reference_of_card
from sciencegen.api.sources.family import check_measured_table, with_measured
from sciencegen.api.sources.splitting import split_by_column
from sciencegen.config import PrepareSettings
from sciencegen.data.preparation import ItemFunctions, PreparationOptions, SourceDescription, WorkerSettings
from sciencegen.data.prepare import check_fractions
from sciencegen.data.prepare import prepare as prepare_rows
from sciencegen.data.prepared import PreparedDataset
from sciencegen.data.threads import worker_count
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Family, Reference
from sciencegen.errors import ConfigError
from sciencegen.items import Json, Row
from sciencegen.locks import reserved
from sciencegen.runs import provenance


def prepare_source(
    domain: str, output: str | Path, chosen: PrepareSettings, *, force: bool = False,
    progress: Callable[[int], None] | None = None, path: Path | None = None,
    log: Callable[[str], None] | None = None,
) -> PreparedDataset:  # fmt: skip
    """Write the prepared dataset folder `output`.

    path: the file to read for a source that is no file, such as "-". log: is told what reading left out or assumed.
    """
    domain = in_form(domain, chosen.form)
    science = domain_of(domain)
    if chosen.source is None:
        raise ConfigError("Expected a source to prepare: a file, or a dataset's name.")
    check_measured_table(science, chosen)
    names = property_names(science, chosen)  # an unknown one is an error before any row is read
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
        workers=WorkerSettings(worker_count(chosen.threads)),
    )  # fmt: skip
    source = _described(chosen, chosen.source, files, context or {})
    functions, first = ItemFunctions(ParseAndMeasure(domain, names), names), list[Row]()
    rows = _each(rows, partial(_noted, first=first))
    with reserved(output):
        prepared = prepare_rows(rows, functions, output, options, source, force, progress)
    if log is not None:
        _tell(log, [note_on_source(domain, chosen.source) if path is None else "", *_notes(science, first, prepared)])
    return prepared


def _tell(log: Callable[[str], None], notes: Sequence[str]) -> None:
    for note in filter(None, notes):
        log(f"note: {note}")


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


def property_names(science: Domain, settings: PrepareSettings) -> tuple[str, ...]:
    """Names of the properties to compute; an unknown name is an error, and one that only `score` computes."""
    names = tuple(science.properties) if settings.properties is None else settings.properties
    for name in names:
        science.oracles.find(name)
        if name not in science.properties:
            raise ConfigError(
                f"Expected properties that are computed for each item ({', '.join(science.properties)}), got '{name}', "
                "which `score` computes. Leave it out."
            )
    return names


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
    check_fractions(settings.fractions)
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
