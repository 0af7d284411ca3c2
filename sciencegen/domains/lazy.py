"""Tables and functions that are imported on first use, so that a domain can be loaded without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any, Generic, TypeVar

from sciencegen.errors import named_extras
from sciencegen.plugins import broken_part

Value = TypeVar("Value")


def imported(target: str, default: str = "") -> object:
    """Import `module:attribute`; None if it doesn't exist. default: the attribute if only a module is given."""
    module, _, attribute = target.partition(":")
    with named_extras():
        return vars(import_module(module)).get(attribute or default)


def later(target: str) -> Callable[..., Any]:
    """The function at `module:attribute`, imported when it is called."""

    def call(*args: object, **options: object) -> object:
        found = imported(target)
        assert callable(found), f"expected a function at {target}"
        return found(*args, **options)

    return call


class LazyTable(Mapping[str, Value], Generic[Value]):
    """A mapping at `module:attribute`, imported on first access.

    Examples
    --------
    >>> from sciencegen.domains.lazy import LazyTable
    >>> "molecules" in LazyTable("sciencegen.domains:DOMAINS")
    True
    """

    def __init__(self, target: str) -> None:
        self.target = target

    @cached_property
    def _table(self) -> Mapping[str, Value]:
        found = imported(self.target)
        assert isinstance(found, Mapping), f"expected a mapping at {self.target}"
        return found

    def __getitem__(self, name: str) -> Value:
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


class WithInstalled(Mapping[str, Value], Generic[Value]):
    """A table and the entries that installed packages add; the table has precedence for equal names.

    Parameters
    ----------
    table : mapping
    installed : mapping
        Name -> entry point, loaded on access.
    """

    def __init__(self, table: Mapping[str, Value], installed: Mapping[str, EntryPoint]) -> None:
        self.table, self.installed = table, installed

    def __getitem__(self, name: str) -> Value:
        if name in self.table:
            return self.table[name]
        entry = self.installed[name]
        try:
            return entry.load()
        except Exception as error:  # third-party code
            raise broken_part("recipe", entry, error) from error

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self.table, *sorted(self.installed)]))

    def __len__(self) -> int:
        return len({*self.table, *self.installed})
