"""Pictures of items beyond one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sciencegen.domains.capabilities.variants import ReferenceLike
from sciencegen.items import Item
from sciencegen.report.sites import Change, Sites


@dataclass(frozen=True, kw_only=True)
class Letters:
    """Items that are letters in columns, for logos and heat maps.

    Parameters
    ----------
    classes : mapping
        Name of a class -> its letters, like ones together, in the order in which a picture lists them.
    align : (texts, reference) -> Sites or None
        None where the items have no columns in common.
    changes : (names) -> list of tuple of Change or None
        Of each name of a variant; () for the reference itself, None for what is no name.
    render_against : (item, reference, width, height) -> str
        `Domain.render` that shows what differs from a reference.
    """

    classes: Mapping[str, str]
    align: Callable[[Sequence[str], ReferenceLike | None], Sites | None]
    changes: Callable[[Sequence[str]], list[tuple[Change, ...] | None]]
    render_against: Callable[[Item, ReferenceLike, int, int], str]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures of many items.

    Parameters
    ----------
    gallery : int
        How many items a report draws of each group; 0 where pictures beside each other tell nothing.
    traversals : bool
        Whether neighbours in a latent space look alike, so that a report shows rows of pictures along it.
    render_alike : (items, width, height) -> list of str, optional
        `Domain.render` of each item, all on one scale, such as of brightness.
    letters : Letters, optional
    """

    gallery: int = 0
    traversals: bool = False
    render_alike: Callable[[Sequence[Item], int, int], list[str]] | None = None
    letters: Letters | None = None
