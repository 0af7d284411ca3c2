"""Moves of a search over routes: items are molecules, and each has the route that made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from rdkit import Chem

from sciencegen.domains.capabilities.moves import BlockMoves
from sciencegen.domains.molecules.items import text
from sciencegen.domains.molecules.synthesis.analogues import AnalogueSearch
from sciencegen.domains.molecules.synthesis.moves import RouteMoves
from sciencegen.domains.molecules.synthesis.routes import Route, write_route
from sciencegen.domains.molecules.synthesis.shelf import Shelf, make_shelf
from sciencegen.items import Cell, Refusal

COLUMNS = ("route", "route_steps", "route_blocks")
BETWEEN = "; "
"""Separator of blocks in the column `route_blocks`."""


@dataclass(frozen=True)
class RouteBook:
    """The shortest route that was found for each molecule, by canonical SMILES."""

    moves: RouteMoves
    routes: dict[str, Route] = field(default_factory=dict)

    @cached_property
    def analogues(self) -> AnalogueSearch:
        """The search for routes to molecules like a given one."""
        return AnalogueSearch(self.moves)

    def entered(self, route: Route | Refusal) -> Chem.Mol | Refusal:
        """The molecule of a route, which is noted."""
        if isinstance(route, Refusal):
            return route
        known = self.routes.get(route.smiles)
        if known is None or route.steps < known.steps:
            self.routes[route.smiles] = route
        return route.molecule

    def of(self, molecule: Chem.Mol) -> Route | Refusal:
        """The route of a molecule."""
        return self.routes.get(text(molecule)) or Refusal("no route from the blocks is known")

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

    def columns(self, molecules: Sequence[Chem.Mol]) -> dict[str, list[Cell]]:
        """`COLUMNS` of each molecule: its route as text, the number of steps, the names of its blocks."""
        found = [self.routes[text(molecule)] for molecule in molecules]
        name = self.moves.shelf.name
        blocks = [BETWEEN.join(name(block) for block in route.blocks) for route in found]
        return dict(zip(COLUMNS, ([*map(write_route, found)], [route.steps for route in found], blocks), strict=True))


def block_moves(molecules: Sequence[Chem.Mol], names: Sequence[str], most: int) -> BlockMoves:
    """Moves over routes of at most `most` steps from these building blocks."""
    shelf = make_shelf(molecules, names)
    book = RouteBook(RouteMoves(shelf, most))
    return BlockMoves(
        draw=book.draw,
        mutate=book.mutate,
        edit=book.edit,
        recombine=book.recombine,
        nearest=book.nearest,
        columns=book.columns,
        notes=notes_on(shelf),
    )


def notes_on(shelf: Shelf) -> tuple[str, ...]:
    """What to know of a shelf: how many of its blocks fit to no reaction, and how many reactions can be run."""
    usable = f"{len(shelf)} building blocks for {len(shelf.usable)} reactions"
    return (f"{usable}; blocks that fit to none: {shelf.unused}" if shelf.unused else usable,)
