"""What else models of molecules draw: molecules that hold a core, and variations of given ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.domains.capabilities import DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.molecules import DOMAIN as MOLECULES
from sciencegen.domains.molecules.cores import Core, read_cores
from sciencegen.domains.molecules.items import key, parse
from sciencegen.domains.molecules.tokens import TokenRepresentation
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from sciencegen.latent.space import LatentModel
from sciencegen.vae.sequences.autoregressive import END, shift

TRIES = 8
"""Draws of the model for each one around a core; linkers fit in one of eight."""
TRIED = 100
"""Molecules to vary that are decoded again, to say how many come back."""
LEVEL = 0.4
"""Default noise level of variations."""
Molecule = Chem.Mol | Refusal


@dataclass(frozen=True, eq=False)
class CoreTask:
    """Molecules that hold one of the cores; the other parts are cut from draws of the model."""

    model: LatentModel
    representation: TokenRepresentation
    cores: Sequence[Core]

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Tensor | None = None) -> Batch:
        """Each row tries several draws of the model until one has parts that fit.

        The condition is not used: it is about whole molecules, and draws are checked for it anyway.
        """
        made: list[Molecule] = [Refusal("not drawn")] * len(noise)
        for attempt in range(TRIES):
            rows = [row for row, one in enumerate(made) if isinstance(one, Refusal)]
            if not rows:
                break
            own = shift(noise[rows], attempt)
            sources = self.representation.decode(self.model.generate(own).to("cpu"))
            for row, source, numbers in zip(rows, sources, own.cpu(), strict=True):
                made[row] = self._joined(source, numbers)
        return encoded(self.representation, made)

    def _joined(self, source: Molecule, noise: Float[Tensor, " latent"]) -> Molecule:
        if isinstance(source, Refusal):
            return source
        generator = generator_of(noise)
        return self.cores[int(generator.integers(len(self.cores)))].joined(source, generator)


@dataclass(frozen=True, eq=False)
class VariationTask:
    """Molecules near given ones: sqrt(1 - r^2) e + r noise, with their latents e. known: keys of the given ones."""

    model: LatentModel
    representation: TokenRepresentation
    latents: Float[Tensor, "item latent"]
    known: frozenset[str]
    level: float

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Tensor | None = None) -> Batch:
        """Each row varies one of the molecules. The condition is not used, as in `CoreTask`."""
        chosen = [int(generator_of(row).integers(len(self.latents))) for row in noise.cpu()]
        moved = (1 - self.level**2) ** 0.5 * self.latents[chosen].to(noise) + self.level * noise
        return encoded(self.representation, self.representation.decode(self.model.decode(moved).to("cpu")))


def generator_of(noise: Float[Tensor, " latent"]) -> np.random.Generator:
    """Random numbers that follow from a row of noise."""
    return np.random.default_rng(crc32(noise.numpy().tobytes()))


def encoded(representation: TokenRepresentation, molecules: Sequence[Molecule]) -> Batch:
    """Molecules as rows of tokens; a row without any for refusals."""
    nothing = np.array([END], np.int16)
    kept = [one for one in molecules if not isinstance(one, Refusal)]
    arrays: Iterator[np.ndarray | Refusal] = iter(representation.encode(kept))
    rows = [nothing if isinstance(one, Refusal) else next(arrays) for one in molecules]
    return representation.batch([nothing if isinstance(row, Refusal) else row for row in rows])


def resolve(model: LatentModel, representation: TokenRepresentation, settings: TaskSettings) -> DrawTask:
    """The one task of the settings."""
    if settings.core is not None:
        return CoreTask(model, representation, read_cores(settings.core))
    items = read_given(str(settings.vary))
    arrays: list[np.ndarray] = []
    for item, array in zip(items, representation.encode(items), strict=True):
        if isinstance(array, Refusal):
            raise DataError(
                f"Expected molecules to `vary` that the model reads, got {Chem.MolToSmiles(item)}: {array.reason}."
            )
        arrays.append(array)
    level = LEVEL if settings.noise_level is None else settings.noise_level
    device = next(model.parameters()).device
    with torch.inference_mode():
        latents = model.encode(representation.batch(arrays).to(device)).cpu()
        reconstructed = representation.decode(model.decode(latents[:TRIED].to(device)).to("cpu"))
    _warn_of_lost(items, reconstructed)
    return VariationTask(model, representation, latents, frozenset(map(key, items)), level)


def _warn_of_lost(items: Sequence[Chem.Mol], reconstructed: Sequence[Molecule]) -> None:
    """Warn of molecules that are not reconstructed from their latents. reconstructed: from those of the first items."""
    pairs = list(zip(items, reconstructed, strict=False))
    which = f"{len(items)}" if len(pairs) == len(items) else f"the first {len(pairs)}"
    lost = [(one, other) for one, other in pairs if isinstance(other, Refusal) or key(other) != key(one)]
    if lost:
        one, other = lost[0]
        text = "no molecule" if isinstance(other, Refusal) else Chem.MolToSmiles(other)
        warnings.warn(
            f"{len(lost)} of {which} molecules to vary are not reconstructed from their latents: the latent of "
            f"{Chem.MolToSmiles(one)} decodes to {text}, and draws are variations of that. `core`, and `optimize` with "
            "a goal `similarity to`, need no reconstruction.",
            stacklevel=1,
        )


def check(settings: TaskSettings) -> None:
    """Raise an error for a core, or molecules to vary, that can't be read."""
    if settings.core is not None:
        read_cores(settings.core)
    elif settings.vary is not None:
        read_given(settings.vary)


def read_given(source: str) -> list[Chem.Mol]:
    """All molecules of a file, or that of a text."""
    if source.lower().endswith(MOLECULES.items.formats) and not Path(source).is_file():
        raise DataError(f"Expected molecules to `vary`, found no file '{source}'.")
    items = [parse(text) for text in MOLECULES.items.texts_in(source)]
    if refused := next((one for one in items if isinstance(one, Refusal)), None):
        raise DataError(f"Expected molecules to `vary`, got '{source}', with one that can't be read: {refused.reason}.")
    if not items:
        raise DataError(f"Expected molecules to `vary` in {source}, found none.")
    return [item for item in items if not isinstance(item, Refusal)]


TASKS = DrawTasks(settings=frozenset({"core", "vary", "noise_level"}), resolve=resolve, check=check)
