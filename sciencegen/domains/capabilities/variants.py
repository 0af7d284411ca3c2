"""Items that are named against a reference item, such as `A42G` of a wild type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sciencegen.items import Cell, Item, Reference, Refusal


class VariantNames(Protocol):
    """Variants of one reference, by name."""

    @property
    def remedy(self) -> str:
        """What to do about a `hint`."""

    def all_singles(self) -> list[str]:
        """Names of all single changes."""

    def read(self, text: str) -> tuple[str, str] | Refusal:
        """(name, text of the item) of a name, or of an item that is written out."""

    def places(self, texts: Iterable[str]) -> set[str]:
        """The few texts from which `hint` follows as from all of these."""

    def hint(self, texts: Iterable[str]) -> str:
        """What would make texts fit that were refused, "" where nothing would."""


class VariantClasses(Protocol):
    """Classes of the variants of one reference."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `values`, among them `class`."""

    def values(self, scores: Sequence[float]) -> dict[str, list[Cell]]:
        """Column -> cells, one for each score."""

    def notes(self) -> list[str]: ...

    def doubts(self) -> list[str]:
        """Why the classes may mean little, in words."""


@dataclass(frozen=True, kw_only=True)
class Variants:
    """Items as variants of a reference.

    Parameters
    ----------
    read_reference : (source, first) -> Reference
        From the text of an item or from a file; `first` is the number of its first part where a file says none.
    text_of : (reference, text) -> text or Refusal
        The text of an item from its name (`A42G:K43R`) or from the item itself.
    name_of : (reference, item) -> name or Refusal
    names : (reference) -> VariantNames
    exempt_motifs : (reference, forbid) -> notes
        Which patterns of `forbid` the reference itself holds.
    classes : (scores of all singles) -> VariantClasses, optional
    unit : str
        Of the scores of variants.
    """

    read_reference: Callable[[str, int], Reference]
    text_of: Callable[[Reference, str], str | Refusal]
    name_of: Callable[[Reference, Item], str | Refusal]
    names: Callable[[Reference], VariantNames]
    exempt_motifs: Callable[[Reference, Sequence[str]], list[str]] = lambda reference, forbid: []
    classes: Callable[[Sequence[float]], VariantClasses] | None = None
    unit: str = ""


ReferenceLike = Reference | Mapping[str, object]
"""A reference, or the context of a prepared dataset that names one (`Family.context`)."""
