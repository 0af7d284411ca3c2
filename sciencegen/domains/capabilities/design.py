"""The optional part `Design`: design rounds with a laboratory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sciencegen.items import Item, Reference, Refusal

if TYPE_CHECKING:
    from sciencegen.optimization.feature_rows import SiteRows


class DesignSpace(Protocol):
    """The set of items that may be proposed."""

    @property
    def origin(self) -> Item:
        """The item that all others are changes of."""

    @property
    def reference(self) -> Reference | None:
        """The reference that the user gave, or None."""

    @property
    def notes(self) -> list[str]:
        """How the options were interpreted, as sentences."""

    def accepts(self, item: Item) -> bool: ...

    def mutate(self, item: Item, generator: np.random.Generator) -> Item | Refusal:
        """A random move within the space."""

    def everything(self, limit: int) -> list[Item] | None:
        """All items of the space if there are at most `limit`, else None."""


class MakeDesignSpace(Protocol):
    """(items measured so far, options of the domain) -> design space.

    The option `reference` is the parsed `wild_type`.
    """

    def __call__(self, measured: Sequence[Item] = (), **options: object) -> DesignSpace: ...


class Edits(Protocol):
    """Features of items whose sites don't correspond, fitted to known items."""

    def __call__(self, items: Sequence[Item]) -> np.ndarray:
        """The features, [item feature]."""

    def refusal(self, item: Item) -> str | None:
        """The reason why an item can't be compared with the known ones, or None."""


def no_edits(items: Sequence[Item], origin: Item | None) -> None:
    """The `edits` of a domain whose items have sites that correspond, or none."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """Plates of variants of one item.

    Parameters
    ----------
    space : (measured, **options) -> DesignSpace
    options : tuple of str
        Names of the options of `space`.
    features : (items, origin) -> SiteRows or None, optional
        Features by site, for sequences of one length; None if an item can't be aligned with the origin, and then
        regressors use `Regression.features`. Default: they always use these.
    edits : (items, origin) -> Edits or None, optional
        Fit features to items whose sites don't correspond, such as sequences with inserted residues; None if `features`
        or `Regression.features` describe them. origin: None for one fitted to the items.
    marks : (items, origin) -> list of set, optional
        For each item the marks (proteins: mutations) that other items of a plate may share with it. Default: its label
        in `Regression.groups`.
    """

    space: MakeDesignSpace
    options: tuple[str, ...] = ()
    features: Callable[[Sequence[Item], Item | None], SiteRows | None] | None = None
    edits: Callable[[Sequence[Item], Item | None], Edits | None] = no_edits
    marks: Callable[[Sequence[Item], Item], Sequence[Collection[Hashable]]] | None = None
