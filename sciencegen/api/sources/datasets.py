"""Rows of files, dataset cards and prepared datasets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from sciencegen.api.science.forms import domain_of, in_form, plain_name, plain_of, plain_text
from sciencegen.api.science.naming import read_rows_of
from sciencegen.api.sources.simulated import obtain
from sciencegen.config import PrepareSettings
from sciencegen.data.cards import Card, has_card, list_cards, load_card
from sciencegen.data.fetch import cached_folder, is_fetched
from sciencegen.data.first_fetch import note_on
from sciencegen.data.prepared import SUMMARY, PreparedDataset
from sciencegen.data.workbooks import file_of
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.errors import ConfigError, DataError, SciencegenError, unknown_name
from sciencegen.files import check_regular
from sciencegen.items import Refusal, Row

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
        return cut(read_rows_of(reader, file, settings.column, settings.wild_type)), [file_of(file)]
    if is_folder_of(science, source):
        return cut(science.items.read(file, settings.column)), []
    card, split = find_part(domain, source, settings.sample)
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


def find_part(domain: str, source: str, sample: bool | None) -> tuple[Card, str | None]:
    """`find_card`, with an error if the sample is used and lacks the split."""
    card, split = find_card(domain, source)
    if sample and not card.samples:
        raise DataError(f"Expected a committed sample of {card.full_name}, it has none. Fetch the whole set.")
    if split and uses_sample(card, sample) and split not in card.sampled_splits:
        raise unknown_name(f"sample of {card.full_name}", split, card.sampled_splits)
    return card, split


def check_source(domain: str, source: str, sample: bool | None = None) -> None:
    """Raise an error for a source that `open_source` can't open."""
    if not os.path.isfile(file_of(source)) and not is_folder_of(domain_of(domain), source):
        find_part(domain, source, sample)


def splits_of(domain: str, source: str) -> tuple[str, ...]:
    """The splits that `open_source` gives of a dataset; none of a file or a folder."""
    if os.path.isfile(file_of(source)) or is_folder_of(domain_of(domain), source):
        return ()
    card, split = find_card(domain, source)
    return (split,) if split else tuple(card.disjoint_splits)


def note_on_source(domain: str, source: str) -> str:
    """What a user should know of where the files of a dataset come from; "" for nothing, and for a file of theirs."""
    if os.path.isfile(file_of(source)) or is_folder_of(domain_of(domain), source):
        return ""
    card = find_card(domain, source)[0]
    return note_on(card, cached_folder(card))


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
