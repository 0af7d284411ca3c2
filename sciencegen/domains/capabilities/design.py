"""What design rounds with a laboratory use of items."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sciencegen.items import Item, Reference, Refusal

if TYPE_CHECKING:
    from sciencegen.optimization.feature_rows import SiteRows


class DesignSpace(Protocol):
    """What may be proposed."""

    @property
    def origin(self) -> Item:
        """The item that all others are changes of."""

    @property
    def reference(self) -> Reference | None:
        """What the user named as the reference; None where none was given."""

    @property
    def notes(self) -> list[str]:
        """What the options were understood as."""

    def accepts(self, item: Item) -> bool: ...

    def mutate(self, item: Item, generator: np.random.Generator) -> Item | Refusal:
        """A random move within the space."""

    def everything(self, limit: int) -> list[Item] | None:
        """All items where there are no more than `limit`, else None."""


class MakeDesignSpace(Protocol):
    """(items measured so far, options in the domain's language) -> design space.

    The option `reference` is what `wild_type` was read as.
    """

    def __call__(self, measured: Sequence[Item] = (), **options: object) -> DesignSpace: ...


@dataclass(frozen=True, kw_only=True)
class Design:
    """Plates of variants of one item.

    Parameters
    ----------
    space : (measured, **options) -> DesignSpace
    options : tuple of str
        Names of the options of `space`.
    features : (items, origin) -> SiteRows or None, optional
        Letters of sequences of one length with features of each letter; None where an item can't be aligned with the
        origin. Regressors then see `Regression.features`. Default: they always do.
    marks : (items, origin) -> list of set, optional
        Of each item what other items of a plate may have in common with it beside the origin. Default: its label in
        `Regression.groups`.
    """

    space: MakeDesignSpace
    options: tuple[str, ...] = ()
    features: Callable[[Sequence[Item], Item | None], SiteRows | None] | None = None
    marks: Callable[[Sequence[Item], Item], Sequence[Collection[Hashable]]] | None = None
