"""The likelihood of held-out structures under a diffusion model, and what a learned schedule does to its estimate.

    python tests/benchmarks/bound_of_structures.py --model qm9-conformers --data qm9-structures -n 1000 --learn 300

Printed is the bound of -log p in nats for each molecule (of conformers: given its atoms and bonds), its terms apart,
and the standard error over molecules. Then a monotone network takes the place of the schedule, between the same ends,
and learns to lower the variance of the estimate (Kingma et al. 2021, section 5.3), the denoiser being as it is: the
variance of one-time estimates about each molecule's mean under the model's own schedule, a straight line, and the
learned one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from sciencegen.api.models.folder import load_model
from sciencegen.batch import Batch
from sciencegen.data.prepared import PreparedDataset
from sciencegen.data.threads import inference_threads
from sciencegen.diffusion.model import DiffusionModel, diffusion_of
from sciencegen.diffusion.objectives import (
    continuous_bound,
    diffusion_loss,
    elbo_weighting,
    variance_minimizing_loss,
)
from sciencegen.diffusion.schedules import Learned, Linear, Schedule
from sciencegen.domains.molecules.geometry import Geometry
from sciencegen.domains.molecules.geometry_models import GeometryRepresentation, read_geometry
from sciencegen.items import Refusal

ROWS = 64


def batches(
    representation: GeometryRepresentation, known: Sequence[Geometry], diffusion: DiffusionModel
) -> Iterator[Batch]:
    """Items in the state's spaces, of like size."""
    order = sorted(range(len(known)), key=lambda row: len(known[row]))
    for start in range(0, len(order), ROWS):
        yield diffusion.state.embed(representation.batch([known[row] for row in order[start : start + ROWS]]))


def bound(
    diffusion: DiffusionModel, parts: Sequence[Batch], times: int, generator: torch.Generator
) -> dict[str, np.ndarray]:
    """[molecule] of each term, the mean of `times` times."""
    terms: dict[str, list[np.ndarray]] = {"prior": [], "diffusion": [], "reconstruction": []}
    for x in parts:
        found = []
        for _ in range(times):
            time, noise = torch.rand(len(x), generator=generator), diffusion.state.noise(x, generator)
            found.append(continuous_bound(diffusion, diffusion.state, diffusion.schedule, x, time, noise))
        for name, values in terms.items():
            values.append(torch.stack([getattr(one, name) for one in found]).mean(0).numpy())
    return {name: np.concatenate(values) for name, values in terms.items()}


def variance(
    diffusion: DiffusionModel, schedule: Schedule, parts: Sequence[Batch], times: int, generator: torch.Generator
) -> float:
    """Of one-time estimates of the diffusion term, about each molecule's own mean."""
    spread = []
    for x in parts:
        found = [
            diffusion_loss(
                diffusion, diffusion.state, schedule, x, torch.rand(len(x), generator=generator),
                diffusion.state.noise(x, generator),
            )
            for _ in range(times)
        ]  # fmt: skip
        spread.append(torch.stack(found).var(0))
    return torch.cat(spread).mean().item()


def learned(diffusion: DiffusionModel, parts: Sequence[Batch], steps: int, generator: torch.Generator) -> Learned:
    diffusion.requires_grad_(False)
    schedule = Learned(diffusion.schedule.log_snr_max, diffusion.schedule.log_snr_min, generator=generator)
    optimizer = torch.optim.Adam(schedule.parameters(), 1e-2)
    for step in range(steps):
        x = parts[step % len(parts)]
        time, noise = torch.rand(len(x), generator=generator), diffusion.state.noise(x, generator)
        losses = variance_minimizing_loss(diffusion, diffusion.state, schedule, x, time, noise, elbo_weighting)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
    return schedule.requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="qm9-conformers")
    parser.add_argument("--data", required=True, help="a prepared folder of structures with a split 'test'")
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--times", type=int, default=8)
    parser.add_argument("--learn", type=int, default=0, help="steps of learning a schedule")
    chosen = parser.parse_args()
    model = load_model("molecules", chosen.model, "cpu", inference_threads(0))
    diffusion = diffusion_of(model.model)
    prepared, generator = PreparedDataset.load(chosen.data), torch.Generator().manual_seed(0)
    rows = np.random.default_rng(0).permutation(len(prepared.items("test")))[: chosen.n]
    known = [one for one in map(read_geometry, prepared.items("test").take(rows)) if not isinstance(one, Refusal)]
    parts = list(batches(model.representation, known, diffusion))
    with torch.no_grad():
        found = bound(diffusion, parts, chosen.times, generator)
    total = np.sum(list(found.values()), 0)
    dimensions = torch.cat([diffusion.state.dimensions(x) for x in parts]).mean().item()
    print(f"{len(total)} molecules of {dimensions:.1f} dimensions")
    for name, values in {**found, "bound": total}.items():
        print(
            f"{name:15} {values.mean():.2f} nats  (standard error {values.std() / len(values) ** 0.5:.2f})", flush=True
        )
    if chosen.learn:
        ends = diffusion.schedule.log_snr_max, diffusion.schedule.log_snr_min
        schedules = {"own": diffusion.schedule, "straight": Linear(*ends)}
        schedules["learned"] = learned(diffusion, parts, chosen.learn, generator)
        with torch.no_grad():
            for name, schedule in schedules.items():
                print(
                    f"variance, {name}: {variance(diffusion, schedule, parts, chosen.times, generator):.4g}", flush=True
                )


if __name__ == "__main__":
    main()
