"""Networks of a diffusion of images: bits per pixel of held-out digits after equal processor time.

    python -m tests.benchmarks.diffusion_networks --seconds 60 -o networks.csv

Data are the images of scikit-learn's digits, whole numbers from 0 to 16: 1,000 to learn from, 297 for the validation
and 500 for the test. Each network is that of an `array-diffusion` with default sizes, trained at `--rates` for as many
steps as fit into the time (one thread); a rate is chosen by the validation rows. Printed are the bits per pixel of the
test rows by the variational bound at 32 noise levels of each row (Kingma et al. 2021, eq. 15), evenly spread over their
logarithms, with the standard error over rows. Rows that are in the output aren't repeated.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import Generator

from sciencegen.batch import Batch
from sciencegen.diffusion.schedules import Linear
from sciencegen.diffusion.vectors import LOG_SNR_ENDS, CodedDiffusion
from sciencegen.domains import load_domain
from sciencegen.domains.tables import rows
from sciencegen.domains.tables.models import NETWORKS
from sciencegen.training.settings import TrainingSettings
from sciencegen.training.train import train
from sciencegen.vae.bounds import bits_per_dimension
from tests.benchmarks.optimizers import TIMED, Clock
from tests.benchmarks.parts_data import HELD_OUT, TEST

RECIPE = load_domain("arrays").recipes["array-diffusion"]
LEVELS = 32


class Digits:
    """The images as encoded rows, in an order that does not depend on a model's seed."""

    def __init__(self) -> None:
        images = np.random.default_rng(0).permutation(load_digits().images).astype(int)
        texts = [rows.text({"image": one.tolist()}) for one in images]
        self.representation = RECIPE.fit(texts, np.empty((len(texts), 0)), ())
        self.all = self.representation.batch(self.representation.encode([rows.parse(text) for text in texts]))
        self.pixels = images[0].size

    def batches(self, size: int, seed: int, step: int):
        while True:
            generator = np.random.default_rng([seed, step])
            chosen = HELD_OUT + generator.choice(len(self.all) - HELD_OUT, size, replace=False)
            yield Batch({name: value[chosen] for name, value in self.all.fields.items()})
            step += 1

    @torch.no_grad()
    def bits(self, model: CodedDiffusion, first: int, last: int) -> np.ndarray:
        """Bits per pixel of the rows of a range."""
        model.diffusion.schedule = Linear(*LOG_SNR_ENDS)  # the bound depends on the ends alone, its variance on all
        held, generator = self.all.select(slice(first, last)), Generator().manual_seed(0)
        bounds = []
        for _ in range(LEVELS):
            codes, spread = model.coding.drawn(held, generator)
            bounds.append(spread - model.diffusion.terms(codes, generator).nats)
        return bits_per_dimension(torch.stack(bounds).mean(0), self.pixels).numpy()


def trained(digits: Digits, network: str, rate: float, given: argparse.Namespace) -> tuple[CodedDiffusion, int]:
    """The model and the number of its steps."""
    settings = RECIPE.settings(network=network, hidden=0.0)
    training = partial(TrainingSettings, learning_rate=rate, seed=given.seed, ema_decay=0.995, log_every=10**9,
                       batch_size=given.batch_size, checkpoint_every=10**9)  # fmt: skip
    batches = partial(digits.batches, given.batch_size, given.seed)

    def run(steps: int) -> tuple[CodedDiffusion, Clock]:
        torch.manual_seed(given.seed)
        model, clock = RECIPE.build(digits.representation, settings), Clock(batches, {})
        with tempfile.TemporaryDirectory() as folder:
            train(model, clock, training(steps=steps, warmup_steps=min(100, steps // 10)), Path(folder))
        return model.eval(), clock

    times = run(TIMED[1] + 2)[1].times
    steps = round(given.seconds * (TIMED[1] - TIMED[0]) / (times[TIMED[1]] - times[TIMED[0]]))
    return run(steps)[0], steps


def measure(digits: Digits, network: str, rate: float, given: argparse.Namespace) -> dict[str, object]:
    model, steps = trained(digits, network, rate, given)
    validation, test = digits.bits(model, TEST, HELD_OUT), digits.bits(model, 0, TEST)
    weights = sum(one.numel() for one in model.parameters())
    return {
        "network": network, "rate": rate, "weights": weights, "steps": steps, "validation": validation.mean(),
        "test": test.mean(), "error": test.std(ddof=1) / len(test) ** 0.5,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="CPU seconds of each training")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--rates", nargs="+", type=float, default=[1e-3, 3e-3])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    digits, done = Digits(), set()
    if given.output.exists():
        done = set(pd.read_csv(given.output)[["network", "rate"]].itertuples(index=False, name=None))
    for network, rate in product(given.networks, given.rates):
        if (network, rate) in done:
            continue
        row, new = measure(digits, network, rate, given), not given.output.exists()
        with given.output.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if new:
                writer.writeheader()
            writer.writerow(row)
    found = pd.read_csv(given.output)
    print(found.loc[found.groupby("network", sort=False).validation.idxmin()].to_string(index=False))


if __name__ == "__main__":
    main()
