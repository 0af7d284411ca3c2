"""Rates of neurons from their spikes: `sequence-vae` beside smoothed spikes, where the rates are known.

    python -m tests.benchmarks.lorenz_rates -o lorenz

30 neurons in 40 bins of 20 ms follow Lorenz's equations (`tests.domains.tables.lorenz`), at about 12 Hz. Models learn
from four of five trials. R² is of all rates of the other trials, against the mean rate of each neuron. The width of the
Gaussian by which spikes are smoothed is the best for the rates of the training trials, which the model doesn't see.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

import sciencegen as sg
from tests.domains.tables.lorenz import spikes

WIDTHS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)


def r2(found: np.ndarray, rates: np.ndarray) -> float:
    """1 - squared error / variance around each neuron's mean, [trial time unit]."""
    return float(1 - np.square(found - rates).sum() / np.square(rates - rates.mean((0, 1))).sum())


def smoothed(counts: np.ndarray, width: float) -> np.ndarray:
    """Counts smoothed over time by a Gaussian of this width in bins."""
    return gaussian_filter1d(counts.astype(float), width, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("-o", dest="folder", default="lorenz", help="of tables and models; a killed training goes on")
    chosen = parser.parse_args()
    for seed in chosen.seeds:
        counts, rates = spikes(chosen.trials, seed=seed)
        folder, train = Path(chosen.folder) / str(seed), 4 * chosen.trials // 5
        folder.mkdir(parents=True, exist_ok=True)
        width = max(WIDTHS, key=lambda one: r2(smoothed(counts[:train], one), rates[:train]))
        print(f"seed {seed}, smoothed by {width} bins: R² {r2(smoothed(counts[train:], width), rates[train:]):.3f}")
        np.savez(folder / "train.npz", spikes=counts[:train])
        np.savez(folder / "test.npz", spikes=counts[train:])
        warmup = {"shape": "linear", "steps": chosen.steps // 2}
        sg.train(
            "arrays", folder / "train.npz", recipe="sequence-vae", folder=folder / "run", seed=seed, threads=1,
            settings={"likelihoods": {"spikes": "poisson"}, "beta": warmup},
            training={"steps": chosen.steps, "batch_size": 32},
        )  # fmt: skip
        found = sg.encode("arrays", folder / "test.npz", model=str(folder / "run"), threads=1)
        print(f"seed {seed}, sequence-vae: R² {r2(found.inferred['rates'], rates[train:]):.3f}", flush=True)


if __name__ == "__main__":
    main()
