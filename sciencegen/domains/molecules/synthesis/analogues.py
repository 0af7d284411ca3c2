"""Routes to a given molecule, or to molecules that are like it.

A beam search over routes: of all combinations of blocks, those whose substructures cover most of the target are run;
the products most like the target are kept, and further steps are tried on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Bool
from rdkit import Chem, DataStructs

from sciencegen.domains.molecules.similarity import BITS, fingerprints
from sciencegen.domains.molecules.synthesis.moves import RouteMoves
from sciencegen.domains.molecules.synthesis.reactions import Reaction, Slot, reactions
from sciencegen.domains.molecules.synthesis.routes import Route, react

BEST_BLOCKS = 16
"""Blocks of each slot that are combined."""
RUNS, BEAM = 400, 12
"""Reactions that are run in each round, and routes that are kept for the next one."""

Bits = Bool[np.ndarray, "molecule bit"]


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
        wanted = _bits([target])[0]
        found: dict[str, tuple[float, Route]] = {}
        beam = self._run(self._first(wanted), target, found)
        for _ in range(self.moves.most - 1):
            if not beam or beam[0][0] == 1:
                break
            beam = self._run(self._further([route for _, route in beam], wanted), target, found)
        return [route for _, route in _ranked(found.values())[:count]]

    def _first(self, wanted: np.ndarray) -> list[_Trial]:
        shelf, bought = self.moves.shelf, self.moves.bought
        trials = []
        for reaction in shelf.usable:
            chosen = [self._best(slot, wanted, wanted) for slot in reaction.slots]
            for places in product(*chosen):
                covered = np.any(self._block_bits[list(places)], axis=0)
                trials.append(_Trial(_overlap(covered, wanted), reaction, tuple(bought[place] for place in places)))
        return trials

    def _further(self, routes: Sequence[Route], wanted: np.ndarray) -> list[_Trial]:
        """Reactions of routes with blocks that have what the routes lack."""
        trials = []
        for route, own in zip(routes, _bits([route.molecule for route in routes]), strict=True):
            for slot in route.slots if route.steps < self.moves.most else ():
                reaction = reactions()[slot.reaction]
                others = [other for other in reaction.slots if other != slot]
                if not all(other in self.moves.shelf.fitting for other in others):
                    continue
                for places in product(*(self._best(other, wanted, wanted & ~own) for other in others)):
                    partners = dict(zip(others, (self.moves.bought[place] for place in places), strict=True))
                    covered = own | np.any(self._block_bits[list(places)], axis=0)
                    reactants = tuple(partners.get(one, route) for one in reaction.slots)
                    trials.append(_Trial(_overlap(covered, wanted), reaction, reactants))
        return trials

    def _best(self, slot: Slot, wanted: np.ndarray, missing: np.ndarray) -> list[int]:
        """Blocks of a slot with most of what is missing and least that isn't wanted."""
        fitting = self.moves.shelf.fitting[slot]
        bits = self._block_bits[fitting]
        gain = (bits & missing).sum(1) - 0.5 * (bits & ~wanted).sum(1)
        return fitting[np.argsort(-gain, kind="stable")[:BEST_BLOCKS]].tolist()

    @cached_property
    def _block_bits(self) -> Bits:
        return _bits(self.moves.shelf.molecules)

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
        new = _ranked(zip(alike, routes, strict=True))
        found |= {route.smiles: (similarity, route) for similarity, route in new}
        return new[:BEAM]


def _ranked(scored: Iterable[tuple[float, Route]]) -> list[tuple[float, Route]]:
    return sorted(scored, key=lambda one: (-one[0], one[1].steps, one[1].smiles))


def _overlap(covered: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.sum(covered & wanted) / max(np.sum(covered | wanted), 1))


def _bits(molecules: Sequence[Chem.Mol]) -> Bits:
    rows = np.zeros((len(molecules), BITS), bool)
    for row, fingerprint in zip(rows, fingerprints(molecules), strict=True):
        row[list(fingerprint.GetOnBits())] = True
    return rows
