"""What each part of a VAE brings: bounds of images after equal processor time.

    python -m tests.benchmarks.parts_of_models --seconds 150 -o parts.csv
    python -m tests.benchmarks.parts_of_models --seconds 150 --data stamps -o stamps.csv

Data are scikit-learn's digits, each pixel drawn as 0 or 1 with its grey value as the probability: anew in every batch
of the training, once in the 297 rows for validation and the 500 for the test; or the middle 16 x 16 pixels of 4,000
simulated galaxies, of which 797 are held out too (`parts_data`). Each model is an `array-vae` of its own, trained for
as many steps as fit into the time (one thread, without the evaluation). A prior that is fitted afterwards takes half of
the time, and the autoencoder the other half. Of ten states in the training, that of the best bound on the validation
rows is kept. Printed are, in bits per pixel of the test rows with standard errors over these: the evidence lower bound,
the importance-weighted one of `--samples` latents, and the gain of the latter over the plain model's, row by row. Rows
that are in the output aren't repeated.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.vectors import DiffusionPrior, VectorDiffusionSettings
from sciencegen.domains import load_domain
from sciencegen.training.settings import TrainingSettings
from sciencegen.training.train import train
from sciencegen.vae.array_vae import ArrayVAE
from sciencegen.vae.bounds import bits_per_dimension
from sciencegen.vae.flows import FlowPrior, FlowSettings, PriorFitSettings, fit_prior
from tests.benchmarks.optimizers import TENTHS, TIMED, Clock
from tests.benchmarks.parts_data import DATA, TEST, Images

PARTS: Mapping[str, Mapping[str, object]] = {
    "plain": {},
    "iaf": {"posterior": "iaf"},
    "hamiltonian": {"posterior": "hamiltonian"},
    "importance_weighted": {"bound": "importance_weighted"},
    "ladder": {"layers": (16, 8)},
    "vamp": {"prior": "vamp"},
    "flow_prior": {},
    "latent_diffusion": {},
}
"""Settings of `array-vae` that differ from those of `SHARED`."""

SHARED: Mapping[str, object] = {"latent": 16, "width": 128, "flow_layers": 0, "decoder_noise": False}
COLUMNS = {kind: [f"{kind}{at}" for at in range(TEST)] for kind in "ei"}
"""Of the output: bits per pixel of each test row by the evidence lower bound, and by the importance-weighted one."""
FITTED = (10, 60)
"""A step of the fit of a prior is timed between these."""


def made(images: Images, part: str, seed: int) -> ArrayVAE:
    torch.manual_seed(seed)
    recipe = load_domain("arrays").recipes["array-vae"]
    return recipe.build(images.representation, recipe.settings(**SHARED, **PARTS[part]))


def trained(images: Images, part: str, seed: int, seconds: float) -> tuple[ArrayVAE, int]:
    """The model in its best state of ten by the validation rows, and the number of its steps."""
    model, steps = made(images, part, seed), TIMED[1] + 2
    training = partial(TrainingSettings, learning_rate=2e-3, seed=seed, ema_decay=0.0, log_every=10**9,
                       checkpoint_every=10**9)  # fmt: skip
    batches = partial(images.batches, seed)
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(batches, {})
        train(model, clock, training(steps=steps, warmup_steps=10), Path(folder))
    second = (clock.times[TIMED[1]] - clock.times[TIMED[0]]) / (TIMED[1] - TIMED[0])
    steps, model, states = max(TENTHS, round(seconds / second)), made(images, part, seed), list[tuple[float, dict]]()

    validation = images.validation

    def look() -> None:
        model.eval()
        states.append((float(elbo(model, validation, 4).mean()), deepcopy(model.state_dict())))
        model.train()

    marks = [steps * tenth // TENTHS for tenth in range(1, TENTHS)]
    with tempfile.TemporaryDirectory() as folder:
        chosen = training(steps=steps, warmup_steps=min(200, steps // 10))
        train(model, Clock(batches, dict.fromkeys(marks, look)), chosen, Path(folder))
    look()
    model.load_state_dict(max(states, key=lambda one: one[0])[1])
    return model.eval(), steps


def with_prior(model: ArrayVAE, images: Images, part: str, seed: int, seconds: float) -> int:
    """Give the model a flow or a diffusion as prior, fitted for this time; returns the steps of the fit."""
    latent, generator = model.vae.latent_size, torch.Generator().manual_seed(seed)
    with torch.no_grad():
        posteriors = [model.vae.posterior_of(next(images.batches(seed + 1, step))) for step in range(100)]
    mean, log_std = (torch.cat([getattr(one, name) for one in posteriors]) for name in ("mean", "log_std"))

    def fitted(steps: int) -> FlowPrior | DiffusionPrior:
        flow, diffusion = FlowSettings(6, 64), VectorDiffusionSettings(width=256, depth=4)
        prior = FlowPrior(latent, 0, flow) if part == "flow_prior" else DiffusionPrior(latent, 0, diffusion, seed)
        fit_prior(prior, mean, None, generator, log_std=log_std, settings=PriorFitSettings(steps=steps, held_out=0.0))
        return prior

    times = [cpu_seconds(partial(fitted, steps)) for steps in FITTED]
    steps = max(100, round(seconds * (FITTED[1] - FITTED[0]) / (times[1] - times[0])))
    model.prior = fitted(steps)  # type: ignore[assignment]
    return steps


def cpu_seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def elbo(model: ArrayVAE, batch: Batch, samples: int) -> torch.Tensor:
    """The mean of single samples of the bound."""
    generator = torch.Generator().manual_seed(0)
    return torch.stack([model.terms(batch, generator).elbo for _ in range(samples)]).mean(0)


def measured(model: ArrayVAE, images: Images, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits per pixel of the test rows by both bounds."""
    test = images.test
    parts = [model.bound(test.select(slice(at, at + 100)), samples) for at in range(0, TEST, 100)]
    bounds = [elbo(model, test, samples), torch.cat(parts)]
    first, second = (bits_per_dimension(one + images.volume, images.pixels).numpy() for one in bounds)
    return first, second


def run(images: Images, part: str, chosen: argparse.Namespace) -> None:
    start, fits = time.process_time(), part in ("flow_prior", "latent_diffusion")
    model, steps = trained(images, part, chosen.seed, chosen.seconds / (2 if fits else 1))
    further = with_prior(model, images, part, chosen.seed, chosen.seconds / 2) if fits else 0
    spent = time.process_time() - start
    both = measured(model, images, chosen.samples)
    new = not chosen.output.exists()
    with chosen.output.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(
                ["part", "steps", "fit_steps", "spent", *(f"{kind}{at}" for kind in "ei" for at in range(TEST))]
            )
        writer.writerow([part, steps, further, f"{spent:.0f}", *(f"{one:.5f}" for bits in both for one in bits)])


def show(path: Path) -> None:
    found = pd.read_csv(path).set_index("part")
    print("| part | steps | ELBO | importance-weighted | gain |\n|---|---|---|---|---|")
    lower, tighter = (found[COLUMNS[kind]] for kind in "ei")
    for part in found.index:
        gain = tighter.loc["plain"] - tighter.loc[part]
        cells = [f"{one.mean():.4f} ± {one.sem():.4f}" for one in (lower.loc[part], tighter.loc[part], gain)]
        steps = f"{found.steps[part]}" + f" + {found.fit_steps[part]}" * bool(found.fit_steps[part])
        print(f"| {part} | {steps} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=150, help="CPU seconds of each model")
    parser.add_argument("--data", choices=DATA, default="digits")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    images = DATA[chosen.data]()
    print(f"{images.pixels} pixels, {len(images.learned)} rows to learn from", flush=True)
    done = set(pd.read_csv(chosen.output).part) if chosen.output.exists() else set()
    for part in chosen.parts:
        if part not in done:
            run(images, part, chosen)
            print(part, flush=True)
    show(chosen.output)


if __name__ == "__main__":
    main()
