"""Molecules in 3D under a quantum-chemical property, by the protocol of EDM (Hoogeboom et al. 2022, section 5.2).

    python tests/benchmarks/conditional_structures.py --data qm9-structures --judge judge --model graphs-second
    python tests/benchmarks/conditional_structures.py ... --model joint-second --selector selector --best 1 4 --steer 4

The generator has seen one half of QM9's training split (qm9/train_second), the judge, a network of structures, the
other (qm9/train_first). Targets are the property (and, for a model that draws a number of atoms, that number) of
molecules of the test split. One structure is drawn for each target, nothing is drawn again, and the judge reads the
property in its coordinates. Printed is its mean absolute error, beside the judge's on the test molecules themselves
(the lower bound) and on shuffled targets (the upper bound). --tries: draws of which a sequence model keeps the one that
it reads itself as nearest. --best: structures for each target, of which the selector, a predictor of the generator's
half, keeps the nearest. --steer: particles that the selector steers on their way (Feynman-Kac).

With `--judge xtb`, GFN2-xTB (tblite) reads gap and dipole instead of a network. It is another method than QM9's, so its
values are fitted to those of QM9 by a straight line on molecules of the training split; the error on the test molecules
themselves is then that of the fit.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from sciencegen.api.models.completion import draws
from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.api.predictors.folder import load_predictor
from sciencegen.batch import Batch
from sciencegen.data.prepared import PreparedDataset
from sciencegen.data.threads import inference_threads
from sciencegen.diffusion.samplers import noise_of
from sciencegen.diffusion.steering import Steering, sample_steered, uniform_of
from sciencegen.domains.molecules.geometry import Geometry, geometry_of
from sciencegen.domains.molecules.geometry_models import read_geometry
from sciencegen.domains.molecules.oracles import xtb_value
from sciencegen.items import Refusal
from sciencegen.latent.geometry import latent_noise

PROPERTIES = ("dipole", "polarizability", "cv", "homo", "lumo", "gap")
PUBLISHED = {"EDM": (1.12, 2.78, 1.07, 0.371, 0.601, 0.671), "UDM-3D": (0.60, 1.76, 0.55, 0.216, 0.247, 0.313)}
CHUNK = 512
FITTED = 1000
"""Training molecules that the line from xTB's values to QM9's is fitted to."""


def read(predictor: Any, items: Sequence[Any], name: str) -> np.ndarray:
    """[item] what the predictor reads in each structure, NaN for none."""
    good = [row for row, item in enumerate(items) if isinstance(item, Geometry)]
    values = np.full(len(items), np.nan)
    if good:
        values[good] = predictor.predict([items[row] for row in good])[name].mean
    return values


class Xtb:
    """GFN2-xTB's gap and dipole moment, fitted to QM9's by a straight line each on `FITTED` training molecules."""

    def __init__(self, prepared: PreparedDataset, names: Sequence[str]) -> None:
        self.lines = dict.fromkeys(names, (1.0, 0.0))
        items = [read_geometry(text) for text in prepared.items("train").take(np.arange(FITTED))]
        for name in names:
            asked = prepared.values("train", (name,))[: len(items), 0]
            found = self.predict(items)[name].mean
            known = np.isfinite(found)
            slope, offset = np.polyfit(found[known], asked[known], 1)
            self.lines[name] = (float(slope), float(offset))
            correlation = np.corrcoef(found[known], asked[known])[0, 1]
            print(f"{name:15} QM9 = {slope:.3f} xTB + {offset:.3f}, correlation {correlation:.3f}", flush=True)

    def predict(self, items: Sequence[Geometry]) -> dict[str, Any]:
        return {name: SimpleNamespace(mean=self._read(items, name)) for name in self.lines}

    def _read(self, items: Sequence[Geometry], name: str) -> np.ndarray:
        slope, offset = self.lines[name]
        values = np.full(len(items), np.nan)
        for row, item in enumerate(items):
            with suppress(RuntimeError, ValueError):  # its charges don't converge
                values[row] = slope * xtb_value(name, item) + offset
        return values


def from_graphs(
    model: LoadedModel, completing: LoadedModel, condition: np.ndarray, seed: int
) -> list[Geometry | Refusal]:
    """One graph, then one draw of its coordinates, for each row of the condition."""
    chunks = range(-(-len(condition) // CHUNK))
    noise = np.concatenate([latent_noise(seed, chunk, model.space.size) for chunk in chunks])[: len(condition)]
    items = model.space.generate_items(noise, condition)
    known = [Refusal("no molecule") if isinstance(one, Refusal) else None for one in items]
    given = completing.representation.given([one for one in items if not isinstance(one, Refusal)])
    found = iter(given)
    known = [one if isinstance(one, Refusal) else next(found) for one in known]
    made: list[Any] = list(known)
    rows = [row for row, one in enumerate(known) if not isinstance(one, Refusal)]
    for row, molecule in draws(completing, known, rows, seed):
        made[row] = molecule if isinstance(molecule, Refusal) else geometry_of(molecule)
    return made


def jointly(model: LoadedModel, counts: np.ndarray, condition: np.ndarray, seed: int) -> list[Geometry | Refusal]:
    """One draw of everything, of the given size, for each row of the condition."""
    made: list[Any] = []
    for chunk in range(-(-len(condition) // CHUNK)):
        rows = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        noise = torch.from_numpy(latent_noise(seed, chunk, model.space.size))[: len(counts[rows])]
        batch = model.model.generate_sized(noise, torch.from_numpy(counts[rows]), torch.from_numpy(condition[rows]))
        made += model.representation.geometries(batch)
    return made


def steered(
    model: LoadedModel, counts: np.ndarray, condition: np.ndarray, seed: int, count: int, reward: Any
) -> list[Geometry]:
    """The same with `count` particles for each row, steered; one of them is kept, by its weight."""
    made: list[Any] = [None] * len(counts)
    diffusion, state = model.model.diffusion, model.model.state
    for size in np.unique(counts):
        rows = np.flatnonzero(counts == size)
        generator = torch.Generator().manual_seed(seed * 1000 + int(size))
        asked = torch.from_numpy(condition[rows]).repeat_interleave(count, 0)
        like = Batch({name: torch.zeros(len(asked), *_cut(shape, size)) for name, shape in diffusion.shapes.items()})
        z = Batch(state.noise(like, generator), None, asked)
        steering = Steering(reward(rows, count), count, uniform_of(generator), every=STEER_EVERY)
        path, noise = diffusion.path(diffusion.settings.steps, z), noise_of(state, generator)
        with torch.no_grad():
            x = sample_steered(diffusion, state, z, path, noise, steering)
        kept = state.read(x.select(torch.arange(len(rows)) * count))
        mask = torch.ones(len(rows), int(size), dtype=torch.bool)
        for row, geometry in zip(rows, model.representation.geometries(Batch(kept.fields, mask)), strict=True):
            made[row] = geometry
    return made


def _cut(shape: Sequence[int], size: int) -> tuple[int, ...]:
    largest = shape[0]
    return tuple(int(size) if extent == largest else extent for extent in shape)


STEER_EVERY = 4
WIDTH = 0.1
"""Of the selector's reward, in standard deviations of the property: about how near steering tries to come."""


def nearest(made: Sequence[Sequence[Any]], readings: Sequence[np.ndarray], targets: np.ndarray) -> list[Any]:
    """Of several structures for each target the one that is read as nearest."""
    off = np.nan_to_num(np.abs(np.stack(readings) - targets), nan=np.inf)
    return [made[best][row] for row, best in enumerate(off.argmin(0))]


class Task:
    """One property: its targets, and the molecules that they are taken from."""

    def __init__(self, name: str, prepared: PreparedDataset, chosen: argparse.Namespace, judge: Any) -> None:
        rows = np.random.default_rng(chosen.seed).permutation(len(prepared.items("test")))[: chosen.n]
        self.name, self.judge, self.seed = name, judge, chosen.seed
        self.real = [read_geometry(text) for text in prepared.items("test").take(rows)]
        self.targets = prepared.values("test", (name,))[rows, 0]
        self.counts = np.array([len(one) for one in self.real])

    def condition(self, model: LoadedModel) -> np.ndarray:
        rows = [model.representation.condition({self.name: float(value)}) for value in self.targets]
        return np.stack(rows).astype(np.float32)

    def error(self, made: Sequence[Any]) -> tuple[float, float]:
        """Mean absolute error of those that the judge can read, and their share."""
        off = np.abs(read(self.judge, made, self.name) - self.targets)
        return float(np.nanmean(off)), float(np.isfinite(off).mean())

    def bounds(self) -> tuple[float, float]:
        readings = read(self.judge, self.real, self.name)
        shuffled = np.random.default_rng(0).permutation(self.targets)
        return float(np.mean(np.abs(readings - self.targets))), float(np.mean(np.abs(readings - shuffled)))


def reward_of(task: Task, model: LoadedModel, selector: Any) -> Any:
    """(rows, particles for each) -> a reward of structures on their way: -(reading - target)^2 / 2 width^2."""
    scale = WIDTH * float(task.targets.std())

    def for_rows(rows: np.ndarray, count: int) -> Any:
        targets = np.repeat(task.targets[rows], count)

        def reward(x: Batch) -> torch.Tensor:
            mask = torch.ones(x["positions"].shape[:2], dtype=torch.bool)
            geometries = model.representation.geometries(Batch(x.fields, mask))
            return torch.from_numpy(-0.5 * ((read(selector, geometries, task.name) - targets) / scale) ** 2).float()

        return reward

    return for_rows


def draw_once(task: Task, model: LoadedModel, completing: LoadedModel | None, seed: int) -> list[Any]:
    condition = task.condition(model)
    if completing is None:
        return jointly(model, task.counts, condition, seed)
    return from_graphs(model, completing, condition, seed)


def report(task: Task, what: str, made: Sequence[Any], started: float) -> None:
    error, share = task.error(made)
    seconds = time.perf_counter() - started
    print(f"{task.name:15} {what:28} {error:.4f}  read {share:.3f}  {seconds:.0f} s", flush=True)


def run(
    task: Task, model: LoadedModel, completing: LoadedModel | None, selector: Any, chosen: argparse.Namespace
) -> None:
    lower, upper = task.bounds()
    beside = "  ".join(f"{who} {values[PROPERTIES.index(task.name)]}" for who, values in PUBLISHED.items())
    print(f"{task.name:15} {'(bounds)':28} {lower:.4f} to {upper:.4f}  {beside}", flush=True)
    for tries in chosen.tries or [None]:
        started = time.perf_counter()
        if tries is not None:
            model.model.settings = replace(model.model.settings, tries=tries, near=0.0 if tries > 32 else 0.1)
        report(task, f"one draw, tries {tries}", draw_once(task, model, completing, task.seed), started)
    made: list[Any] = []
    readings: list[np.ndarray] = []
    started = time.perf_counter()
    for best in chosen.best:
        while len(made) < best:
            made.append(draw_once(task, model, completing, task.seed + len(made)))
            readings.append(read(selector, made[-1], task.name))
        report(task, f"best of {best}", nearest(made, readings, task.targets), started)
    for count in chosen.steer:
        started = time.perf_counter()
        reward = reward_of(task, model, selector)
        made = steered(model, task.counts, task.condition(model), task.seed, count, reward)
        report(task, f"steered, {count} particles", made, started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a prepared folder of structures with a split 'test'")
    parser.add_argument("--model", required=True)
    parser.add_argument("--complete", default="qm9-conformers", help="what gives graphs their coordinates")
    parser.add_argument("--judge", required=True, help="a predictor's folder, or xtb")
    parser.add_argument("--selector")
    parser.add_argument("--properties", default=",".join(PROPERTIES))
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--tries", type=int, nargs="*", default=[])
    parser.add_argument("--best", type=int, nargs="*", default=[])
    parser.add_argument("--steer", type=int, nargs="*", default=[])
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    threads = inference_threads(0)
    model = load_model("molecules", chosen.model, "cpu", threads)
    completing = None if model.recipe.form else load_model("molecules", chosen.complete, "cpu", threads)
    if chosen.guidance is not None:
        owner = model.model.diffusion if completing is None else model.model
        owner.settings = replace(owner.settings, guidance=chosen.guidance)
    prepared, names = PreparedDataset.load(chosen.data), chosen.properties.split(",")
    judge = Xtb(prepared, names) if chosen.judge == "xtb" else load_predictor("molecules", chosen.judge).predictor
    selector = load_predictor("molecules", chosen.selector).predictor if chosen.selector else None
    for name in names:
        run(Task(name, prepared, chosen, judge), model, completing, selector, chosen)


if __name__ == "__main__":
    main()
