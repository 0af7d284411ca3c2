"""Moves of a search over routes: items are molecules, and each has the route that made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from sciencegen.domains.capabilities.moves import BlockMoves, Columns, Materials
from sciencegen.domains.molecules.items import text
from sciencegen.domains.molecules.synthesis.analogues import AnalogueSearch
from sciencegen.domains.molecules.synthesis.moves import RouteMoves
from sciencegen.domains.molecules.synthesis.routes import Route, read_steps, replay, write_route
from sciencegen.domains.molecules.synthesis.stock import Stock, make_stock
from sciencegen.items import Refusal

COLUMNS = ("route", "route_steps", "route_blocks")
BETWEEN = "; "
"""Separator of blocks in the column `route_blocks`."""
RECENT = 1000
"""Routes that are kept as molecules, some 40 kB each; the others are kept as text, and run again when needed."""


class Written(NamedTuple):
    """A route as text. blocks: SMILES of its building blocks."""

    steps: int
    line: str
    blocks: tuple[str, ...]

    @classmethod
    def of(cls, route: Route) -> Written:
        """The text of a route."""
        return cls(route.steps, write_route(route), route.blocks)


@dataclass(frozen=True)
class RouteBook:
    """The shortest route that was found for each molecule, by canonical SMILES."""

    moves: RouteMoves
    written: dict[str, Written] = field(default_factory=dict)
    recent: dict[str, Route] = field(default_factory=dict)

    @cached_property
    def analogues(self) -> AnalogueSearch:
        """The search for routes to molecules like a given one."""
        return AnalogueSearch(self.moves)

    def entered(self, route: Route | Refusal) -> Chem.Mol | Refusal:
        """The molecule of a route, which is noted."""
        if isinstance(route, Refusal):
            return route
        known = self.written.get(route.smiles)
        if known is None or route.steps < known.steps:
            self.written[route.smiles] = Written.of(route)
            self._keep(route)
        return route.molecule

    def _keep(self, route: Route) -> Route:
        """Keep a route as the latest of those that are kept as molecules."""
        self.recent.pop(route.smiles, None)
        self.recent[route.smiles] = route
        if len(self.recent) > RECENT:
            del self.recent[next(iter(self.recent))]
        return route

    def of(self, molecule: Chem.Mol) -> Route | Refusal:
        """The route of a molecule."""
        smiles = text(molecule)
        if smiles not in self.written:
            return Refusal("no route from the blocks is known")
        route = self.recent.get(smiles) or replay(self.written[smiles].line)
        return route if isinstance(route, Refusal) else self._keep(route)

    def draw(self, count: int, generator: np.random.Generator) -> list[Chem.Mol | Refusal]:
        """Molecules of random routes."""
        return [self.entered(self.moves.draw(generator)) for _ in range(count)]

    def moved(
        self, molecule: Chem.Mol, generator: np.random.Generator,
        change: Callable[[Route, np.random.Generator], Route | Refusal],
    ) -> Chem.Mol | Refusal:  # fmt: skip
        """The molecule of a changed route."""
        route = self.of(molecule)
        return route if isinstance(route, Refusal) else self.entered(change(route, generator))

    def mutate(self, molecule: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        """A molecule of the same reactions, with another block."""
        return self.moved(molecule, generator, self.moves.exchange_block)

    def edit(self, molecule: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        """A molecule with a step added, removed or exchanged."""
        return self.moved(molecule, generator, self.moves.change)

    def recombine(self, molecule: Chem.Mol, other: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        """A molecule of parts of both routes."""
        second = self.of(other)
        if isinstance(second, Refusal):
            return second
        return self.moved(molecule, generator, lambda first, rng: self.moves.cross(first, second, rng))

    def nearest(self, molecule: Chem.Mol, count: int) -> list[Chem.Mol]:
        """Molecules with routes that are most like any molecule."""
        found = self.analogues.nearest(molecule, count)
        return [made for made in map(self.entered, found) if not isinstance(made, Refusal)]

    def nearest_with_columns(self, molecule: Chem.Mol, count: int) -> tuple[list[Chem.Mol], Columns]:
        """The same molecules, which are not noted, and `COLUMNS` of the routes that were found to them."""
        found = self.analogues.nearest(molecule, count)
        return [route.molecule for route in found], self._columns(list(map(Written.of, found)))

    def enter(self, line: str) -> Chem.Mol | Refusal:
        """The molecule of a route that was written, which is noted if its steps hold for this stock."""
        route = replay(line, lambda smiles: self.moves.stock.place(smiles) is not None)
        if isinstance(route, Route) and route.steps > self.moves.most:
            return Refusal(f"the route has {route.steps} steps, {self.moves.most} are allowed")
        return self.entered(route)

    def columns(self, molecules: Sequence[Chem.Mol]) -> Columns:
        """`COLUMNS` of each molecule: its route as text, the number of steps, the names of its blocks."""
        return self._columns([self.written[text(molecule)] for molecule in molecules])

    def _columns(self, found: Sequence[Written]) -> Columns:
        blocks = [BETWEEN.join(map(self.moves.stock.name, one.blocks)) for one in found]
        return dict(zip(COLUMNS, ([one.line for one in found], [one.steps for one in found], blocks), strict=True))

    def materials(self, molecule: Chem.Mol) -> Materials | None:
        """The blocks of a molecule's route, and the products of its steps before the last."""
        written = self.written.get(text(molecule))
        steps = None if written is None else read_steps(written.line)
        if written is None or steps is None or isinstance(steps, Refusal):
            return None
        products = tuple(step.product for step in steps[:-1])
        last = tuple(dict.fromkeys(one for one in steps[-1].reactants if one in products))
        return Materials(written.blocks, products, last)


def block_moves(molecules: Sequence[Chem.Mol], names: Sequence[str], most: int) -> BlockMoves:
    """Moves over routes of at most `most` steps from these building blocks."""
    stock = make_stock(molecules, names)
    book = RouteBook(RouteMoves(stock, most))
    return BlockMoves(
        draw=book.draw,
        mutate=book.mutate,
        edit=book.edit,
        recombine=book.recombine,
        nearest=book.nearest,
        analogues=book.nearest_with_columns,
        enter=book.enter,
        columns=book.columns,
        materials=book.materials,
        notes=notes_on(stock),
    )


def notes_on(stock: Stock) -> tuple[str, ...]:
    """What to know of a stock: how many of its blocks fit to no reaction, and how many reactions can be run."""
    usable = f"{len(stock)} building blocks for {len(stock.usable)} reactions"
    return (f"{usable}; blocks that fit to none: {stock.unused}" if stock.unused else usable,)
