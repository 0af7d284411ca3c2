"""Hippocampal spikes of a rat in a W-maze: `sequence-vae` beside smoothed spikes, for unseen units and the position.

    python -m tests.benchmarks.maze_spikes spikes.mat trajectory.videoPositionTracking -o maze

The files are those of the dataset `w-maze`: spike times of sorted units, and the tracked position. Spikes are counted
in bins of 100 ms, in trials of four seconds. The session is cut into blocks of time, of which each fifth is for the
test. Of the units, in the order of their rates, each fifth is held out: the model and the smoothing see the others
only. A unit of more than 50 spikes a second isn't a single neuron, and is left out.

Two figures, both from features at each bin: the model's factors, or smoothed counts of the same units (or logarithms of
these). Co-smoothing (Pei et al. 2021): a Poisson regression of the counts of the held-out units, in bits per spike
above their mean rates in the test blocks. Decoding: R² of a ridge regression of the position, the mean of both
coordinates. Regressions learn from the training blocks; their penalties, and the smoothing, are chosen on a part of
these blocks.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.ndimage import gaussian_filter1d
from scipy.special import xlogy
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.preprocessing import StandardScaler

import sciencegen as sg

BIN, TIMES, BLOCKS, FASTEST = 0.1, 40, 50, 50.0
CLOCK = 30_000
"""Ticks of the tracker's clock in a second."""
WIDTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Of the Gaussian that smooths counts, in bins."""
SMALL = 0.01
"""Added to smoothed counts before their logarithm."""
PENALTIES, RIDGES = (1e-4, 1e-2, 1.0), (1.0, 100.0, 10000.0)
FIELDS = [("time", "<u4"), ("x", "<u2"), ("y", "<u2"), ("x2", "<u2"), ("y2", "<u2")]
SETTINGS = {"likelihoods": {"spikes": "poisson"}, "inputs": 2, "factors": 8, "latent": 8, "flow_layers": 0}

Features = np.ndarray
"""[time feature]."""
Figure = Callable[[Features, np.ndarray, float, np.ndarray, np.ndarray], float]
"""(features, what is predicted, penalty, places to fit on, places to judge) -> the figure; greater is better."""


@dataclass(frozen=True)
class Session:
    """counts: [time unit]; place: [time 2], pixels; block: of each time, from 0."""

    counts: np.ndarray
    place: np.ndarray
    block: np.ndarray

    @property
    def test(self) -> np.ndarray:
        return self.block % 5 == 4

    @property
    def chosen(self) -> np.ndarray:
        """Training blocks by which settings are chosen."""
        return self.block % 5 == 1


def spike_times(path: str) -> Iterator[np.ndarray]:
    """Seconds, of each unit that has spikes. MATLAB's cells are arrays in arrays, units records."""
    waiting = [loadmat(path)["spikes"]]
    while waiting:
        found = waiting.pop(0)
        if found.dtype.names:
            yield from (one["time"].ravel() for one in found.ravel() if one["time"].size)
        elif found.dtype == object:
            waiting = [*found.ravel(), *waiting]


def track(path: str) -> tuple[np.ndarray, np.ndarray]:
    """Seconds, and pixels [time 2]."""
    content = gzip.decompress(Path(path).read_bytes()) if path.endswith(".gz") else Path(path).read_bytes()
    rows = np.frombuffer(content.partition(b"<End settings>\n")[2], np.dtype(FIELDS))
    return rows["time"] / CLOCK, np.stack([rows["x"], rows["y"]], 1).astype(float)


def session(spikes: str, position: str) -> Session:
    seconds, pixels = track(position)
    units = list(spike_times(spikes))
    start, end = min(one[0] for one in units), seconds[-1]
    trials = int((end - start) / (BIN * TIMES))
    edges = start + BIN * np.arange(trials * TIMES + 1)
    kept = [one for one in units if len(one) / (end - start) < FASTEST]
    counts = np.stack([np.histogram(one, edges)[0] for one in kept], 1)
    place = np.stack([np.interp(edges[:-1] + BIN / 2, seconds, axis) for axis in pixels.T], 1)
    return Session(counts, place, np.repeat(np.arange(trials) * BLOCKS // trials, TIMES))


def held_out(counts: np.ndarray) -> np.ndarray:
    """Each fifth unit, in the order of rates."""
    found = np.zeros(counts.shape[1], bool)
    found[np.argsort(counts.sum(0))[2::5]] = True
    return found


def bits_per_spike(features: Features, counts: np.ndarray, penalty: float, fit: np.ndarray, judge: np.ndarray) -> float:
    """Of a Poisson regression: log likelihood above that of the mean rates, by the number of spikes, in bits."""
    scaler = StandardScaler().fit(features[fit])
    known, asked, truth = scaler.transform(features[fit]), scaler.transform(features[judge]), counts[judge]
    models = (PoissonRegressor(alpha=penalty, max_iter=300).fit(known, unit) for unit in counts[fit].T)
    rates = np.stack([model.predict(asked) for model in models], 1).clip(1e-6)
    gain = xlogy(truth, rates / truth.mean(0)) - rates + truth.mean(0)
    return float(gain.sum() / truth.sum() / np.log(2))


def r2_of_place(features: Features, place: np.ndarray, penalty: float, fit: np.ndarray, judge: np.ndarray) -> float:
    scaler = StandardScaler().fit(features[fit])
    model = Ridge(alpha=penalty).fit(scaler.transform(features[fit]), place[fit])
    return float(model.score(scaler.transform(features[judge]), place[judge]))


def best(
    figure: Figure, candidates: Mapping[str, Features], asked: np.ndarray, penalties: tuple[float, ...], one: Session
) -> tuple[str, float]:
    """The candidate and penalty that are best on the blocks for choosing, and their figure on the test blocks."""
    rest = ~one.test & ~one.chosen
    pairs = list(product(candidates, penalties))
    name, penalty = max(pairs, key=lambda pair: figure(candidates[pair[0]], asked, pair[1], rest, one.chosen))
    return f"{name}, penalty {penalty:g}", figure(candidates[name], asked, penalty, ~one.test, one.test)


def smoothed(counts: np.ndarray) -> dict[str, Features]:
    """Smoothed counts and their logarithms, by width."""
    found = {width: gaussian_filter1d(counts.astype(float), width, axis=0) for width in WIDTHS}
    plain = {f"smoothed by {width:g} bins": one for width, one in found.items()}
    return plain | {f"{name}, logarithms": np.log(one + SMALL) for name, one in plain.items()}


def factors(folder: Path, counts: np.ndarray, test: np.ndarray, steps: int, seed: int) -> Features:
    """The model's factors of all times; it learns from those that aren't for the test."""
    trials = counts.reshape(-1, TIMES, counts.shape[1])
    np.savez(folder / "all.npz", spikes=trials)
    np.savez(folder / "train.npz", spikes=trials[~test[::TIMES]])
    np.savez(folder / "test.npz", spikes=trials[test[::TIMES]])
    sg.train(
        "arrays", folder / "train.npz", recipe="sequence-vae", folder=folder / f"run-{seed}", seed=seed, threads=1,
        settings={**SETTINGS, "beta": {"shape": "linear", "steps": steps // 2}},
        training={"steps": steps, "batch_size": 64},
    )  # fmt: skip
    found = sg.encode("arrays", folder / "all.npz", model=str(folder / f"run-{seed}"), threads=1).inferred["factors"]
    return found.reshape(len(counts), -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("spikes", help="spikes.mat")
    parser.add_argument("position", help="trajectory.videoPositionTracking, perhaps .gz")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0], help="of models; none for the smoothing alone")
    parser.add_argument("-o", dest="folder", default="maze", help="of tables and models; a killed training goes on")
    chosen = parser.parse_args()
    one, folder = session(chosen.spikes, chosen.position), Path(chosen.folder)
    folder.mkdir(parents=True, exist_ok=True)
    unseen = held_out(one.counts)
    given, asked = one.counts[:, ~unseen], one.counts[:, unseen]
    print(f"{given.shape[1]} units, {unseen.sum()} held out, {asked[one.test].sum()} spikes of these in the test")
    methods = {"smoothed spikes": smoothed(given)}
    for seed in chosen.seeds:
        methods[f"sequence-vae, seed {seed}"] = {"factors": factors(folder, given, one.test, chosen.steps, seed)}
    for name, candidates in methods.items():
        how, bits = best(bits_per_spike, candidates, asked, PENALTIES, one)
        print(f"{name}: {bits:.3f} bits per spike ({how})", flush=True)
        how, r2 = best(r2_of_place, candidates, one.place, RIDGES, one)
        print(f"{name}: R² of the position {r2:.3f} ({how})", flush=True)


if __name__ == "__main__":
    main()
