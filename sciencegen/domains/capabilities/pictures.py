"""Pictures of items beyond one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sciencegen.items import Item
from sciencegen.report.letters import Letters


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures of many items.

    Parameters
    ----------
    gallery : int
        How many items a report draws of each group; 0 where pictures side by side show nothing.
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
