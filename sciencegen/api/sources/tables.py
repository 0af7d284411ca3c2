"""The rows of a file, of a prepared dataset, or of a dataset card."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from sciencegen.api.science import (
    InDomain,
    columns_of,
    domain_of,
    in_form,
    plain_name,
    plain_of,
    plain_text,
    read_rows_of,
)
from sciencegen.config import PredictorSettings, PrepareSettings, Reading
from sciencegen.data.cards import Card, SimulationSource, has_card, list_cards, load_card
from sciencegen.data.fetch import Progress, fetch, is_fetched
from sciencegen.data.prepared import FIXED_COLUMNS, ITEMS, SUMMARY, PreparedDataset
from sciencegen.data.tables import ID_COLUMNS, READ_TABLES, column_names, number_columns, read_table
from sciencegen.data.threads import worker_count
from sciencegen.data.workbooks import file_of
from sciencegen.data.workers import Failure, map_killable
from sciencegen.data.writers import TableWriter
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.domains.given import first_given, item_texts
from sciencegen.errors import ConfigError, DataError, SciencegenError, unknown_name
from sciencegen.files import check_regular
from sciencegen.items import Given, Refusal, Row
from sciencegen.optimization.goals import indicator

# Simulated datasets: a domain computes rows by their numbers, in parallel; they are written in chunks.

ROWS_PER_TASK = 64

TIMEOUT_S = 600.0


@dataclass(frozen=True)
class SimulateRows(InDomain):
    """A range of rows (first, end) to (text, values) of each."""

    settings: Mapping[str, object]
    seed: int

    def __call__(self, span: tuple[int, int]) -> list[tuple[str, dict[str, float]]]:
        simulate = domain_of(self.domain).items.simulate
        if simulate is None:
            raise DataError(f"expected a domain that simulates items, {self.domain} has no simulation")
        return simulate(self.settings, self.seed, *span)


def obtain(card: Card, offline: bool = False, progress: Progress | None = None) -> Path:
    """The folder with a card's files: from the cache, fetched, or simulated."""

    def make(source: SimulationSource, split: str, path: Path, progress: Progress | None) -> None:
        names = [column.source or column.name for column in card.columns]
        first = source.files[split]
        span = (first, first + card.files[split].rows)
        write_rows(SimulateRows(card.domain, source.settings, source.seed), span, path, names, progress)

    return fetch(card, offline=offline, progress=progress, make=make)


def write_rows(
    simulate: SimulateRows, span: tuple[int, int], path: Path, names: list[str], progress: Progress | None = None
) -> None:
    """Write the rows of a range as a table with `item` and the columns `names`, with few rows in memory."""
    first, end = span
    spans = [(start, min(start + ROWS_PER_TASK, end)) for start in range(first, end, ROWS_PER_TASK)]
    workers, done = worker_count(0), 0
    with TableWriter(path) as table:
        for _, rows in map_killable(simulate, spans, processes=workers, chunk=1, timeout_s=TIMEOUT_S):
            if isinstance(rows, Failure):
                raise DataError(f"expected rows of a simulation, but it failed: {rows.reason}")
            columns = {name: [values.get(name, float("nan")) for _, values in rows] for name in names}
            table.write({"item": [text for text, _ in rows], **columns})
            done += len(rows)
            if progress is not None:
                progress(done, end - first)


# Rows of files, dataset cards and prepared datasets.

Rows = Iterator[Row] | dict[str, Iterator[Row]]


def reference_of_card(science: Domain, source: str) -> Reference | None:
    """The reference of a dataset's variants in its card, or None."""
    reference = find_card(science.name, source)[0].reference
    if reference is None or science.variants is None:
        return None
    return science.variants.read_reference(reference.sequence, reference.first)


def reference_row_of_card(domain: str, source: str, target: str) -> Iterator[Row]:
    """A row of the reference with its measured value from the card, since the dataset has no such row."""
    reference = find_card(domain, source)[0].reference
    if reference is not None and target in reference.values:
        yield Row(0, reference.sequence, {target: reference.values[target]})


def open_source(domain: str, settings: PrepareSettings, path: Path | None = None) -> tuple[Rows, list[Path]]:
    """Rows of a file, or of a dataset card by split; and the files that they were read from."""
    science, source = domain_of(domain), str(settings.source)
    cut = (lambda rows: islice(rows, settings.limit)) if settings.limit else (lambda rows: rows)
    file = path or Path(source)
    if os.path.isfile(file_of(file)):
        reader = plain_of(domain) if settings.wild_type else science
        if science.items.classes and not settings.wild_type:
            return cut(rows_with_classes(science, file, settings.column)), [file_of(file)]
        return cut(read_rows_of(reader, file, settings.column, settings.wild_type)), [file_of(file)]
    if (found := find_part(domain, source, settings.sample)) is None:
        return cut(science.items.read(file, settings.column)), []
    card, split = found
    rows = card_rows(card, science, settings.sample, settings.offline)
    chosen = [split] if split else [name for name in card.disjoint_splits if name in rows]
    return {name: cut(rows[name]) for name in chosen}, []


def all_rows(rows: Rows) -> Iterator[Row]:
    """Rows of `open_source` of all splits."""
    return chain.from_iterable(rows.values()) if isinstance(rows, dict) else rows


def is_folder_of(science: Domain, source: str) -> bool:
    """Whether a source is the path of a folder that the domain can read; a name without "/" may be a dataset's."""
    if not science.items.reads_folders or not os.path.isdir(source):
        return False
    return "/" in source or "\\" in source or not has_card(f"{plain_name(science.name)}/{source}")


def find_part(domain: str, source: str, sample: bool | None = None) -> tuple[Card, str | None] | None:
    """`find_card`, with an error if the sample is used and lacks the split; None for a file or a folder."""
    if os.path.isfile(file_of(source)) or is_folder_of(domain_of(domain), source):
        return None
    card, split = find_card(domain, source)
    if sample and not card.samples:
        raise DataError(f"Expected a committed sample of {card.full_name}, it has none. Fetch the whole set.")
    if split and uses_sample(card, sample) and split not in card.sampled_splits:
        raise unknown_name(f"sample of {card.full_name}", split, card.sampled_splits)
    return card, split


def prepared_at(source: str, limit: int | None = None) -> tuple[PreparedDataset, str | None] | None:
    """The prepared dataset of a source (`folder` or `folder/train`) and its split; None for other sources.

    limit: as in `PreparedDataset`."""
    path = Path(source)
    for folder, split in ((path, None), (path.parent, path.name)):
        if os.path.isfile(folder / SUMMARY):
            return PreparedDataset.load(folder, limit), split
    return None


def find_card(domain: str, source: str) -> tuple[Card, str | None]:
    """The card and split of `set`, `set/split`, `domain/set` or `domain/set/split`."""
    asked, domain = domain, plain_name(domain)
    check_regular(source, "items")
    parts = source.removeprefix(f"{domain}/").split("/")
    try:
        card = load_card(f"{domain}/{parts[0]}")
    except SciencegenError as error:
        if os.path.isdir(source):
            raise DataError(_why_no_folder(asked, source)) from None
        remedy = error if list_cards(domain) else f"No dataset of {domain} comes with sciencegen."
        raise type(error)(f"Expected a file or a dataset of {domain}, found no file '{source}'. {remedy}") from None
    if len(parts) > 2 or (len(parts) == 2 and parts[1] not in card.splits):
        raise ConfigError(f"Expected {card.name}/ and one of {', '.join(card.splits)}, got '{source}'.")
    return card, parts[1] if len(parts) == 2 else None


def _why_no_folder(domain: str, source: str) -> str:
    """What is wrong with a folder as a source, and what to write. domain: its name, or that of a form that is used."""
    found = f"Expected a file or a dataset of {plain_name(domain)}, found the folder '{source}'."
    domain = plain_name(domain)
    forms = [form for form in domain_of(domain).forms if domain_of(in_form(domain, form)).items.reads_folders]
    if not forms:
        return f"{found} Name a file in it."
    return f"{found} To read the files in it, pass {' or '.join(f'`form` {form}' for form in forms)}."


def form_of_folder(domain: str, source: str) -> str:
    """The form that reads the files of a folder which the plain domain can't read, "" for another source."""
    if is_folder_of(domain_of(domain), source):
        return ""
    forms = {name: domain_of(in_form(domain, name)) for name in domain_of(domain).forms}
    return next((name for name, science in forms.items() if is_folder_of(science, source)), "")


def card_rows(card: Card, science: Domain, sample: bool | None, offline: bool) -> dict[str, Iterator[Row]]:
    """Rows of the whole set or its sample, by split. sample: None means the sample if the set isn't in the cache."""
    if uses_sample(card, sample):
        return card.sample_rows(science.items.read)
    return card.rows(science.items.read, obtain(card, offline))


def uses_sample(card: Card, sample: bool | None = None) -> bool:
    """Whether a dataset's sample is used instead of the whole set."""
    return bool(card.samples) and (sample if sample is not None else not is_fetched(card))


def read_texts(domain: str, source: str, *, offline: bool = False) -> Iterator[str]:
    """The items of a prepared dataset (`folder` or `folder/split`), a file, or a dataset card, as text.

    Items in a form (such as aligned rows) are converted to plain items, unless `domain` is that form.
    """
    if (found := prepared_at(source)) is not None:
        prepared, split = found
        form = str((prepared.summary.get("context") or {}).get("form", ""))
        return _in_own_words(domain, form, prepared.items(split))
    path = Path(source)
    form = _form_of_file(domain, path)
    if form:
        formed = domain_of(in_form(domain, form)).items.read(path, None)
        return _in_own_words(domain, form, (row.text for row in formed))
    settings = PrepareSettings(source=source, offline=offline)
    rows, _ = open_source(domain, settings)
    return (row.text for row in all_rows(rows))


def _form_of_file(domain: str, path: Path) -> str:
    """The form that can read a file which the plain domain can't read, else ""."""
    science = domain_of(domain)
    if not os.path.isfile(path) or path.name.lower().endswith(tuple(science.items.formats)):
        return ""
    formats = ((name, domain_of(in_form(domain, name)).items.formats) for name in science.forms)
    return next((name for name, endings in formats if path.name.lower().endswith(tuple(endings))), "")


def _in_own_words(domain: str, form: str, texts: Iterable[str]) -> Iterator[str]:
    """Convert a form's texts to those of plain items, unless the form is requested; refused texts are unchanged."""
    formed = in_form(domain, form)
    if not form or domain != plain_name(domain):
        return iter(texts)
    parsed = ((text, domain_of(formed).items.parse(text)) for text in texts)
    return (text if isinstance(item, Refusal) else plain_text(formed, item) for text, item in parsed)


ITEM_OF_FILE = re.compile(r"(.+)\[\d{1,9}\]")
"""An item of a file by its number."""


def read_rows(domain: str, table: str, chosen: PredictorSettings) -> tuple[list[Row], list[Path]]:
    """Rows of a file, of a prepared dataset or of a dataset card (both with or without a split, as in
    `folder/train`); and the files that they were read from."""
    if (found := prepared_at(table, chosen.limit)) is not None:
        return _prepared_rows(*found), [found[0].path / SUMMARY]
    if chosen.wild_type and os.path.isfile(file_of(table)):
        rows = read_rows_of(domain_of(domain), Path(table), chosen.column, chosen.wild_type, whole=True)
        return list(islice(rows, chosen.limit)), [file_of(table)]
    reading = {name: getattr(chosen, name) for name in ("column", *Reading.__annotations__)}
    rows_by_split, files = open_source(domain, PrepareSettings(source=table, **reading))
    return [*all_rows(rows_by_split), *([] if files else reference_row_of_card(domain, table, chosen.target))], files


def notes_of_splits(table: str) -> list[str]:
    """A note if all splits of a prepared dataset are read, held-out ones too."""
    found = prepared_at(table)
    if found is None or found[1] is not None or len(found[0].splits) < 2:
        return []
    first, *others = found[0].splits
    return [f"all of {table} is used; to hold out {' and '.join(others)}, name {table.rstrip('/')}/{first}"]


def rows_of_source(domain: str, source: str, column: str | None, chosen: Reading) -> list[Row]:
    """As `read_rows`, of a domain or a form, without a target."""
    if (found := prepared_at(source, chosen.limit)) is not None:
        return _prepared_rows(*found)
    reading = {name: getattr(chosen, name) for name in Reading.model_fields}
    rows, _ = open_source(domain, PrepareSettings(source=source, column=column, **reading))
    return list(all_rows(rows))


def rows_with_cells(science: Domain, path: Path, column: str | None = None) -> Iterator[Row]:
    """The rows of a file; those of a table with all their cells, unless items consist of these."""
    rows = science.items.rows(path, column)
    if science.cells is not None or not path.name.lower().endswith(READ_TABLES):
        return iter(rows)
    table = read_table(path, columns_of(science, None), column, with_cells=True)
    return (replace(row, cells=one.cells) for row, one in zip(rows, table, strict=True))


MOST_CLASSES = 20
"""A column of more different texts, or of more than one for two rows, is one of names or notes."""


def rows_with_classes(science: Domain, path: Path, column: str | None = None) -> Iterator[Row]:
    """The rows of a file; of a table, their values have the indicators of its classes (`ItemIO.classes`)."""
    if not path.name.lower().endswith(READ_TABLES):
        return science.items.rows(path, column)
    passed_over = {*science.items.columns, *ID_COLUMNS, *FIXED_COLUMNS, str(column).lower(), *number_columns(path)}
    names = [name for name in column_names(path) if not {name, name.lower()} & passed_over]
    if not names:
        return science.items.rows(path, column)

    def class_of(row: Row, name: str) -> str:
        return str(row.cells.get(name) or "").strip()

    found: dict[str, dict[str, None]] = {name: {} for name in names}
    count = 0
    for row in rows_with_cells(science, path, column):
        count += 1
        for name, texts in found.items():
            if len(texts) <= MOST_CLASSES and (text := class_of(row, name)):
                texts[text] = None
    few = {name: sorted(texts) for name, texts in found.items() if 1 < len(texts) <= min(MOST_CLASSES, count // 2)}

    def with_indicators(row: Row) -> Row:
        known = {name: text for name in few if (text := class_of(row, name))}
        numbers = {indicator(name, one): float(one == text) for name, text in known.items() for one in few[name]}
        return replace(row, values={**row.values, **numbers})

    return map(with_indicators, rows_with_cells(science, path, column))


def without_target(science: Domain, rows: Iterable[Row], target: str) -> Iterator[Row]:
    """The rows, whose items lack the cell that is to be predicted; unchanged for items that don't consist of cells."""
    if science.cells is None:
        return iter(rows)
    without = science.cells.without
    return (replace(row, text=without(row.text, target)) for row in rows)


def _prepared_rows(data: PreparedDataset, split: str | None) -> list[Row]:
    names, values = data.property_names, data.values(split)
    present = ({name: float(value) for name, value in zip(names, row, strict=True) if value == value} for row in values)
    return [Row(line, text, one) for line, (text, one) in enumerate(zip(data.items(split), present, strict=True), 1)]


def given_form(domain: str, items: Given, column: str | None = None) -> str:
    """The form of the domain that recognizes the first of the items that a caller of Python gives, else ""."""
    science = domain_of(domain)
    if not science.forms:
        return ""
    first = first_given(science, items, column)
    forms = {name: domain_of(in_form(domain, name)) for name in science.forms}
    return next((name for name, one in forms.items() if one.form is not None and one.form.recognizes(first)), "")


def is_item(domain: str, source: str) -> bool:
    """Whether a source is no file but one item of it, such as `designs.pdb[3]` or `stamps.fits[3]`; an error if the
    file is there, and the item isn't."""
    if os.path.exists(source):
        return False
    if form := given_form(domain, source):
        return not source.lower().endswith(tuple(domain_of(in_form(domain, form)).items.formats))
    if not (match := ITEM_OF_FILE.fullmatch(source)) or not os.path.exists(match[1]):
        return False
    if isinstance(found := domain_of(domain).items.parse(source), Refusal):
        raise DataError(f"Expected a file, or an item of one, at {source}: {found.reason}. Or name {match[1]}.")
    return True


def prepared_items(path: Path) -> Path:
    """The file of items of a prepared folder, and any other path as it is; an error for a split, `folder/test`."""
    if os.path.isfile(path / SUMMARY):
        return path / ITEMS
    if not os.path.exists(path) and os.path.isfile(path.parent / SUMMARY):
        told = f"Read {path.parent / ITEMS}: its last column says which"
        raise DataError(f"Expected a file, got '{path}', a part of prepared data. {told}.")
    return path


def given_source(science: Domain, items: Path | Given, column: str | None = None) -> Path | Sequence[Row]:
    """The path of a file or a folder, or rows of one or several items that a caller of Python gives, numbered from 1;
    column: of items in a data frame. A path where there is nothing, and the name of a file, are an error."""
    if isinstance(items, Path):
        items = prepared_items(items)
        if not os.path.exists(items):
            raise DataError(f"Expected a file of items of {science.name}, there is none at '{items}'. Check the path.")
        return items
    if isinstance(items, str) and Path(items).suffix and os.path.isfile(items):  # False for a name that is too long
        raise ConfigError(f"Expected items, got the name of a file. To read it, pass pathlib.Path({items!r}).")
    return [Row(line, text) for line, text in enumerate(item_texts(science, items, column), start=1)]
