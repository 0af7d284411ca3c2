"""Items that are named against a reference item, such as `A42G` of a wild type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sciencegen.items import Cell, Item, Reference, Refusal


class VariantNames(Protocol):
    """Names of the variants of one reference."""

    @property
    def remedy(self) -> str:
        """What the user can do about a `hint`, as a sentence."""

    def all_singles(self) -> list[str]:
        """Names of all single changes."""

    def read(self, text: str) -> tuple[str, str] | Refusal:
        """Parse the name of a variant, or the text of the whole item, to (name, text of the item)."""

    def places(self, texts: Iterable[str]) -> set[str]:
        """A small set of texts for which `hint` gives the same result as for all these texts."""

    def hint(self, texts: Iterable[str]) -> str:
        """Explain why refused texts don't match the reference, such as other numbering; "" without an explanation."""


class VariantClasses(Protocol):
    """Classes of the variants of one reference."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `values`, among them `class`."""

    def values(self, scores: Sequence[float]) -> dict[str, list[Cell]]:
        """Column -> list of cells, one for each score."""

    def notes(self) -> list[str]: ...

    def doubts(self) -> list[str]:
        """Warnings that the classes may be unreliable, as sentences."""


class VariantStructure(Protocol):
    """Scores of the variants of one reference that also know a structure of it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `values`."""

    def values(self, names: Sequence[str], scores: Sequence[float]) -> dict[str, list[Cell]]:
        """Column -> list of cells, one for each variant. scores: of the family's model."""

    def notes(self) -> list[str]:
        """How the structure was interpreted, as sentences."""


@dataclass(frozen=True, kw_only=True)
class Variants:
    """Items as variants of a reference.

    Parameters
    ----------
    read_reference : (source, first) -> Reference
        Read from the text of an item or from a file; `first` is the number of its first site, if a file has no numbers.
    text_of : (reference, text) -> text or Refusal
        The text of an item from its variant name (`A42G:K43R`) or from its own text.
    name_of : (reference, item) -> name or Refusal
    names : (reference) -> VariantNames
    exempt_motifs : (reference, forbid) -> notes
        Notes on the patterns of `forbid` that the reference contains.
    classes : (scores of all singles) -> VariantClasses, optional
    structure : (reference, file, names of all singles, their scores) -> VariantStructure, optional
    unit : str
        Unit of the scores of variants.
    """

    read_reference: Callable[[str, int], Reference]
    text_of: Callable[[Reference, str], str | Refusal]
    name_of: Callable[[Reference, Item], str | Refusal]
    names: Callable[[Reference], VariantNames]
    exempt_motifs: Callable[[Reference, Sequence[str]], list[str]] = lambda reference, forbid: []
    classes: Callable[[Sequence[float]], VariantClasses] | None = None
    structure: Callable[[Reference, str, Sequence[str], Sequence[float]], VariantStructure] | None = None
    unit: str = ""


ReferenceLike = Reference | Mapping[str, object]
"""A reference, or the context of a prepared dataset that contains one (`Family.context`)."""
