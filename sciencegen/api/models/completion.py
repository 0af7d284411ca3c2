"""Complete items by a model, for example molecules by their coordinates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.config import Resources
from sciencegen.data.damage import reading
from sciencegen.data.threads import map_threaded
from sciencegen.domains.capabilities import Scaffold
from sciencegen.domains.capabilities.structures import Placement
from sciencegen.domains.recipes import Completing, Encoded, Recipe
from sciencegen.errors import ConfigError, DataError, IncompatibleError
from sciencegen.files import check_regular
from sciencegen.items import Item, Refusal
from sciencegen.latent.space import LatentModel

if TYPE_CHECKING:
    from sciencegen.batch import Batch
    from sciencegen.diffusion.model import Bend
    from sciencegen.diffusion.state import Fields, State

ROWS = 32
"""Items in a compute chunk; all have the same size."""

ATTEMPTS = 4
"""Maximum number of draws for an item, until one is confirmed to be this item."""

Complete = Callable[[Sequence[Item]], list[Item | Refusal]]

NOT_PLACED: Placement = MappingProxyType({})


@runtime_checkable
class CompletingModel(LatentModel, Protocol):
    """A model that completes items. state: the fields that it generates."""

    @property
    def state(self) -> State: ...

    def complete(self, like: Batch, noise: Fields, bend: Bend | None = None) -> Batch:
        """Generate the fields of the state from noise, given the other fields of `like`. bend: additional guidance."""


@dataclass(frozen=True)
class Completer:
    """Maps items to completed items or refusals. scaffold: a fixed part, around which the rest is drawn."""

    model: LoadedModel
    seed: int
    scaffold: Scaffold | None = None

    @property
    def needed(self) -> bool:
        """Whether items that can't be completed must be dropped."""
        return self.scaffold is not None

    def __call__(self, items: Sequence[Item]) -> list[Item | Refusal]:
        return complete(self.model, items, self.seed, scaffold=self.scaffold)


def completer(
    domain: str, model: str | Path | None, seed: int, resources: Resources, scaffold: Scaffold | None = None
) -> Completer | None:
    """The completer by a model; None without a model."""
    if model is None:
        if scaffold is not None:
            raise ConfigError("Expected a model that draws around the scaffold, got none. Name it with `complete`.")
        return None
    loaded = open_model(domain, model, resources)
    check_completes(loaded.recipe, str(loaded.folder))
    if scaffold is not None:
        (encoded,) = completing_parts(loaded)[0].given([scaffold.item])
        if isinstance(encoded, Refusal):
            raise ConfigError(f"Expected a scaffold that {loaded.folder} can draw around, it {encoded.reason}.")
    return Completer(loaded, seed, scaffold)


def check_completes(recipe: Recipe, model: str) -> None:
    """Raise an error for a recipe that doesn't complete items. model: its name in the message."""
    if not recipe.completes:
        raise ConfigError(f"Expected a model that completes items (such as conformers), {model} makes new ones.")


def completing_parts(model: LoadedModel) -> tuple[Completing, CompletingModel]:
    """Representation and network of a model that completes items."""
    representation, network = model.representation, model.model
    if not isinstance(representation, Completing) or not isinstance(network, CompletingModel):
        raise ConfigError(f"Expected a model that completes items (such as conformers), {model.folder} can't.")
    return representation, network


def complete(
    model: LoadedModel, items: Sequence[Item], seed: int = 0, attempts: int = ATTEMPTS, scaffold: Scaffold | None = None
) -> list[Item | Refusal]:
    """Complete each item, or return the reason why not. A draw that isn't confirmed to be its item is repeated.

    Noise is seeded by (seed, row, attempt), and chunks hold items of one size, so results don't depend on threads.
    """
    representation, _ = completing_parts(model)
    given = representation.given(items)
    results: list[Item | Refusal | None] = [one if isinstance(one, Refusal) else None for one in given]
    left = [row for row, one in enumerate(results) if one is None]
    for attempt in range(attempts):
        placed = {} if scaffold is None else {row: scaffold.place(items[row], attempt) for row in left}
        for row, one in placed.items():
            results[row] = one if isinstance(one, Refusal) else results[row]
        places = {row: one for row, one in placed.items() if not isinstance(one, Refusal)}
        left = [row for row in left if scaffold is None or row in places]
        for row, made in draws(model, given, left, seed, attempt, places):
            good = made if isinstance(made, Refusal) else representation.confirmed(items[row], made)
            if scaffold is not None and not isinstance(good, Refusal):
                good = scaffold.fit(items[row], good, places[row])
            results[row] = good
        left = [row for row in left if isinstance(results[row], Refusal)]
    return results


def draws(
    model: LoadedModel, given: Sequence[Encoded | Refusal], rows: Sequence[int], seed: int = 0, attempt: int = 0,
    places: Mapping[int, Placement] = MappingProxyType({}),
) -> Iterator[tuple[int, Item | Refusal]]:  # fmt: skip
    """(row, unchecked draw) for each of these rows of `representation.given`, which contain no refusals.

    places: known parts of a row, which the draw keeps.
    """
    draw = lambda alike: _draw(  # noqa: E731
        model, [given[row] for row in alike], alike, (seed, attempt), [places.get(row, NOT_PLACED) for row in alike]
    )
    for alike, made in map_threaded(draw, _chunks(given, rows), model.threads):
        yield from zip(alike, made, strict=True)


def _chunks(given: Sequence[Encoded | Refusal], rows: Sequence[int]) -> Iterator[list[int]]:
    """Chunks of rows of the same size."""
    sizes: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        encoded: Encoded = given[row]
        sizes[len(encoded)].append(row)
    for _, alike in sorted(sizes.items()):
        yield from (alike[start : start + ROWS] for start in range(0, len(alike), ROWS))


def _draw(
    model: LoadedModel, given: Sequence[Encoded], rows: Sequence[int], key: tuple[int, int], places: Sequence[Placement]
) -> tuple[Sequence[int], list[Item | Refusal]]:
    import torch

    from sciencegen.batch import concatenate
    from sciencegen.devices import halved_to_fit

    representation, network = completing_parts(model)
    batch = representation.batch(given)
    seed, attempt = key
    generators = [np.random.default_rng([seed, row, attempt]) for row in rows]
    noise = {
        name: torch.from_numpy(
            np.stack([one.standard_normal(tuple(batch[name].shape[1:]), dtype=np.float32) for one in generators])
        )
        for name in network.state.fields
    }

    def compute(part: slice) -> Batch:
        fields = {name: value[part].to(model.device) for name, value in noise.items()}
        here = batch.select(part)
        bend = _keeping(model, here, places[part]) if any(places) else None
        return network.complete(here.to(model.device), fields, bend).to("cpu")

    return rows, representation.decode(halved_to_fit(compute, len(batch), concatenate))


def _keeping(model: LoadedModel, batch: Batch, places: Sequence[Placement]) -> Bend:
    """A function that changes a denoiser so that the known parts of each row replace those of its estimate."""
    import torch

    from sciencegen.diffusion.steering import inpainting

    values, where = {}, {}
    for name in {name for place in places for name in place}:
        value = torch.zeros_like(batch[name])
        there = torch.zeros(value.shape[:2], dtype=torch.bool)
        for row, place in enumerate(places):
            positions, known = place[name]
            value[row, list(positions)], there[row, list(positions)] = torch.from_numpy(known).to(value), True
        values[name] = value.to(model.device)
        where[name] = there.reshape(*there.shape, *[1] * (value.ndim - 2)).to(model.device)
    return lambda denoise: inpainting(denoise, values, where, rigid=values)


# Latents that a user gives: in files, or as an array.

ARRAY_FILES = (b"\x93NUMPY", b"PK")
"""How .npy and .npz files begin."""


def read_latents(path: Path, size: int) -> np.ndarray:
    """Read an .npy file, or the array `latent` of an .npz, and check it."""
    check_regular(path, "latents")
    with reading("an .npz with an array `latent`, as encode makes it,", path):
        with open(path, "rb") as file:
            if not file.read(len(ARRAY_FILES[0])).startswith(ARRAY_FILES):
                raise TypeError("it is neither .npy nor .npz")  # numpy would take it for a pickle
        content = np.load(path, allow_pickle=False)
        latents = content if isinstance(content, np.ndarray) else content["latent"]
        if not isinstance(latents, np.ndarray):  # a member of an .npz that is no array is read as bytes
            raise TypeError("'latent' is no array")
    return checked_latents(latents, size, str(path))


def read_items(path: Path) -> list[str]:
    """The texts of the items that `encode` wrote beside their latents; [] if the file holds none."""
    content = np.load(path, allow_pickle=False)
    texts = None if isinstance(content, np.ndarray) or "item" not in content else content["item"]
    return texts.tolist() if isinstance(texts, np.ndarray) and texts.ndim == 1 and texts.dtype.kind == "U" else []


def checked_latents(latents: np.ndarray, size: int, place: str) -> np.ndarray:
    """Check the type and shape of latents [item size]; returns them in single precision."""
    limit = np.finfo(np.float32).max
    if latents.ndim != 2 or latents.dtype.kind != "f" or not (np.abs(latents) <= limit).all():
        raise DataError(
            f"Expected finite numbers [item latent] of at most {limit:g} in {place}, got {latents.dtype} "
            f"{latents.shape}."
        )
    if latents.shape[1] != size:
        raise IncompatibleError(
            f"Expected latents of {size} numbers for this model, {place} holds {latents.shape[1]}. "
            "Pass `model` with the model that made them."
        )
    return latents.astype(np.float32)
