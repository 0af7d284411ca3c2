"""Items that a table names against one of them: `wild_type`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.workers import InDomain
from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.data.writers import Refused, escape
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference, VariantNames, Variants
from sciencegen.domains.capabilities.moves import no_patterns
from sciencegen.errors import ConfigError
from sciencegen.items import NAME_COLUMN, NAMES_OR_COUNTS, VARIANT_COLUMNS, Item, Refusal, Row

NameSuffixes = Callable[[Sequence[Item]], list[str]]
"""Items -> how their names end in a file that numbers the parts of an item (proteins: `/24-286`)."""

Described = TypeVar("Described")


def variants_of(science: Domain) -> Variants:
    """The variants of a domain; an error for a domain without."""
    if science.variants is None:
        raise ConfigError(f"Expected no `wild_type`: {science.name} have no variants by name.")
    return science.variants


@cache
def _read(domain: str, source: str) -> Reference:
    return variants_of(domain_of(domain)).read_reference(source, 1)


def reference_of(science: Domain, source: str | Reference | None) -> Reference | None:
    """What items are named against, or None; source: its text, a file, or the reference itself."""
    return _read(science.name, source) if isinstance(source, str) and source else source or None


def names_of(science: Domain, source: str | Reference | None) -> VariantNames | None:
    """The variants of a reference by name, or None without one."""
    reference = reference_of(science, source)
    return None if reference is None or science.variants is None else science.variants.names(reference)


def constraint_of(
    science: Domain, keep: Sequence[str], forbid: Sequence[str], reference: Reference | None = None
) -> Callable[[Item], bool]:
    """The test of patterns of the domain, of variants of a reference where there is one."""
    make = no_patterns if science.moves is None else science.moves.constraint
    return make(keep, forbid, reference)


def exempt_motifs(science: Domain, reference: Reference | None, forbid: Sequence[str]) -> list[str]:
    """Notes on the forbidden patterns that the reference itself holds."""
    if reference is None or science.variants is None:
        return []
    return science.variants.exempt_motifs(reference, forbid)


def parse_texts(science: Domain, texts: Sequence[str], source: str | Reference | None) -> list[Item | Refusal]:
    """Items, or why a text is none; source: of the reference that texts may be named against."""
    reference, parse = reference_of(science, source), science.items.parse
    if reference is None:
        return [parse(text) for text in texts]
    named = [variants_of(science).text_of(reference, text) for text in texts]
    return [one if isinstance(one, Refusal) else parse(one) for one in named]


@dataclass(frozen=True)
class ReadItems(InDomain):
    """Texts to (text, key, name) each, or why not; runs in the workers.

    reference: what they may be named against. Then what has no name is refused (of a protein, one of another length);
    without one names are empty.
    """

    reference: Reference | None = None

    def __call__(self, texts: Sequence[str]) -> list[tuple[str, str, str] | Refusal]:
        domain = domain_of(self.domain)
        parsed = parse_texts(domain, texts, self.reference)
        found = [(item, self._name(domain, item)) for item in parsed]
        return [
            name if isinstance(name, Refusal) else (domain.items.text(item), domain.items.key(item), name)
            for item, name in found
        ]

    def _name(self, domain: Domain, item: Item | Refusal) -> str | Refusal:
        if isinstance(item, Refusal):
            return item
        return "" if self.reference is None else variants_of(domain).name_of(self.reference, item)


def read_rows_of(
    science: Domain, path: Path, column: str | None, source: str | Reference | None, whole: bool = False
) -> Iterator[Row]:
    """The rows of a file; with a reference, of a table the column of names comes before that of items, unless this has
    the name that our own tables give it: a name means nothing without its numbering, an item does. whole: as of
    `read_table`, of a table."""
    reference_of(science, source)  # a wrong one is an error before any row is read
    if source and path.name.lower().endswith(READ_TABLES):
        return read_table(path, columns_of(science, source), column, whole)
    return science.items.read(path, column)


@dataclass(frozen=True)
class NameConflicts:
    """Rows that hold an item and a name. refused: where the name is another item's; notes: on names that are nobody's,
    in words."""

    refused: list[Refused]
    notes: list[str]

    def agreeing(self, pairs: Sequence[tuple[Row, Described]]) -> list[tuple[Row, Described]]:
        """The pairs without those of refused rows."""
        lines = {line for line, _, _ in self.refused}
        return [pair for pair in pairs if pair[0].line not in lines]


def name_conflicts(names: VariantNames | None, rows: Sequence[tuple[Row, str]]) -> NameConflicts:
    """Where (row, item) pairs of one table with all its cells name another item than they hold: a column that slipped
    against another in a spreadsheet makes every row a wrong one. names: of the reference, or None without one."""
    if names is None:
        return NameConflicts([], [])
    refused, strange = [], 0
    for row, item in rows:
        for column, cell in row.cells.items():
            if column.strip().lower() not in VARIANT_COLUMNS or not isinstance(cell, str) or not cell:
                continue
            found = names.read(cell)
            if isinstance(found, Refusal):
                strange += bool(names.places([cell]))
            elif found[1] != item:
                own = names.read(item)
                named = "no variant of the wild type" if isinstance(own, Refusal) else escape(own[0])
                reason = f"the item is {named}, its '{column}' says {escape(cell)}: correct one of them, or empty it"
                refused.append((row.line, row.text, reason))
                break
    note = f"{strange} names beside an item name no variant of the wild type: the item counts, they are not read"
    return NameConflicts(refused, [note] if strange else [])


def name_column(reference: Reference | None) -> str:
    """The column in which our tables name items against a reference, "" without one."""
    return "" if reference is None else NAME_COLUMN


def columns_of(science: Domain, source: object) -> tuple[str, ...]:
    """Accepted columns of items, most preferred first. source: true where items may be named against a reference."""
    first, *others = science.items.columns
    return (first, *VARIANT_COLUMNS, *others, NAMES_OR_COUNTS) if source else science.items.columns


@dataclass
class Numbering:
    """How rows fit a reference's numbering, gathered chunk by chunk; nothing where there is no reference.

    names: of the reference, or None. refused: rows that fit nothing; fitted: rows that were read by name.
    """

    names: VariantNames | None
    places: set[str] = field(default_factory=set)
    refused: int = 0
    fitted: int = 0

    def look(self, texts: Sequence[str], good: Sequence[str], refused: int) -> None:
        """texts: of all rows; good: of those that were read. refused: how many weren't."""
        self.refused += refused
        if self.names is not None:
            self.places |= self.names.places(texts)
            self.fitted += sum(bool(self.names.places([text])) for text in good)

    @property
    def hint(self) -> str:
        """What would make refused rows fit, "" where nothing would."""
        return self.names.hint(self.places) if self.refused and self.names is not None else ""

    def hinted(self, refused: Sequence[Refused]) -> list[Refused]:
        """Refused rows, each with that."""
        hint = self.hint
        return [(line, text, f"{reason}; {hint}" if hint else reason) for line, text, reason in refused]

    @property
    def notes(self) -> list[str]:
        """The same once, for people, with the remedy; of fewer rows that fitted than were refused that they may have
        done so by chance."""
        if self.names is None or not (hint := self.hint):
            return []
        by_chance = 0 < self.fitted < self.refused
        chance = f". The {self.fitted} rows that fitted may have done so by chance" if by_chance else ""
        return [f"{self.refused} rows were refused, and their {hint}. {self.names.remedy}{chance}"]
