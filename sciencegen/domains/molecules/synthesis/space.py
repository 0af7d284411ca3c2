"""Moves of a search over routes: items are molecules, and each has the route that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Bool, Float
from rdkit import Chem, DataStructs
from scipy.sparse import csr_matrix

from sciencegen.domains.capabilities.design import BlockMoves, Columns, Materials
from sciencegen.domains.molecules.features import bit_rows, fingerprints
from sciencegen.domains.molecules.items import text
from sciencegen.domains.molecules.synthesis.routes import (
    Path,
    Reaction,
    Route,
    Slot,
    Stock,
    make_stock,
    paths,
    react,
    reactions,
    read_steps,
    replaced,
    replay,
    write_route,
)
from sciencegen.items import Refusal

# Random routes, and small random changes of routes.
#
# A candidate of the search is a route, as in Gao, Mercado, Coley (ICLR 2022). Its blocks are exchanged, and its steps
# are added, removed and exchanged; parts of two routes are combined. Every change is run by the templates at once, so
# that each result is a route that holds.

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


# Routes to a given molecule, or to molecules that are like it.
#
# A beam search over routes: of all combinations of blocks, those whose substructures cover most of the target are
# run; the products most like the target are kept, and further steps are tried on them.

BEST_BLOCKS = 16
"""Blocks of each slot that are combined."""
RUNS, BEAM = 400, 12
"""Reactions that are run in each round, and routes that are kept for the next one."""

Bits = Bool[np.ndarray, " bit"]


Trial = tuple[float, Reaction, tuple[Route, ...]]
"""The share of the target's substructures that reactants have, the reaction to run, and the reactants."""


@dataclass(frozen=True)
class AnalogueSearch:
    """Looks for routes of these moves."""

    moves: RouteMoves
    _seen: dict[int, Bits] = field(default_factory=dict, repr=False)

    def nearest(self, target: Chem.Mol, count: int) -> list[Route]:
        """The `count` routes whose molecules are most like the target, best first; an exact route is the first.

        Parameters
        ----------
        target : rdkit.Chem.Mol
        count : int

        Returns
        -------
        list of Route
            Fewer if fewer were found.
        """
        wanted = _bits(bit_rows([target]))
        found: dict[str, tuple[float, Route]] = {}
        beam = self._run(self._first(wanted), target, found)
        for _ in range(self.moves.most - 1):
            if not beam or beam[0][0] > 1:
                break
            beam = self._run(self._further([route for _, route in beam], wanted), target, found)
        return [route for _, route in _ranked(found.values())[:count]]

    def _first(self, wanted: np.ndarray) -> list[Trial]:
        stock, bought = self.moves.stock, self.moves.bought
        gains = self._gains(wanted, wanted)
        trials = []
        for reaction in stock.usable:
            chosen = [self._best(slot, gains) for slot in reaction.slots]
            for places in product(*chosen):
                covered = np.logical_or.reduce([self._bits_of(place) for place in places])
                trials.append((_overlap(covered, wanted), reaction, tuple(bought[place] for place in places)))
        return trials

    def _further(self, routes: Sequence[Route], wanted: np.ndarray) -> list[Trial]:
        """Reactions of routes with blocks that have what the routes lack."""
        trials = []
        for route in routes:
            own = _bits(bit_rows([route.molecule]))
            gains = self._gains(wanted, wanted & ~own)
            for slot in route.slots if route.steps < self.moves.most else ():
                reaction = reactions()[slot.reaction]
                others = [other for other in reaction.slots if other != slot]
                if not all(other in self.moves.stock.fitting for other in others):
                    continue
                for places in product(*(self._best(other, gains) for other in others)):
                    partners = dict(zip(others, (self.moves.bought[place] for place in places), strict=True))
                    covered = np.logical_or.reduce([own, *map(self._bits_of, places)])
                    reactants = tuple(partners.get(one, route) for one in reaction.slots)
                    trials.append((_overlap(covered, wanted), reaction, reactants))
        return trials

    def _gains(self, wanted: Bits, missing: Bits) -> Float[np.ndarray, " block"]:
        """For each block how many substructures it has of those missing, less half of those that aren't wanted."""
        rows = self._block_rows
        unwanted = np.diff(rows.indptr) - rows @ wanted.astype(np.float32)
        return rows @ missing.astype(np.float32) - 0.5 * unwanted

    def _best(self, slot: Slot, gains: Float[np.ndarray, " block"]) -> list[int]:
        fitting = self.moves.stock.fitting[slot]
        return fitting[np.argsort(-gains[fitting], kind="stable")[:BEST_BLOCKS]].tolist()

    def _bits_of(self, place: int) -> Bits:
        if place not in self._seen:
            self._seen[place] = _bits(self._block_rows[place])
        return self._seen[place]

    @cached_property
    def _block_rows(self) -> csr_matrix:
        return bit_rows(self.moves.stock.molecules)

    def _run(
        self, trials: list[Trial], target: Chem.Mol, found: dict[str, tuple[float, Route]]
    ) -> list[tuple[float, Route]]:
        """Run the most promising trials; the best new routes, which are added to `found`."""
        (query,) = fingerprints([target])
        made: dict[str, Route] = {}
        for _, reaction, reactants in sorted(trials, key=lambda one: -one[0])[:RUNS]:
            route = react(reaction, reactants)
            if isinstance(route, Route) and route.smiles not in found:
                made.setdefault(route.smiles, route)
        routes = list(made.values())
        alike = DataStructs.BulkTanimotoSimilarity(query, fingerprints([route.molecule for route in routes]))
        exact = text(target)  # a stereoisomer has a similarity of 1 too
        new = _ranked((one + (route.smiles == exact), route) for one, route in zip(alike, routes, strict=True))
        found |= {route.smiles: (similarity, route) for similarity, route in new}
        return new[:BEAM]


def _ranked(scored: Iterable[tuple[float, Route]]) -> list[tuple[float, Route]]:
    return sorted(scored, key=lambda one: (-one[0], one[1].steps, one[1].smiles))


def _overlap(covered: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.sum(covered & wanted) / max(np.sum(covered | wanted), 1))


def _bits(row: csr_matrix) -> Bits:
    """One row as an array."""
    bits = np.zeros(row.shape[1], bool)
    bits[row.indices] = True
    return bits


COLUMNS = ("route", "route_steps", "route_blocks")
BETWEEN = "; "
"""Separator of blocks in the column `route_blocks`."""
RECENT = 1000
"""Routes that are kept as molecules, some 40 kB each; the others are kept as text, and run again when needed."""


class WrittenRoute(NamedTuple):
    """A route as text. blocks: SMILES of its building blocks."""

    steps: int
    line: str
    blocks: tuple[str, ...]

    @classmethod
    def of(cls, route: Route) -> WrittenRoute:
        """The text of a route."""
        return cls(route.steps, write_route(route), route.blocks)


@dataclass(frozen=True)
class RouteBook:
    """The shortest route that was found for each molecule, by canonical SMILES."""

    moves: RouteMoves
    written: dict[str, WrittenRoute] = field(default_factory=dict)
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
            self.written[route.smiles] = WrittenRoute.of(route)
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
        return [route.molecule for route in found], self._columns(list(map(WrittenRoute.of, found)))

    def enter(self, line: str) -> Chem.Mol | Refusal:
        """The molecule of a route that was written, which is noted if its steps hold for this stock."""
        route = replay(line, lambda smiles: self.moves.stock.place(smiles) is not None)
        if isinstance(route, Route) and route.steps > self.moves.most:
            return Refusal(f"the route has {route.steps} steps, {self.moves.most} are allowed")
        return self.entered(route)

    def columns(self, molecules: Sequence[Chem.Mol]) -> Columns:
        """`COLUMNS` of each molecule: its route as text, the number of steps, the names of its blocks."""
        return self._columns([self.written[text(molecule)] for molecule in molecules])

    def _columns(self, found: Sequence[WrittenRoute]) -> Columns:
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
    usable = f"{len(stock)} building blocks for {len(stock.usable)} reactions"
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
        notes=(f"{usable}; blocks that fit to none: {stock.unused}" if stock.unused else usable,),
    )
