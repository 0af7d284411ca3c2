"""Items as aligned letters, in domains that draw them as letters."""

from __future__ import annotations

from collections.abc import Sequence

from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities.variants import ReferenceLike
from sciencegen.items import Item
from sciencegen.report.letters import Letters
from sciencegen.report.sites import Sites

WIDTH, HEIGHT = 220, 160
"""Size of a picture in a table, in pixels."""


def letters_of(science: Domain) -> Letters | None:
    """The domain's `Letters`, None for a domain without letters."""
    return None if science.pictures is None else science.pictures.letters


def align(science: Domain, texts: Sequence[str], reference: ReferenceLike | None) -> Sites | None:
    """Align items in columns; None without items or letters."""
    letters = letters_of(science)
    return None if letters is None or not texts else letters.align(texts, reference)


def picture(science: Domain, item: Item, reference: ReferenceLike | None) -> str:
    """A picture of an item, with changes relative to the reference if there is one."""
    letters = letters_of(science)
    if letters is None or reference is None:
        return science.render(item, WIDTH, HEIGHT)
    return letters.render_against(item, reference, WIDTH, HEIGHT)
