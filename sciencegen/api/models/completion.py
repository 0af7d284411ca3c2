"""Complete: what a model gives to items that lack it, such as coordinates to molecules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from sciencegen.api.models.folder import LoadedModel, find_model, load_model
from sciencegen.batch import Batch, concatenate
from sciencegen.config import Resources
from sciencegen.data.threads import inference_threads, map_threaded
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from sciencegen.memory import halved_to_fit

ROWS = 32
"""Items of one compute chunk, all of one size."""

ATTEMPTS = 4
"""Draws for an item until one is confirmed to be it."""

Complete = Callable[[Sequence[Any]], list[Any]]

Known = Mapping[str, tuple[Sequence[int], np.ndarray]]
"""Field -> (positions, their values): what is known of an item beforehand."""


@dataclass(frozen=True)
class Completer:
    """Items to completed items or refusals. scaffold: what stays as it is, around which the rest is drawn."""

    model: LoadedModel
    seed: int
    scaffold: Any = None

    @property
    def needed(self) -> bool:
        """Whether an item that can't be completed is of no use."""
        return self.scaffold is not None

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        return complete(self.model, items, self.seed, scaffold=self.scaffold)


def completer(
    domain: str, model: str | Path | None, seed: int, resources: Resources, scaffold: Any = None
) -> Completer | None:
    """The completer by the model with this name; None for no name."""
    if model is None:
        if scaffold is not None:
            raise ConfigError("Expected a model that draws around the scaffold, got none. Name it with --complete.")
        return None
    folder = find_model(domain, model)
    loaded = load_model(domain, folder, resources.device, inference_threads(resources.threads))
    check_completes(loaded.recipe, str(folder))
    if scaffold is not None:
        (known,) = loaded.representation.given([scaffold.item])
        if isinstance(known, Refusal):
            raise ConfigError(f"Expected a scaffold that {folder} can draw around, it {known.reason}.")
    return Completer(loaded, seed, scaffold)


def check_completes(recipe: Any, model: str) -> None:
    if not recipe.completes:
        raise ConfigError(f"Expected a model that completes items (such as conformers), {model} makes new ones.")


def complete(
    model: LoadedModel, items: Sequence[Any], seed: int = 0, attempts: int = ATTEMPTS, scaffold: Any = None
) -> list[Any]:
    """Each item completed, or why it couldn't be. A draw that isn't confirmed to be its item is drawn again.

    Noise is keyed by (seed, row, attempt), and chunks hold items of one size: no result depends on threads.
    """
    known = model.representation.given(items)
    results: list[Any] = [one if isinstance(one, Refusal) else None for one in known]
    left = [row for row, one in enumerate(results) if one is None]
    for attempt in range(attempts):
        places = {} if scaffold is None else {row: scaffold.place(items[row], attempt) for row in left}
        results = [places[row] if isinstance(places.get(row), Refusal) else one for row, one in enumerate(results)]
        left = [row for row in left if not isinstance(places.get(row), Refusal)]
        for row, made in draws(model, known, left, seed, attempt, places):
            good = made if isinstance(made, Refusal) else model.representation.confirmed(items[row], made)
            fits = scaffold is not None and not isinstance(good, Refusal)
            results[row] = scaffold.fit(items[row], good, places[row]) if fits else good
        left = [row for row in left if isinstance(results[row], Refusal)]
    return results


def draws(
    model: LoadedModel, known: Sequence[Any], rows: Sequence[int], seed: int = 0, attempt: int = 0,
    places: Mapping[int, Known] = MappingProxyType({}),
) -> Iterator[tuple[int, Any]]:  # fmt: skip
    """(row, one draw as it comes) for each of these rows of `representation.given`, which hold no refusals.

    places: what else is known of a row, kept in the draw.
    """
    draw = lambda alike: _draw(  # noqa: E731
        model, [known[row] for row in alike], alike, (seed, attempt), [places.get(row, {}) for row in alike]
    )
    for alike, made in map_threaded(draw, _chunks(known, rows), model.threads):
        yield from zip(alike, made, strict=True)


def _chunks(known: Sequence[Any], rows: Sequence[int]) -> Iterator[list[int]]:
    """Rows of one size together."""
    sizes: Mapping[int, list[int]] = defaultdict(list)
    for row in rows:
        sizes[len(known[row])].append(row)
    for _, alike in sorted(sizes.items()):
        yield from (alike[start : start + ROWS] for start in range(0, len(alike), ROWS))


def _draw(
    model: LoadedModel, known: Sequence[Any], rows: Sequence[int], key: tuple[int, int], places: Sequence[Known]
) -> tuple[Sequence[int], Any]:
    import torch

    batch = model.representation.batch(known)
    seed, attempt = key
    generators = [np.random.default_rng([seed, row, attempt]) for row in rows]
    noise = {
        name: torch.from_numpy(
            np.stack([one.standard_normal(tuple(batch[name].shape[1:]), dtype=np.float32) for one in generators])
        )
        for name in model.model.state.fields
    }

    def compute(part: slice) -> Batch:
        given = {name: value[part].to(model.device) for name, value in noise.items()}
        here = batch.select(part)
        kept = {"bend": _keeping(model, here, places[part])} if any(places) else {}
        return model.model.complete(here.to(model.device), given, **kept).to("cpu")

    return rows, model.representation.decode(halved_to_fit(compute, len(batch), concatenate))


def _keeping(model: LoadedModel, batch: Batch, places: Sequence[Known]) -> Callable[[Any], Any]:
    """Denoiser in, denoiser out: its estimate with what is known of each row put in place."""
    import torch

    from sciencegen.diffusion.guidance import inpainting

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
