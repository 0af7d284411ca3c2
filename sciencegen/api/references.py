"""Items that a table names against one of them: `--wild-type`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sciencegen.api.rooms import InDomain, domain_of
from sciencegen.data.tables import READ_TABLES, Row, read_table
from sciencegen.domains.base import VARIANT_COLUMNS, Refusal
from sciencegen.errors import ConfigError

Refused = tuple[int, str, str]


@cache
def _read(domain: str, source: str) -> Any:
    science = domain_of(domain)
    if not hasattr(science, "reference"):
        raise ConfigError(f"Expected no --wild-type: {science.name} have no variants by name.")
    return science.reference(source)


def reference_of(science: Any, source: Any) -> Any:
    """What items are named against, or None; source: its text, a file, or the reference itself."""
    return _read(science.name, source) if isinstance(source, str) and source else source or None


def names_of(science: Any, source: Any) -> Any:
    """The variants of a reference by name (`Domain.variant_names`), or None without one."""
    reference = reference_of(science, source)
    return None if reference is None or not hasattr(science, "variant_names") else science.variant_names(reference)


def constraint_of(science: Any, keep: Sequence[str], forbid: Sequence[str], reference: Any) -> Callable[[Any], bool]:
    """`Domain.constraint`, of variants of a reference where there is one."""
    known = reference is not None and hasattr(science, "held")
    return science.constraint(keep, forbid, reference) if known else science.constraint(keep, forbid)


def held(science: Any, reference: Any, forbid: Sequence[str]) -> list[str]:
    """Notes on what is forbidden and the reference holds (`Domain.held`)."""
    return science.held(reference, forbid) if reference is not None and hasattr(science, "held") else []


def parse_texts(science: Any, texts: Sequence[str], source: Any) -> list[Any]:
    """Items, or why a text is none; source: of the reference that texts may be named against."""
    reference = reference_of(science, source)
    if reference is None:
        return [science.parse(text) for text in texts]
    named = [science.of_reference(reference, text) for text in texts]
    return [one if isinstance(one, Refusal) else science.parse(one) for one in named]


@dataclass(frozen=True)
class ReadItems(InDomain):
    """Texts to (text, key) each, or why not; runs in the workers.

    reference: what they may be named against. Then what has no name is refused (of a protein, one of another length).
    """

    reference: Any = None

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        domain = domain_of(self.domain)
        found = [self._named(domain, item) for item in parse_texts(domain, texts, self.reference)]
        return [item if isinstance(item, Refusal) else (domain.text(item), domain.key(item)) for item in found]

    def _named(self, domain: Any, item: Any) -> Any:
        if self.reference is None or isinstance(item, Refusal):
            return item
        name = domain.name_of(self.reference, item)
        return name if isinstance(name, Refusal) else item


def hinted(names: Any, texts: Sequence[str], refused: Sequence[Refused]) -> list[Refused]:
    """Refused rows, with what would make them fit where there is such a thing. names: `Domain.variant_names`, or None.
    texts: of all rows."""
    hint = names.hint(texts) if refused and names is not None else ""
    return [(line, text, f"{reason}; {hint}" if hint else reason) for line, text, reason in refused]


def read_rows_of(science: Any, path: Path, column: str | None, source: Any) -> Iterator[Row]:
    """The rows of a file; with a reference, of a table the column of names comes before that of items, unless this has
    the name that our own tables give it: a name means nothing without its numbering, an item does."""
    reference_of(science, source)  # a wrong one is an error before any row is read
    if source and path.name.lower().endswith(READ_TABLES):
        return read_table(path, columns_of(science, source), column)
    return science.read(path, column)


def columns_of(science: Any, source: Any) -> tuple[str, ...]:
    """Accepted columns of items, most preferred first; `mutations` comes last: it may as well be their number."""
    first, *others = science.item_columns
    return (first, *VARIANT_COLUMNS, *others, "mutations") if source else science.item_columns
