"""Crystals as orbits of atoms that symmetry turns into each other.

With r(i) the first atom of the orbit of i, a crystal of a space group and the Wyckoff positions of its atoms is

    x_i = a_i + M_i u_r(i),   M_i = W_i P_r(i),

where W_i is the rotation of an operation that takes r(i) to i, P_r the projector on what the site's own operations
leave free, a_i a fixed place and u_r any vector, all in fractional coordinates. No W changes the cell's metric. As in
DiffCSP++ (Jiao et al. 2024), draws take all but u, the elements and the metric from a known crystal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.model import Condition, DiffusionModel, TypicalConditions
from sciencegen.diffusion.process import Denoiser, Levels, coefficients
from sciencegen.diffusion.samplers import noise_of_start
from sciencegen.diffusion.sizes import SizedDiffusion, SizeTable
from sciencegen.diffusion.spaces import FIRST, TURNS, OrbitState
from sciencegen.diffusion.state import Fields, State
from sciencegen.domains.crystals.elements import can_balance
from sciencegen.domains.crystals.geometry import operations
from sciencegen.domains.crystals.items import Crystal
from sciencegen.networks.crystals import CELL, PLACES, TYPES, cell_field, log_lattice

METRIC = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Entries of a metric tensor, xx, yy, zz, yz, xz, xy."""
TURN_UNIT, ANCHOR_UNIT = 1 / 24, 1e-4
LIKELIEST, CHOICES = 32, 6
"""Assignments of elements to orbits that are looked at, and elements of an orbit."""
UNDECIDED, DECIDED = 0.01, 0.9999
"""Probabilities of the likeliest assignment between which they are."""


@dataclass(frozen=True, eq=False)
class Orbits:
    """first: r(i). turns: M_i. anchors: a_i. metric: the projector of metric tensors xx, yy, zz, yz, xz, xy on those
    that no rotation changes."""

    first: Int[np.ndarray, " atom"]
    turns: Float[np.ndarray, "atom 3 3"]
    anchors: Float[np.ndarray, "atom 3"]
    metric: Float[np.ndarray, "6 6"]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of atoms of each orbit, by its first atom."""
        return tuple(np.unique(self.first, return_counts=True)[1].tolist())

    def to_json(self) -> list[list[int]]:
        """Whole numbers, in units of 1/24 for turns, 1/48 for the projector and 1/10,000 for anchors."""
        parts = (self.turns / TURN_UNIT, self.anchors / ANCHOR_UNIT, 2 * self.metric / TURN_UNIT)
        return [self.first.tolist(), *(np.round(part).astype(int).ravel().tolist() for part in parts)]


def load(data: Sequence[Sequence[int]]) -> Orbits:
    """The inverse of `to_json`."""
    first, turns, anchors, metric = (np.array(part) for part in data)
    return Orbits(
        first,
        turns.reshape(-1, 3, 3) * TURN_UNIT,
        anchors.reshape(-1, 3) * ANCHOR_UNIT,
        metric.reshape(6, 6) * TURN_UNIT / 2,
    )


@lru_cache(maxsize=100_000)
def orbits(item: Crystal) -> Orbits:
    """Those of a crystal's space group; without spglib, or if it finds none, each atom for itself."""
    count = len(item)
    found = operations(item)
    if found is None:
        return Orbits(np.arange(count), np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)), np.eye(6))
    rotations, target = found
    first = target.min(0)
    turns = np.empty((count, 3, 3))
    for atom, start in enumerate(first):
        site = rotations[target[:, start] == start].mean(0)
        turns[atom] = rotations[(target[:, start] == atom).argmax()] @ site
    anchors = np.round((item.places - np.einsum("ixy,iy->ix", turns, item.places[first])) % 1.0, 4) % 1.0
    basis = np.zeros((6, 3, 3))
    for place, (row, column) in enumerate(METRIC):
        basis[place, row, column] = basis[place, column, row] = 1.0
    turned = np.einsum("kax,bac,kcy->bxy", rotations, basis, rotations) / len(rotations)
    return Orbits(first, turns, anchors, np.stack([turned[:, row, column] for row, column in METRIC]))


def given(known: Sequence[Orbits], longest: int) -> Mapping[str, Tensor]:
    """The fields `FIRST` and `TURNS` of a batch; padding is its own orbit."""
    first = np.tile(np.arange(longest), (len(known), 1))
    turns = np.tile(np.eye(3, dtype=np.float32), (len(known), longest, 1, 1))
    for row, one in enumerate(known):
        first[row, : len(one.first)], turns[row, : len(one.first)] = one.first, one.turns
    return {FIRST: torch.from_numpy(first), TURNS: torch.from_numpy(turns)}


def anchors(known: Sequence[Orbits]) -> Float[Tensor, "row atom 3"]:
    """The fixed places of atoms of crystals of one size."""
    return torch.from_numpy(np.stack([one.anchors for one in known]).astype(np.float32))


def symmetric(
    denoise: Denoiser, state: State, known: Sequence[Orbits], moments: tuple[float, float, float]
) -> Denoiser:
    """A denoiser whose estimates have the symmetry of z. moments: of the field `cell`."""
    fields = given(known, len(known[0].first))
    first, turns = fields[FIRST], fields[TURNS].double()
    same = (first[:, :, None] == first[:, None]).double()
    share, inverse = same / same.sum(2, keepdim=True), torch.linalg.pinv(turns)
    metric = torch.from_numpy(np.stack([one.metric for one in known]))
    rows, columns = (list(part) for part in zip(*METRIC, strict=True))

    def changed(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = denoise(z, log_snr, condition, mask)
        at = [one.to(estimate[CELL].device) for one in (share, inverse, turns, metric)]
        here = z[PLACES] / coefficients(state, PLACES, log_snr, z[PLACES]).alpha
        moved = (estimate[PLACES] - here).double()
        free = at[0] @ torch.einsum("bixy,biy->bix", at[1], moved)
        places = here + torch.einsum("bixy,biy->bix", at[2], free).to(z[PLACES])
        cell, count = estimate[CELL].double(), log_snr.new_full(log_snr.shape, first.shape[1]).double()
        tensor = torch.linalg.matrix_exp(2 * log_lattice(cell, count, moments))
        kept = torch.einsum("bxy,by->bx", at[3], tensor[:, rows, columns])
        tensor = torch.empty_like(tensor)
        tensor[:, rows, columns] = tensor[:, columns, rows] = kept
        values, vectors = torch.linalg.eigh(tensor)
        logarithm = (vectors * (0.5 * values.clamp(min=1e-12).log())[:, None]) @ vectors.mT
        return {
            **estimate,
            PLACES: places,
            TYPES: at[0].to(estimate[TYPES]) @ estimate[TYPES],
            CELL: cell_field(logarithm, count, moments).to(estimate[CELL]),
        }

    return changed


def knowing(denoise: Denoiser, change: Callable[[Fields], Mapping[str, Tensor]]) -> Denoiser:
    """A denoiser whose estimates have known parts."""

    def changed(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = denoise(z, log_snr, condition, mask)
        return {**estimate, **change(estimate)}

    return changed


def balanced(
    denoise: Denoiser, known: Sequence[Orbits], elements: Int[np.ndarray, " element"],
    kinds: Float[Tensor, "element entry"], weight: float,
) -> Denoiser:  # fmt: skip
    """A denoiser whose elements are a mean over assignments to orbits, in which those that no charges balance count by
    their probability times `weight`.

    The network gives a distribution p_o to each orbit o. Of an assignment w it is p_w = prod_o p_o(w_o), and its mean
    E = sum_w p_w w. With the unbalanced ones among the likeliest, U,

        E' = (E - (1 - weight) sum_U p_w w) / (1 - (1 - weight) sum_U p_w).
    """
    plans = [np.unique(one.first, return_inverse=True, return_counts=True) for one in known]

    def change(estimate: Fields) -> dict[str, Tensor]:
        types = estimate[TYPES].clone()
        chances = types[..., : len(elements)].double().cpu().numpy()
        for row, (starts, place, sizes) in enumerate(plans):
            chance = chances[row, starts]
            if UNDECIDED < chance.max(1).prod() < DECIDED:
                less = (1 - weight) * unbalanced(chance, sizes, elements)
                left = torch.from_numpy((chance - less).clip(0)[place]).to(types)
                types[row] = left / left.sum(1, keepdim=True) @ kinds.to(types)
        return {TYPES: types}

    return knowing(denoise, change)


def unbalanced(
    chance: Float[np.ndarray, "orbit element"], sizes: Int[np.ndarray, " orbit"], elements: Int[np.ndarray, " element"]
) -> Float[np.ndarray, "orbit element"]:
    """Sum of p_w w over the unbalanced ones among the `LIKELIEST` assignments."""
    ways, likely = np.empty((1, 0), int), np.ones(1)
    for one in chance:
        best = np.argsort(-one)[:CHOICES]
        product = (likely[:, None] * one[best]).ravel()
        kept = np.argsort(-product)[:LIKELIEST]
        likely, ways = product[kept], np.column_stack([ways[kept // len(best)], best[kept % len(best)]])
    found = np.zeros_like(chance)
    for way, share in zip(ways, likely.tolist(), strict=True):
        counts = np.bincount(way, sizes).astype(int)
        (there,) = counts.nonzero()
        unit = counts[there] // np.gcd.reduce(counts[there])
        if not can_balance(tuple(elements[there].tolist()), tuple(unit.tolist())):
            found[np.arange(len(way)), way] += share
    return found


class CrystalDiffusion(SizedDiffusion):
    """A `SizedDiffusion` whose draws have the orbits of known crystals, of those nearest in what is asked for.

    elements: atomic numbers. unbalanced: weight of compositions that no charges balance.
    """

    typical: TypicalConditions
    state: OrbitState

    def __init__(
        self, diffusion: DiffusionModel, table: SizeTable, typical: TypicalConditions, symmetries: Sequence[Orbits],
        elements: Int[np.ndarray, " element"], unbalanced: float,
    ) -> None:  # fmt: skip
        super().__init__(diffusion, table, typical)
        self.symmetries, self.elements, self.unbalanced = symmetries, elements, unbalanced

    @torch.no_grad()
    def generate_sized(self, noise: Tensor, counts: Tensor, condition: Condition = None) -> Batch:
        alike = counts.cpu()[:, None] == self.typical.sizes
        chosen = self.typical.chosen(noise, counts, condition, alike)

        def bend(denoise: Denoiser, rows: Tensor) -> Denoiser:
            known = [self.symmetries[place] for place in chosen[rows].tolist()]
            return balanced(denoise, known, self.elements, self.diffusion.network.elements, self.unbalanced)

        return self.generate_like(noise, counts, chosen, condition, bend)

    @torch.no_grad()
    def generate_like(
        self,
        noise: Tensor,
        counts: Tensor,
        chosen: Tensor,
        condition: Condition = None,
        bend: Callable[[Denoiser, Tensor], Denoiser] = lambda denoise, rows: denoise,
    ) -> Batch:
        """Draws with the orbits and, where none are given, the conditions of the chosen known crystals. bend: what else
        is known about the rows of a size."""
        settings, state, moments = self.diffusion.settings, self.state, self.diffusion.network.cell

        def work(z: Batch, rows: Tensor) -> Batch:
            known = [self.symmetries[place] for place in chosen[rows].tolist()]
            like = Batch(given(known, z[PLACES].shape[1])).to(noise.device)
            at = coefficients(state, PLACES, self.diffusion.path(settings.steps, z)[:1].expand(len(z)), z[PLACES])
            fields = state.turned(state.project(z.fields, None), like)
            fields[PLACES] = at.alpha * anchors(known).to(z[PLACES]) + at.sigma * fields[PLACES]
            start = Batch({**fields, **like.fields}, None, z.condition)
            fresh = noise_of_start(state, z)  # keyed by z, since rows of one template may have equal places
            return self.diffusion.draw(
                start, settings.sampler, settings.steps, lambda step, z: state.turned(fresh(step, z), like),
                lambda denoise: bend(symmetric(denoise, state, known, moments), rows),
            )  # fmt: skip

        return self.each_size(noise, counts, work, self.typical.filled(condition, chosen, noise))
