"""What a trained model draws under random conditions, with the properties that the domain computes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import numpy as np

from sciencegen.api.rooms import Judge, split_rows, worker_count
from sciencegen.config import COMPUTE_CHUNK
from sciencegen.data.workers import map_chunks_killable
from sciencegen.latent.noise import DREAM, chunk_generator

WIDEST = 3.0
"""Conditions are asked for this many standard deviations around the mean of the training data."""


def dreams(model: Any, representation: Any, science: Any, recipe: str, count: int, seed: int, threads: int) -> list:
    """About `count` draws as Batches whose condition holds the computed properties; none where none can be computed."""
    names = [name for name in representation.properties if name in science.properties]
    if not names:
        return []
    text = json.dumps(representation.to_json(), sort_keys=True)
    judge = Judge(science.name, recipe, text, tuple(names), (), ())
    columns = [representation.properties.index(name) for name in names]
    drawn = [
        model.draw(*_asked(chunk, seed, model.latent_size, columns, len(representation.properties)))
        for chunk in range(-(-count // COMPUTE_CHUNK))
    ]
    rows = chain.from_iterable(map(split_rows, drawn))
    values = _values(map_chunks_killable(judge, rows, processes=worker_count(threads), chunk=64), len(names))
    return [_labelled(batch, list(islice(values, len(batch))), names, representation) for batch in drawn]


def _asked(chunk: int, seed: int, latent_size: int, columns: list[int], width: int) -> tuple[Any, Any]:
    """Noise, and conditions with one or two random properties each, far into their tails."""
    import torch

    generator = chunk_generator(seed, DREAM, chunk)
    noise = generator.standard_normal((COMPUTE_CHUNK, latent_size), dtype=np.float32)
    condition = np.full((COMPUTE_CHUNK, width), np.nan, np.float32)
    for _ in range(2):  # the same property twice is one
        chosen = generator.choice(columns, COMPUTE_CHUNK)
        condition[np.arange(COMPUTE_CHUNK), chosen] = generator.uniform(-WIDEST, WIDEST, COMPUTE_CHUNK)
    return torch.from_numpy(noise), torch.from_numpy(condition)


def _values(judged: Iterator[Any], width: int) -> Iterator[list[float]]:
    """Of each draw, NaN where it is no item."""
    for _, rows, results in judged:
        found = results if isinstance(results, list) else [None] * len(rows)
        for result in found:
            yield list(result[2]) if isinstance(result, tuple) else [float("nan")] * width


def _labelled(batch: Any, values: list[list[float]], names: list[str], representation: Any) -> Any:
    """The items among the draws, with their properties."""
    import torch

    good = torch.from_numpy(~np.isnan(values).any(1))
    rows = [representation.condition(dict(zip(names, row, strict=True))) for row in values]
    return batch.with_condition(torch.from_numpy(np.stack(rows).astype(np.float32))).select(good)
