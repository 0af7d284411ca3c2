"""Random routes, and small random changes of routes.

A candidate of the search is a route, as in Gao, Mercado, Coley (ICLR 2022). Its blocks are exchanged, and its steps are
added, removed and exchanged; parts of two routes are combined. Every change is run by the templates at once, so
that each result is a route that holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from sciencegen.domains.molecules.synthesis.reactions import Reaction, Slot, reactions
from sciencegen.domains.molecules.synthesis.routes import Path, Route, paths, react, replaced
from sciencegen.domains.molecules.synthesis.stock import Stock
from sciencegen.items import Refusal

ATTEMPTS = 12
"""Changes that are tried, since a reaction may give no product, or several."""
SIMILAR_SHARE, NEIGHBOURS = 0.7, 30
"""Probability that a block is exchanged for one of its most similar ones, and their number."""
CONSIDERED = 1000
"""Blocks that are compared with the one that is exchanged: a random choice of a longer list."""
LARGEST_DRAW = 36
"""Heavy atoms, about 500 g/mol, beyond which a random route gets no further step."""
BRANCH_SHARE = 0.25
"""Probability that a new partner is made in one step of its own instead of bought."""

Choice = TypeVar("Choice")
Change = Callable[[Route, np.random.Generator], Route | Refusal | None]


@dataclass(frozen=True)
class RouteMoves:
    """Moves over routes of at most `most` steps from the blocks of a stock."""

    stock: Stock
    most: int = 4

    @cached_property
    def bought(self) -> tuple[Route, ...]:
        """Every block as a route without steps."""
        return tuple(map(Route, self.stock.molecules))

    def draw(self, generator: np.random.Generator) -> Route | Refusal:
        """A random route; shorter ones are likelier."""
        for _ in range(ATTEMPTS):
            target = min(int(generator.geometric(0.5)), self.most)
            route = self._one_step(generator)
            while not isinstance(route, Refusal) and route.steps < target:
                longer = self._extended(route, target - route.steps, generator)
                if isinstance(longer, Refusal) or longer.molecule.GetNumHeavyAtoms() > LARGEST_DRAW:
                    break
                route = longer
            if not isinstance(route, Refusal):
                return route
        return Refusal(f"{ATTEMPTS} reactions of random blocks gave no product")

    def exchange_block(self, route: Route, generator: np.random.Generator) -> Route | Refusal:
        """Another route by another block in one place."""
        return self._changed(route, [self._with_other_block], np.ones(1), generator)

    def change(self, route: Route, generator: np.random.Generator) -> Route | Refusal:
        """Another route by a step added, removed or exchanged, or by another block."""
        changes = [self._with_step, self._without_step, self._with_other_step, self._cut_short]
        return self._changed(route, changes, np.array([0.4, 0.2, 0.25, 0.15]), generator)

    def cross(self, route: Route, other: Route, generator: np.random.Generator) -> Route | Refusal:
        """A route with a part of the other in place of a part, or one that joins parts of both."""
        known = {route.smiles, other.smiles}
        for _ in range(ATTEMPTS):
            path, _ = _any(list(paths(route)), generator)
            _, part = _any(list(paths(other)), generator)
            child = self._joined(route, other, generator) if not path else replaced(route, path, part)
            if isinstance(child, Route) and self._is_new(child, known):
                return child
        return Refusal(f"{ATTEMPTS} combinations gave no other route")

    def _changed(
        self, route: Route, changes: Sequence[Change], weights: np.ndarray, generator: np.random.Generator
    ) -> Route | Refusal:
        for _ in range(ATTEMPTS):
            change = changes[int(generator.choice(len(changes), p=weights / weights.sum()))]
            child = change(route, generator)
            if isinstance(child, Route) and self._is_new(child, {route.smiles}):
                return child
        return Refusal(f"{ATTEMPTS} changes gave no other route")

    def _is_new(self, child: Route, known: set[str]) -> bool:
        return 0 < child.steps <= self.most and child.smiles not in known

    def _with_other_block(self, route: Route, generator: np.random.Generator) -> Route | Refusal | None:
        path, leaf = _any([(path, part) for path, part in paths(route) if part.reaction is None], generator)
        return replaced(route, path, self._block_like(leaf, _slot_at(route, path), generator))

    def _with_step(self, route: Route, generator: np.random.Generator) -> Route | Refusal | None:
        """A further step, at the end or for one of the parts."""
        if route.steps >= self.most:
            return None
        path, part = ((), route) if generator.random() < 0.6 else _any(list(paths(route)), generator)
        longer = self._extended(part, self.most - route.steps, generator)
        return longer if isinstance(longer, Refusal) else replaced(route, path, longer)

    def _without_step(self, route: Route, generator: np.random.Generator) -> Route | Refusal | None:
        """One of a step's reactants in place of its product."""
        path, part = _any([(path, part) for path, part in paths(route) if part.reaction is not None], generator)
        return replaced(route, path, _any(part.reactants, generator))

    def _with_other_step(self, route: Route, generator: np.random.Generator) -> Route | Refusal | None:
        """Another reaction of one of a step's reactants in place of the step, with a partner like the one before."""
        path, part = _any([(path, part) for path, part in paths(route) if part.reaction is not None], generator)
        kept, *others = [part.reactants[place] for place in generator.permutation(len(part.reactants))]
        spare = self.most - route.steps + part.steps - kept.steps
        other = self._extended(kept, spare, generator, like=next(iter(others), None))
        return other if isinstance(other, Refusal) else replaced(route, path, other)

    def _cut_short(self, route: Route, generator: np.random.Generator) -> Route | Refusal | None:
        """A similar block in place of an intermediate."""
        inner = [(path, part) for path, part in paths(route) if path and part.reaction is not None]
        if not inner:
            return None
        path, part = _any(inner, generator)
        slot = _slot_at(route, path)
        return replaced(route, path, self._block_like(part, slot, generator)) if slot in self.stock.fitting else None

    def _joined(self, route: Route, other: Route, generator: np.random.Generator) -> Route | Refusal | None:
        """A reaction of a part of one with a part of the other."""
        first, second = (_any(list(paths(one)), generator)[1] for one in (route, other))
        pairs = _pairs(first.slots, second.slots)
        if not pairs:
            return None
        reaction, turned = _any(pairs, generator)
        return react(reaction, (second, first) if turned else (first, second))

    def _one_step(self, generator: np.random.Generator) -> Route | Refusal:
        reaction = self.stock.usable[int(generator.choice(len(self.stock.usable), p=self._shares))]
        return react(reaction, tuple(self._random_block(slot, generator) for slot in reaction.slots))

    @cached_property
    def _shares(self) -> np.ndarray:
        """Of the usable reactions, by the logarithm of the number of combinations of blocks."""
        sizes = [[len(self.stock.fitting[slot]) for slot in one.slots] for one in self.stock.usable]
        weights = np.array([np.log1p(np.prod(size, dtype=float)) for size in sizes])
        return weights / weights.sum()

    def _extended(
        self, route: Route, spare: int, generator: np.random.Generator, like: Route | None = None
    ) -> Route | Refusal:
        """A step more, with a partner. spare: steps that may be added; like: what a block as partner should be like."""
        slots = [slot for slot in route.slots if self._has_partners(slot)] if spare > 0 else []
        for place in generator.permutation(len(slots))[:ATTEMPTS].tolist():
            reaction = reactions()[slots[place].reaction]
            partners = [
                route if slot == slots[place] else self._partner(slot, spare - 1, generator, like)
                for slot in reaction.slots
            ]
            longer = react(reaction, tuple(partners))
            if not isinstance(longer, Refusal):
                return longer
        return Refusal("no reaction with a block")

    def _has_partners(self, slot: Slot) -> bool:
        return all(other == slot or other in self.stock.fitting for other in reactions()[slot.reaction].slots)

    def _partner(self, slot: Slot, spare: int, generator: np.random.Generator, like: Route | None) -> Route:
        """A block for the slot, or a molecule that is made of it and still fits."""
        block = self._random_block(slot, generator) if like is None else self._block_like(like, slot, generator)
        if spare < 1 or generator.random() > BRANCH_SHARE:
            return block
        made = self._extended(block, 1, generator)
        return block if isinstance(made, Refusal) or slot not in made.slots else made

    def _random_block(self, slot: Slot, generator: np.random.Generator) -> Route:
        return self.bought[int(_any(self.stock.fitting[slot], generator))]

    def _block_like(self, part: Route, slot: Slot, generator: np.random.Generator) -> Route:
        """A block for the slot, often one that is similar to the part."""
        fitting = self.stock.fitting[slot]
        if generator.random() > SIMILAR_SHARE:
            return self._random_block(slot, generator)
        if len(fitting) > CONSIDERED:
            fitting = fitting[generator.choice(len(fitting), CONSIDERED, replace=False)]
        alike = self.stock.similarities(fitting, part.molecule)
        nearest = np.argsort(-alike, kind="stable")[: NEIGHBOURS + 1]
        return self.bought[int(fitting[_any(nearest, generator)])]


def _slot_at(route: Route, path: Path) -> Slot:
    """The slot that a part of a route fills."""
    for place in path[:-1]:
        route = route.reactants[place]
    assert route.reaction is not None
    return Slot(route.reaction.index, path[-1])


def _pairs(first: Sequence[Slot], second: Sequence[Slot]) -> list[tuple[Reaction, bool]]:
    """Reactions of two molecules with these slots, and whether the second molecule comes first."""
    others = set(second)
    return [
        (reactions()[slot.reaction], slot.position == 1)
        for slot in first
        if Slot(slot.reaction, 1 - slot.position) in others
    ]


def _any(options: Sequence[Choice] | np.ndarray, generator: np.random.Generator) -> Choice:
    return options[int(generator.integers(len(options)))]
