"""Routes to a given molecule, or to molecules that are like it.

A beam search over routes: of all combinations of blocks, those whose substructures cover most of the target are run;
the products most like the target are kept, and further steps are tried on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Bool, Float
from rdkit import Chem, DataStructs
from scipy.sparse import csr_matrix

from sciencegen.domains.molecules.items import text
from sciencegen.domains.molecules.similarity import bit_rows, fingerprints
from sciencegen.domains.molecules.synthesis.moves import RouteMoves
from sciencegen.domains.molecules.synthesis.reactions import Reaction, Slot, reactions
from sciencegen.domains.molecules.synthesis.routes import Route, react

BEST_BLOCKS = 16
"""Blocks of each slot that are combined."""
RUNS, BEAM = 400, 12
"""Reactions that are run in each round, and routes that are kept for the next one."""

Bits = Bool[np.ndarray, " bit"]


@dataclass(frozen=True)
class _Trial:
    """A reaction to run, and the share of the target's substructures that its reactants have."""

    coverage: float
    reaction: Reaction
    reactants: tuple[Route, ...]


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

    def _first(self, wanted: np.ndarray) -> list[_Trial]:
        stock, bought = self.moves.stock, self.moves.bought
        gains = self._gains(wanted, wanted)
        trials = []
        for reaction in stock.usable:
            chosen = [self._best(slot, gains) for slot in reaction.slots]
            for places in product(*chosen):
                covered = np.logical_or.reduce([self._bits_of(place) for place in places])
                trials.append(_Trial(_overlap(covered, wanted), reaction, tuple(bought[place] for place in places)))
        return trials

    def _further(self, routes: Sequence[Route], wanted: np.ndarray) -> list[_Trial]:
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
                    trials.append(_Trial(_overlap(covered, wanted), reaction, reactants))
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
        self, trials: list[_Trial], target: Chem.Mol, found: dict[str, tuple[float, Route]]
    ) -> list[tuple[float, Route]]:
        """Run the most promising trials; the best new routes, which are added to `found`."""
        (query,) = fingerprints([target])
        made: dict[str, Route] = {}
        for trial in sorted(trials, key=lambda one: -one.coverage)[:RUNS]:
            route = react(trial.reaction, trial.reactants)
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
