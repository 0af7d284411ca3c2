"""What the diffusion of crystals draws beside new ones: structures of a formula, around kept atoms, and variations.

In each the known part of the estimate is put in the place of the network's at every step (Lugmayr et al. 2022), so that
one model, trained on whole crystals, does all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.model import Bend, Condition, vary
from sciencegen.diffusion.process import Denoiser, Levels
from sciencegen.diffusion.samplers import row_keys
from sciencegen.diffusion.sizes import SizedDiffusion
from sciencegen.diffusion.state import Fields
from sciencegen.domains.capabilities import DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.crystals.elements import formula_counts
from sciencegen.domains.crystals.files import ITEMS
from sciencegen.domains.crystals.items import NUMBERS, SYMBOLS, Crystal
from sciencegen.domains.crystals.representation import CrystalRepresentation
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from sciencegen.networks.crystals import CELL, PLACES, TYPES

LEVEL = 0.4
"""Default noise level of variations."""
ATOMS = "atoms"


def one_hot(representation: CrystalRepresentation, numbers: Int[np.ndarray, " atom"]) -> Float[Tensor, "atom element"]:
    """The field `types` of atoms.

    Raises
    ------
    ConfigError
        For an element that the model hasn't seen.
    """
    if unknown := sorted(set(numbers.tolist()) - set(representation.elements.tolist())):
        names = ", ".join(SYMBOLS[one - 1] for one in unknown)
        raise ConfigError(f"Expected elements that the model has seen, got {names}. Train a model on crystals with it.")
    return torch.from_numpy((numbers[:, None] == representation.elements).astype(np.float32))


def sizes_of(
    model: SizedDiffusion, settings: TaskSettings, possible: Callable[[int], bool], what: str
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


def knowing(denoise: Denoiser, change: Callable[[Fields], Mapping[str, Tensor]]) -> Denoiser:
    """A denoiser whose estimates have known parts."""

    def changed(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = denoise(z, log_snr, condition, mask)
        return {**estimate, **change(estimate)}

    return changed


@dataclass(frozen=True, eq=False)
class FormulaTask:
    """Structures of one formula. unit: its atomic numbers, each as often as it occurs."""

    model: SizedDiffusion
    representation: CrystalRepresentation
    unit: Int[np.ndarray, " atom"]
    sizes: Mapping[int, float]

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        def bend(size: int) -> Bend:
            known = one_hot(self.representation, np.tile(self.unit, size // len(self.unit)))
            return lambda denoise: knowing(
                denoise, lambda estimate: {TYPES: known.to(estimate[TYPES]).expand_as(estimate[TYPES])}
            )

        return drawn_with(self.model, noise, drawn_sizes(noise, self.sizes), condition, bend)


def drawn_with(
    model: SizedDiffusion,
    noise: Float[Tensor, "batch latent"],
    counts: Int[Tensor, " batch"],
    condition: Condition,
    bend: Callable[[int], Bend],
) -> Batch:
    """Draws of these sizes by the model's own sampler, bent by what is known at each size."""
    settings = model.diffusion.settings
    if model.typical is not None:
        condition = model.typical.complete(noise, counts, condition)

    def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
        start = Batch(model.state.project(z.fields, None), None, z.condition)
        return model.diffusion.draw(start, settings.sampler, settings.steps, bend=bend(z[PLACES].shape[1]))

    return model.each_size(noise, counts, work, condition)


@dataclass(frozen=True, eq=False)
class ScaffoldTask:
    """Crystals with the cell and the atoms of a given one, and further atoms."""

    model: SizedDiffusion
    representation: CrystalRepresentation
    kept: Crystal
    sizes: Mapping[int, float]

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        size = len(self.kept)
        places = torch.from_numpy(self.kept.places)
        types = one_hot(self.representation, self.kept.numbers)

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
    """Variations of given crystals by partial diffusion."""

    model: SizedDiffusion
    representation: CrystalRepresentation
    items: Sequence[Crystal]
    level: float

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """Each row varies one of the crystals, by its first number."""
        share = torch.special.ndtr(noise[:, 0].cpu().double())
        chosen = (share * len(self.items)).long().clamp(max=len(self.items) - 1).tolist()

        def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
            known = self.representation.batch([self.items[chosen[row]] for row in rows.tolist()]).to(noise.device)
            return vary(self.model.diffusion, Batch(known.fields, None, z.condition), z.fields, self.level)

        counts = torch.tensor([len(self.items[one]) for one in chosen])
        return self.model.each_size(noise, counts, work, condition)


def read_crystals(source: str, setting: str) -> list[Crystal]:
    """All crystals of a file, or the one of a text.

    Raises
    ------
    DataError
        For one that can't be read, and for an empty file.
    """
    items = [ITEMS.parse(text) for text in ITEMS.texts_in(source)]
    if refused := next((one for one in items if isinstance(one, Refusal)), None):
        raise DataError(f"Expected crystals for `{setting}` in {source}, got one that can't be read: {refused.reason}.")
    if not items:
        raise DataError(f"Expected crystals for `{setting}` in {source}, found none.")
    return [item for item in items if isinstance(item, Crystal)]


def resolve(model: SizedDiffusion, representation: CrystalRepresentation, settings: TaskSettings) -> DrawTask:
    """The one task of the settings.

    Raises
    ------
    ConfigError, DataError
        With what to change.
    """
    if settings.core is not None and settings.scaffold is not None:
        raise ConfigError("Expected `core` or `scaffold`, got both. A scaffold has elements already; leave one out.")
    if settings.core is not None:
        counts = formula_counts(settings.core)
        unit = np.array([NUMBERS[symbol] for symbol, count in counts.items() for _ in range(count)])
        one_hot(representation, unit)
        sizes = sizes_of(model, settings, lambda size: size % len(unit) == 0, f"{settings.core} ({len(unit)} atoms)")
        return FormulaTask(model, representation, unit, sizes)
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
