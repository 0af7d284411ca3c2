"""What the diffusion of crystals draws beside new ones: structures of a formula, around kept atoms, and variations.

In each the known part of the estimate is put in the place of the network's at every step (Lugmayr et al. 2022), so that
one model, trained on whole crystals, does all of it. Of a formula, most draws are no denoised ones: known structures of
the same ratios with other elements (Hautier et al. 2011; Wang, Botti & Marques 2021) are right more often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from sciencegen.batch import Batch, concatenate
from sciencegen.diffusion.model import NEAREST, Bend, Condition, vary
from sciencegen.diffusion.process import Denoiser
from sciencegen.diffusion.samplers import noise_of_start, row_keys
from sciencegen.diffusion.state import Fields
from sciencegen.domains.capabilities import DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.crystals.elements import counts_of, element_data, formula_counts, unit
from sciencegen.domains.crystals.features import along_the_scale
from sciencegen.domains.crystals.files import ITEMS
from sciencegen.domains.crystals.items import NUMBERS, SYMBOLS, Crystal, crystal, parse_text
from sciencegen.domains.crystals.representation import CrystalRepresentation
from sciencegen.domains.crystals.symmetry import CrystalDiffusion, Orbits, knowing, orbits, symmetric
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from sciencegen.networks.crystals import CELL, PLACES, TYPES

LEVEL = 0.75
"""Default noise level of variations."""
LIKENESS = 3
"""Of draws of a formula: known structures are taken at place (n + 1)^(u^LIKENESS) - 1 of n by likeness, u uniform."""
ATOMS = "atoms"
MOST_WAYS = 512
"""Ways to share out elements among orbits; known crystals with more are left out."""
CONDITION_UNIT = 10.0
"""Steps of Pettifor's scale for each atom that count as much as a standard deviation of a condition."""


def vectors(representation: CrystalRepresentation, numbers: Int[np.ndarray, " atom"]) -> Float[Tensor, "atom entry"]:
    """The field `types` of atoms.

    Raises
    ------
    ConfigError
        For an element that the model hasn't seen.
    """
    if unknown := sorted(set(numbers.tolist()) - set(representation.elements.tolist())):
        names = ", ".join(SYMBOLS[one - 1] for one in unknown)
        raise ConfigError(f"Expected elements that the model has seen, got {names}. Train a model on crystals with it.")
    return representation.kinds.vectors()[torch.from_numpy(np.searchsorted(representation.elements, numbers))]


def sizes_of(
    model: CrystalDiffusion, settings: TaskSettings, possible: Callable[[int], bool], what: str
) -> Mapping[int, float]:
    """Number of atoms -> weight: sizes of training crystals that are possible and that `where` accepts."""
    low, high = settings.bounds.get(ATOMS, (1, model.largest))
    table = zip(model.table.sizes.tolist(), model.table.counts.tolist(), strict=True)
    found = {size: count for size, count in table if low <= size <= high and possible(size)}
    if not found:
        raise ConfigError(
            f"Expected {what} in a cell of {low:g} to {min(high, model.largest):g} atoms, as the model has seen and "
            "`where` accepts, got none. Change one of them."
        )
    return found


def drawn_sizes(noise: Float[Tensor, "batch latent"], sizes: Mapping[int, float]) -> Int[Tensor, " batch"]:
    """A size for each row of noise, by its key."""
    names, weights = list(sizes), np.cumsum(list(sizes.values()))
    shares = np.array([key / 2**64 for key in row_keys(noise)]) * weights[-1]
    return torch.tensor([names[min(place, len(names) - 1)] for place in np.searchsorted(weights, shares)])


@lru_cache(maxsize=10_000)
def assignments(sizes: tuple[int, ...], counts: tuple[int, ...]) -> Int[np.ndarray, "way orbit"] | None:
    """All ways to give each orbit, of these sizes, a kind of atom so that kinds have these counts; None if there is no
    way or are more than `MOST_WAYS`.

    Examples
    --------
    >>> assignments((1, 1, 3), (1, 4)).tolist()
    [[0, 1, 1], [1, 0, 1]]
    """
    ways: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((), counts)]
    for place, size in enumerate(sizes):
        after = sum(sizes[place + 1 :])
        ways = [
            ((*way, kind), left)
            for way, open_counts in ways
            for kind in range(len(counts))
            if min(left := (*open_counts[:kind], open_counts[kind] - size, *open_counts[kind + 1 :])) >= 0
            and sum(left) == after
        ]
        if not 0 < len(ways) <= MOST_WAYS:
            return None
    return np.array([way for way, _ in ways])


def composed(
    denoise: Denoiser, known: Sequence[Orbits], counts: tuple[int, ...], kinds: Float[Tensor, "kind entry"]
) -> Denoiser:
    """A denoiser whose atoms have one composition: its elements are the mean over all assignments of orbits, each as
    probable as the estimate says. kinds: the vectors of the elements, whose counts these are."""
    likely = kinds.argmax(1)
    plans = []
    for one in known:
        starts, place = (torch.from_numpy(part) for part in np.unique(one.first, return_inverse=True))
        ways = assignments(one.sizes, counts)
        assert ways is not None  # or it would not have been chosen
        choice = functional.one_hot(torch.from_numpy(ways), len(counts)).float()
        plans.append((starts, place, torch.tensor(one.sizes).float(), choice))

    def change(estimate: Fields) -> dict[str, Tensor]:
        types = estimate[TYPES].clone()
        for row, (starts, place, sizes, choice) in enumerate(plans):
            log_chance = estimate[TYPES][row, starts][:, likely].cpu().float().clamp(min=1e-12).log() * sizes[:, None]
            weight = torch.einsum("wok,ok->w", choice, log_chance).softmax(0)
            types[row] = (torch.einsum("w,wok->ok", weight, choice) @ kinds)[place].to(types)
        return {TYPES: types}

    return knowing(denoise, change)


def ratios(text: str) -> tuple[int, ...]:
    """Of a crystal's elements, ascending.

    Examples
    --------
    >>> ratios("crystal:4 4 4 90 90 90|Sr 0 0 0|Ti 0.5 0.5 0.5|O 0.5 0.5 0|O 0.5 0 0.5|O 0 0.5 0.5")
    (1, 1, 3)
    """
    return tuple(sorted(count for _, count in unit(atom.split(" ", 1)[0] for atom in text.split("|")[1:])))


def in_order(counts: Mapping[int, int]) -> list[int]:
    """Elements, those with fewer atoms first, then along Mendeleev's scale."""
    scale = element_data()["mendeleev_number"]
    return sorted(counts, key=lambda number: (counts[number], scale[number]))


def exchanged(counts: Mapping[int, int], known: Sequence[Crystal], volumes: Mapping[int, float]) -> list[Crystal]:
    """Known crystals of the same ratios as `counts` with their elements exchanged, the most alike first; the volume
    changes as the sum of the elements' `volumes`."""
    wanted, scale = in_order(counts), element_data()["mendeleev_number"]
    orders = [in_order(dict(zip(*(part.tolist() for part in counts_of(one)), strict=True))) for one in known]
    away = [np.abs(scale[order] - scale[wanted]).sum() for order in orders]
    found = []
    for place in np.argsort(away, kind="stable"):
        one, other = known[place], dict(zip(orders[place], wanted, strict=True))
        numbers = np.array([other[number] for number in one.numbers.tolist()])
        sizes = [sum(volumes[number] for number in some.tolist()) for some in (numbers, one.numbers)]
        made = crystal(one.lattice * (sizes[0] / sizes[1]) ** (1 / 3), numbers, one.places)
        found += [made] if isinstance(made, Crystal) else []
    return found


@dataclass(frozen=True, eq=False)
class FormulaTask:
    """Structures of one formula. counts: of its elements in one unit, by atomic number."""

    model: CrystalDiffusion
    representation: CrystalRepresentation
    counts: Mapping[int, int]
    sizes: Mapping[int, float]

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """Known structures with other elements; without any, or under a condition on more than the size, denoised
        ones. Of n that are known, 1 of 1 + sqrt(n) draws is denoised too."""
        count = len(self.known)
        free = [name == ATOMS for name in self.representation.properties]
        if not count or (condition is not None and not condition[:, ~torch.tensor(free)].isnan().all()):
            return self.denoised(noise, condition)
        uniform = np.array([key % 2**32 for key in row_keys(noise)]) / 2**32
        share = 1 / (1 + np.sqrt(count))
        rank = ((count + 1) ** (np.clip((uniform - share) / (1 - share), 0, 1) ** LIKENESS) - 1).astype(int)
        new, old = np.flatnonzero(uniform < share), np.flatnonzero(uniform >= share)
        items = [self.known[place] for place in rank[old].clip(max=count - 1)]

        def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
            some = self.representation.batch([items[row] for row in rows.tolist()])
            return Batch({name: some[name] for name in (PLACES, TYPES, CELL)}).to(noise.device)

        sizes = torch.tensor([len(one) for one in items], dtype=torch.long)
        parts = [self.model.each_size(noise[old], sizes, work)] if len(old) else []
        parts += [self.denoised(noise[new], None if condition is None else condition[new])] if len(new) else []
        whole = concatenate([Batch({name: part[name] for name in parts[0].fields}, part.mask) for part in parts])
        return whole.select(torch.from_numpy(np.concatenate([old, new]).argsort()))

    @cached_property
    def known(self) -> list[Crystal]:
        """Known structures of the same ratios and of a size in question, with the elements of the formula."""
        r = self.representation
        volumes = dict(zip(r.elements.tolist(), r.volumes.tolist(), strict=False))
        own = tuple(sorted(self.counts.values()))
        some = [parse_text(one) for one in r.structures if one.count("|") in self.sizes and ratios(one) == own]
        return exchanged(self.counts, [one for one in some if isinstance(one, Crystal)], volumes)

    def denoised(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """With the orbits of known crystals of similar compositions that the elements can share out among them."""
        sizes, known = drawn_sizes(noise, self.sizes), self.model.symmetries
        kinds = vectors(self.representation, np.array(list(self.counts)))
        possible = torch.stack([self.fitting[size] for size in sizes.tolist()])
        if bool(possible.any(1).all()):
            off = self.unlike + CONDITION_UNIT * self.model.typical.squared_distances(sizes, condition)
            order = torch.where(possible, off, torch.inf).argsort(dim=1, stable=True)
            uniform = np.array([key / 2**64 for key in row_keys(noise)])
            rank = np.minimum((NEAREST + 1) ** uniform**2 - 1, possible.sum(1).numpy() - 1).astype(int)
            chosen = order[torch.arange(len(order)), torch.from_numpy(rank)]

            def bend(denoise: Denoiser, rows: Tensor) -> Denoiser:
                orbits = [known[place] for place in chosen[rows].tolist()]
                return composed(denoise, orbits, self.counts_in(len(orbits[0].first)), kinds)

            return self.model.generate_like(noise, sizes, chosen, condition, bend)

        def free(size: int) -> Bend:
            types = kinds.repeat_interleave(torch.tensor(self.counts_in(size)), 0)
            return lambda denoise: knowing(
                denoise, lambda estimate: {TYPES: types.to(estimate[TYPES]).expand_as(estimate[TYPES])}
            )

        return drawn_with(self.model, noise, sizes, condition, free)

    def counts_in(self, size: int) -> tuple[int, ...]:
        """Atoms of each element in a cell of so many atoms."""
        return tuple(count * size // sum(self.counts.values()) for count in self.counts.values())

    @cached_property
    def fitting(self) -> Mapping[int, Bool[Tensor, " known"]]:
        """For each size the known crystals whose orbits the elements can share out among them."""

        def fits(size: int, one: Orbits) -> bool:
            return len(one.first) == size and assignments(one.sizes, self.counts_in(size)) is not None

        return {size: torch.tensor([fits(size, one) for one in self.model.symmetries]) for size in self.sizes}

    @cached_property
    def unlike(self) -> Float[Tensor, " known"]:
        """Distances (ElMD) of the known compositions."""
        formulas = [dict(self.counts)]
        formulas += [{NUMBERS[one]: count for one, count in formula_counts(formula).items()}
                     for formula in self.representation.formulas]  # fmt: skip
        shares = np.zeros((len(formulas), len(SYMBOLS) + 1))
        for row, counts in enumerate(formulas):
            shares[row, list(counts)] = np.array(list(counts.values())) / sum(counts.values())
        places = along_the_scale(shares)
        return torch.from_numpy(np.abs(places[1:] - places[0]).sum(1))


def drawn_with(
    model: CrystalDiffusion,
    noise: Float[Tensor, "batch latent"],
    counts: Int[Tensor, " batch"],
    condition: Condition,
    bend: Callable[[int], Bend],
) -> Batch:
    """Draws of these sizes by the model's own sampler, bent by what is known at each size."""
    settings = model.diffusion.settings
    condition = model.typical.complete(noise, counts, condition)

    def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
        start = Batch(model.state.project(z.fields, None), None, z.condition)
        return model.diffusion.draw(start, settings.sampler, settings.steps, bend=bend(z[PLACES].shape[1]))

    return model.each_size(noise, counts, work, condition)


@dataclass(frozen=True, eq=False)
class ScaffoldTask:
    """Crystals with the cell and the atoms of a given one, and further atoms."""

    model: CrystalDiffusion
    representation: CrystalRepresentation
    kept: Crystal
    sizes: Mapping[int, float]

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        size = len(self.kept)
        places = torch.from_numpy(self.kept.places)
        types = vectors(self.representation, self.kept.numbers)

        def bend(count: int) -> Bend:
            cell = torch.from_numpy(self.representation.cell_rows([self.kept], count))

            def change(estimate: Fields) -> dict[str, Tensor]:
                here, kinds = estimate[PLACES].clone(), estimate[TYPES].clone()
                away = places.to(here) - here[:, :size]
                away = away - away.round()
                here = here + away.mean(1, keepdim=True)  # the estimate has no frame of its own
                away = places.to(here) - here[:, :size]
                here[:, :size] += away - away.round()
                kinds[:, :size] = types.to(kinds)
                return {PLACES: here, TYPES: kinds, CELL: cell.to(here).expand_as(estimate[CELL])}

            return lambda denoise: knowing(denoise, change)

        return drawn_with(self.model, noise, drawn_sizes(noise, self.sizes), condition, bend)


@dataclass(frozen=True, eq=False)
class CrystalVariationTask:
    """Variations of given crystals by partial diffusion, with their symmetry."""

    model: CrystalDiffusion
    representation: CrystalRepresentation
    items: Sequence[Crystal]
    level: float

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """Each row varies one of the crystals, by its first number."""
        share = torch.special.ndtr(noise[:, 0].cpu().double())
        chosen = (share * len(self.items)).long().clamp(max=len(self.items) - 1).tolist()

        state = self.model.state

        def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
            items = [self.items[chosen[row]] for row in rows.tolist()]
            known = self.representation.batch(items).to(noise.device)
            start, fresh = state.embed(Batch(known.fields, None, z.condition)), noise_of_start(state, z)
            return vary(
                self.model.diffusion, start, state.turned(z.fields, start), self.level,
                lambda denoise: symmetric(denoise, state, [orbits(one) for one in items], self.representation.cell),
                lambda step, z: state.turned(fresh(step, z), start),
            )  # fmt: skip

        counts = torch.tensor([len(self.items[one]) for one in chosen])
        return self.model.each_size(noise, counts, work, condition)


def read_crystals(source: str, setting: str) -> list[Crystal]:
    """All crystals of a file, or the one of a text.

    Raises
    ------
    DataError
        For one that can't be read, and for an empty file.
    """
    items = [ITEMS.parse(text) for text in ITEMS.texts_given(source, f"crystals for `{setting}`")]
    if refused := next((one for one in items if isinstance(one, Refusal)), None):
        raise DataError(f"Expected crystals for `{setting}` in {source}, got one that can't be read: {refused.reason}.")
    if not items:
        raise DataError(f"Expected crystals for `{setting}` in {source}, found none.")
    return [item for item in items if isinstance(item, Crystal)]


def resolve(model: CrystalDiffusion, representation: CrystalRepresentation, settings: TaskSettings) -> DrawTask:
    """The one task of the settings.

    Raises
    ------
    ConfigError, DataError
        With what to change.
    """
    if settings.core is not None and settings.scaffold is not None:
        raise ConfigError("Expected `core` or `scaffold`, got both. A scaffold has elements already; leave one out.")
    if settings.core is not None:
        counts = {NUMBERS[symbol]: count for symbol, count in formula_counts(settings.core).items()}
        vectors(representation, np.array(list(counts)))
        atoms = sum(counts.values())
        sizes = sizes_of(model, settings, lambda size: size % atoms == 0, f"{settings.core} ({atoms} atoms)")
        return FormulaTask(model, representation, counts, sizes)
    source, name = (settings.vary, "vary") if settings.vary is not None else (settings.scaffold, "scaffold")
    items = read_crystals(str(source), name)
    for item in items:
        if isinstance(known := representation.encode([item])[0], Refusal):
            raise DataError(f"Expected crystals for `{name}` that the model can draw, got one that {known.reason}.")
    if settings.vary is not None:
        level = LEVEL if settings.noise_level is None else settings.noise_level
        return CrystalVariationTask(model, representation, items, level)
    if len(items) != 1:
        raise DataError(f"Expected one crystal as `scaffold`, found {len(items)} in {source}.")
    size = len(items[0])
    return ScaffoldTask(
        model, representation, items[0], sizes_of(model, settings, lambda n: n > size, f"more than {size} atoms")
    )


TASKS = DrawTasks(settings=frozenset({"core", "scaffold", "vary", "noise_level"}), resolve=resolve)
