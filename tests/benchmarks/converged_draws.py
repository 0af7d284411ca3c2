"""Draws of a shipped diffusion by several samplers and numbers of steps, from the same noise, beside the first of them.

    python tests/benchmarks/converged_draws.py galaxies galaxies-diffusion flux --by dpm-solver:256 dpm-solver:30 -n 64
    python tests/benchmarks/converged_draws.py crystals crystals density --by ancestral:400 ancestral:50 -n 512

A way is sampler:steps, or sampler:steps:crowding. Rows that don't decode count as missing. Said are the mean of each
property, the median ratio to the first way's and its standard error, that of the half with the larger values by the
first way, and CPU seconds a draw. Ratios are of the same rows for deterministic samplers; of random ones, whose paths
differ, compare the means.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.config import COMPUTE_CHUNK
from sciencegen.diffusion.model import DiffusionModel
from sciencegen.items import Refusal
from sciencegen.latent.geometry import latent_noise


def drawn(model: LoadedModel, way: str, given: argparse.Namespace) -> tuple[np.ndarray, float]:
    """Properties [row property] of raw draws, NaN of those that don't decode, and CPU seconds a draw."""
    diffusion = next(part for part in model.model.modules() if isinstance(part, DiffusionModel))
    own, start, items = diffusion.settings, time.process_time(), []
    sampler, steps, crowding = (*way.split(":"), own.crowding)[:3]
    diffusion.settings = replace(own, sampler=sampler, steps=int(steps), crowding=float(crowding))
    for chunk in range(-(-given.n // COMPUTE_CHUNK)):
        noise = latent_noise(given.seed, chunk, model.space.size)[: given.n - len(items)]
        for part in np.array_split(noise, -(-len(noise) // given.batch)):
            items += model.representation.decode(model.space.generate_batch(part))
    seconds, diffusion.settings = (time.process_time() - start) / len(items), own
    good = [row for row, one in enumerate(items) if not isinstance(one, Refusal)]
    values = np.full((len(items), len(given.properties)), np.nan)
    if good:
        values[good] = model.domain.measure([items[row] for row in good], given.properties)
    return values, seconds


def ratio(values: np.ndarray, first: np.ndarray) -> str:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = values / first
    found = found[np.isfinite(found)]
    spread = np.percentile(found, 84) - np.percentile(found, 16) if len(found) else np.nan
    return f"{np.median(found):.4f} +- {1.25 * spread / 2 / max(len(found), 1) ** 0.5:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain")
    parser.add_argument("model", help="a shipped name or a run folder")
    parser.add_argument("properties", nargs="+")
    parser.add_argument("--by", nargs="+", required=True, help="the first is what the others stand beside")
    parser.add_argument("-n", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(given.domain, given.model, "cpu", 1)
    first: np.ndarray | None = None
    for way in given.by:
        values, seconds = drawn(model, way, given)
        first = values if first is None else first
        print(f"{way}: {seconds:.3f} CPU s a draw, {np.isfinite(values[:, 0]).sum()} of {given.n} decode")
        for column, name in enumerate(given.properties):
            one, of = values[:, column], first[:, column]
            larger = of > np.nanmedian(of)
            good = one[np.isfinite(one)]
            mean = f"mean {good.mean():.5g} +- {good.std() / max(len(good), 1) ** 0.5:.2g}"
            print(
                f"    {name}: {mean}; ratio {ratio(one, of)}; larger half {ratio(one[larger], of[larger])}", flush=True
            )


if __name__ == "__main__":
    main()
