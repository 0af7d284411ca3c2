"""The optional part `Objects`: objects of the science's own libraries, such as RDKit molecules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sciencegen.items import Item


@dataclass(frozen=True, kw_only=True)
class Objects:
    """Objects that Python users pass instead of texts, and get back.

    Parameters
    ----------
    kinds : str
        What they are, for messages: "RDKit molecules".
    text : (object) -> str or None
        The text of an object for `ItemIO.parse`; None for an object of another kind. An object of this kind that holds
        no item gets a text that `parse` refuses with the reason.
    of : (item) -> object
        A new object; `parse(text(of(item)))` is the item again.
    """

    kinds: str
    text: Callable[[object], str | None]
    of: Callable[[Item], object]
