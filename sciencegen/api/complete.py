"""Complete: what a model gives to items that lack it, such as coordinates to molecules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.models import LoadedModel, find_model, load_model
from sciencegen.api.rooms import inference_threads
from sciencegen.batch import Batch, concatenate
from sciencegen.config import Resources
from sciencegen.data.threads import map_threaded
from sciencegen.domains.base import Refusal
from sciencegen.errors import ConfigError
from sciencegen.memory import halved_to_fit

ROWS = 32
"""Items of one compute chunk, all of one size."""
ATTEMPTS = 4
"""Draws for an item until one is confirmed to be it."""

Complete = Callable[[Sequence[Any]], list[Any]]


def completer(domain: str, model: str | Path | None, seed: int, resources: Resources) -> Complete | None:
    """Items to completed items or refusals by the model with this name; None for no name."""
    if model is None:
        return None
    folder = find_model(domain, model)
    loaded = load_model(domain, folder, resources.device, inference_threads(resources.threads))
    if not loaded.recipe.completes:
        raise ConfigError(f"Expected a model that completes items (such as conformers), {folder} makes new ones.")
    return lambda items: complete(loaded, items, seed)


def complete(model: LoadedModel, items: Sequence[Any], seed: int = 0, attempts: int = ATTEMPTS) -> list[Any]:
    """Each item completed, or why it couldn't be. A draw that isn't confirmed to be its item is drawn again.

    Noise is keyed by (seed, row, attempt), and chunks hold items of one size: no result depends on threads.
    """
    known = model.representation.given(items)
    results: list[Any] = [one if isinstance(one, Refusal) else None for one in known]
    left = [row for row, one in enumerate(results) if one is None]
    for attempt in range(attempts):
        for row, made in draws(model, known, left, seed, attempt):
            good = made if isinstance(made, Refusal) else model.representation.confirmed(items[row], made)
            results[row] = good
        left = [row for row in left if isinstance(results[row], Refusal)]
    return results


def draws(
    model: LoadedModel, known: Sequence[Any], rows: Sequence[int], seed: int = 0, attempt: int = 0
) -> Iterator[tuple[int, Any]]:
    """(row, one draw as it comes) for each of these rows of `representation.given`, which hold no refusals."""
    draw = lambda alike: _draw(model, [known[row] for row in alike], alike, (seed, attempt))  # noqa: E731
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
    model: LoadedModel, known: Sequence[Any], rows: Sequence[int], key: tuple[int, int]
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
        return model.model.complete(batch.select(part).to(model.device), given).to("cpu")

    return rows, model.representation.decode(halved_to_fit(compute, len(batch), concatenate))


__all__ = ["complete", "completer", "draws"]
