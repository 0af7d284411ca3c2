"""The optional part `Pictures`: pictures of many items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sciencegen.items import Item
from sciencegen.report.chart_content import Chart
from sciencegen.report.letters import Letters


@dataclass(frozen=True)
class Compared:
    """Items that charts compare: of the training set, draws of the model, and candidates of the search."""

    training: Sequence[Item]
    draws: Sequence[Item]
    candidates: Sequence[Item]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures of many items.

    Parameters
    ----------
    gallery : int
        Number of items of each group that a report draws; 0 for no gallery.
    traversals : bool
        Whether neighbours in a latent space look alike; a report then shows rows of pictures along latent directions.
    render_alike : (items, width, height) -> list of str, optional
        `Domain.render` of each item, with a common scale, such as of brightness.
    letters : Letters, optional
    charts : (compared) -> sequence of Chart, optional
        Plots of two quantities that experts of the science look at.
    """

    gallery: int = 0
    traversals: bool = False
    render_alike: Callable[[Sequence[Item], int, int], list[str]] | None = None
    letters: Letters | None = None
    charts: Callable[[Compared], Sequence[Chart]] | None = None
