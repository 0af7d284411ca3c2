"""Rehearsal: what a trained model draws, judged by the domain, for the model to learn from (`Rehearsing`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.api.rooms import (
    InDomain,
    domain_of,
    join_rows,
    measure_all,
    representation_of,
    split_rows,
    worker_count,
)
from sciencegen.api.training_data import TrainingData
from sciencegen.config import COMPUTE_CHUNK
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.domains.base import Refusal
from sciencegen.latent.noise import REHEARSAL, chunk_generator

MOST_DRAWS, LEAST_DRAWS = 50_000, 5_000
"""As many draws as there are training items, within these."""

VISITS = 8
"""How often the model sees each draw."""

FREE, SINGLE = 0.15, 0.55
"""Shares of the draws without a condition and under one property; the rest is under two."""


def rehearse(model: Any, held: TrainingData, domain: str, recipe: str, seed: int, threads: int) -> int:
    """Draw under conditions from all over the data, compute what was drawn, let the model learn; how many draws."""
    import torch

    if not held.representation.properties:
        return 0
    chunks = -(-min(max(len(held.arrays), LEAST_DRAWS), MOST_DRAWS) // COMPUTE_CHUNK)
    data = list(islice(held.once(), chunks))
    known = torch.cat([batch.condition for batch in data]).numpy()
    asked = [_asked(chunk, seed, model.latent_size, known) for chunk in range(chunks)]
    task = Inspect(domain, recipe, json.dumps(held.representation.to_json(), sort_keys=True))
    draws, well_formed = judged([model.draw(*one) for one in asked], task, threads)
    model.rehearse(data, draws, well_formed, VISITS * chunks, torch.Generator().manual_seed(seed))
    return sum(map(len, draws))


def judged(drawn: list[Any], task: Inspect, threads: int) -> tuple[list[Any], list[Any]]:
    """The batches with what the domain computes of each draw as their condition; which draws are well formed."""
    import torch

    found = _inspected(task, chain.from_iterable(map(split_rows, drawn)), threads)
    draws, well_formed = [], []
    for batch in drawn:
        flags, values = zip(*islice(found, len(batch)), strict=True)
        well_formed.append(torch.tensor(flags))
        draws.append(batch.with_condition(torch.from_numpy(np.stack(values))))
    return draws, well_formed


def _asked(chunk: int, seed: int, latent_size: int, known: Float[np.ndarray, "item property"]) -> tuple[Any, Any]:
    """Noise, and conditions of one or two properties anywhere in their range in the data, NaN where free."""
    import torch

    generator = chunk_generator(seed, REHEARSAL, chunk)
    noise = generator.standard_normal((COMPUTE_CHUNK, latent_size), dtype=np.float32)
    low, high = np.nan_to_num(np.nanquantile(known, [0.001, 0.999], 0))
    condition = generator.uniform(low, high, (COMPUTE_CHUNK, len(low))).astype(np.float32)
    place = generator.permuted(np.tile(np.arange(len(low)), (COMPUTE_CHUNK, 1)), axis=1)
    asked = np.searchsorted(np.cumsum([FREE, SINGLE]), generator.random(COMPUTE_CHUNK))
    condition[place >= asked[:, None]] = np.nan
    return torch.from_numpy(noise), torch.from_numpy(condition)


def _inspected(task: Inspect, rows: Iterator[Any], threads: int) -> Iterator[tuple[bool, np.ndarray]]:
    """Of each row, in order; a row that its worker couldn't bear is no item."""
    nothing = (False, representation_of(task.domain, task.recipe, task.representation).condition({}))
    for _, chunk, results in map_chunks_killable(task, rows, processes=worker_count(threads), chunk=64):
        yield from [nothing] * len(chunk) if isinstance(results, Failure) else results


@dataclass(frozen=True)
class Inspect(InDomain):
    """Decoded rows to (well formed, standardized properties that the domain computes); NaN where there is no item.

    Well formed means that the representation writes the item as this very row.
    """

    recipe: str
    representation: str

    def __call__(self, rows: Sequence[Mapping[str, np.ndarray]]) -> list[tuple[bool, np.ndarray]]:
        domain = domain_of(self.domain)
        representation = representation_of(self.domain, self.recipe, self.representation)
        names = [name for name in representation.properties if name in domain.properties]
        decoded = representation.decode(join_rows(rows))
        items = [item for item in decoded if not isinstance(item, Refusal)]
        values = iter(measure_all(domain, items, names) if names else [[]] * len(items))
        encoded = iter(representation.encode(items) if items else [])
        found = []
        for item, row in zip(decoded, rows, strict=True):
            missing = isinstance(item, Refusal)
            written = item if missing else next(encoded)
            computed = {} if missing else dict(zip(names, next(values), strict=True))
            same = not isinstance(written, Refusal) and _is_row(representation.batch([written]), row)
            found.append((same, representation.condition(computed)))
        return found


def _is_row(batch: Any, row: Mapping[str, np.ndarray]) -> bool:
    """Whether a Batch of one item equals the row; `split_rows` calls the mask ""."""
    (again,) = split_rows(batch)
    if "" in row:
        again, row = ({name: array[one[""]] for name, array in one.items()} for one in (again, row))
    return all(np.array_equal(again[name], row[name]) for name in row)
