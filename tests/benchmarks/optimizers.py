"""Loss against time of each optimizer on recipes of molecules, stamps and conformers, with equal tuning.

    python tests/benchmarks/optimizers.py run --minutes 5 -o optimizers.csv
    python tests/benchmarks/optimizers.py show optimizers.csv

`run` trains each recipe by each optimizer at `--factors` times the recipe's own learning rate (by default a third, one
and three times) for the same time: a step is timed first, and the schedule ends with the time. The datasets are the
committed samples of their cards; `--full` fetches the whole ones. The loss is that of held-out items with fixed noise,
at the end and after each tenth of the steps, with the settings that the loss has at the last step. Times are CPU
seconds of one thread without those of the evaluation, so that other work on the machine matters little. A row is
appended when its training has ended, and rows that are there are not trained again; the prepared data lie in
`optimizers.data`. `show` prints the best learning rate of each optimizer, its final loss, and how long it takes to the
loss with which AdamW ends.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pandas as pd
import torch

from sciencegen.api.models.data import (
    TrainingData,
    condition_names,
    fit_representation,
    open_prepared,
    read_training_data,
)
from sciencegen.api.models.identity import IDENTITY
from sciencegen.api.models.plan import Plan, make_plan, module_of
from sciencegen.batch import Batch
from sciencegen.config import TrainSettings
from sciencegen.runs import RunFolder
from sciencegen.training.settings import OPTIMIZERS, SCHEDULES
from sciencegen.training.train import train

RECIPES = {
    "smiles-vae": ("molecules", "moses"), "stamp-vae": ("galaxies", "simulated"), "conformers": ("molecules", "qm9"),
}  # fmt: skip
"""Recipe -> domain and dataset."""

FACTORS = (1 / 3, 1.0, 3.0)
"""Of the recipe's own learning rate."""

TENTHS = 10
TIMED = (10, 20)
"""A step is timed between these, so that the first ones and one of ten are counted as they are later."""

HELD_OUT = 256
KEY = ("recipe", "optimizer", "factor", "seed")


@dataclass(frozen=True)
class Task:
    """A recipe with its data. held_out: a batch of items that are not trained on, for the loss."""

    plan: Plan
    data: TrainingData
    held_out: Batch

    def model(self, seed: int) -> torch.nn.Module:
        torch.manual_seed(seed)
        return module_of(self.plan.recipe.build(self.data.representation, self.plan.network))


def read_task(recipe: str, full: bool, limit: int | None, folder: Path) -> Task:
    """Held out are the last items, which the batches of the training don't contain."""
    domain, data = RECIPES[recipe]
    chosen = TrainSettings(recipe=recipe, sample=not full, limit=limit, threads=1, device="cpu")
    plan, run = make_plan(domain, data, None, chosen), RunFolder(folder / recipe)
    run.write_json(IDENTITY, {"train": {}, "data": {"name": data}})  # the prepared data are those of this folder
    with open_prepared(domain, data, plan.preparing, run, True, print) as prepared:
        conditions = condition_names(prepared, plan.recipe, None, chosen)
        representation = fit_representation(prepared, plan.recipe, None, conditions)
        whole = read_training_data(prepared, plan.formed, plan.recipe, representation, 1, print)
    cut = len(whole.arrays) - min(HELD_OUT, len(whole.arrays) // 10)
    held_out = representation.batch(list(whole.arrays[cut:]), whole.values[cut:])
    kept = replace(whole, arrays=whole.arrays[:cut], values=whole.values[:cut], texts=())
    return Task(plan, kept, held_out)


def loss_of(model: torch.nn.Module, batch: Batch, step: int) -> float:
    """Of held-out items, at the settings that the loss has at this step."""
    model.eval()
    with torch.no_grad():
        terms = model.loss(batch, step, torch.Generator().manual_seed(0))
    model.train()
    return float(terms["loss"])


class Clock:
    """Batches that note the CPU time at which each was asked for, and call `at` before those of some steps."""

    def __init__(self, source: Callable[[int], Iterator[Batch]], at: dict[int, Callable[[], None]]) -> None:
        self.source, self.at, self.times, self.apart = source, at, list[float](), 0.0

    def __call__(self, step: int) -> Iterator[Batch]:
        for batch in self.source(step):
            start = time.process_time()
            if len(self.times) in self.at:
                self.at[len(self.times)]()
            self.apart += time.process_time() - start
            self.times.append(time.process_time() - self.apart)
            yield batch


def train_one(task: Task, given: argparse.Namespace, optimizer: str, factor: float) -> dict:
    usual, seed = task.plan.training, given.seed
    training = replace(
        usual, optimizer=optimizer, schedule=given.schedule, learning_rate=factor * usual.learning_rate, seed=seed,
        batch_size=given.batch_size or usual.batch_size, ema_decay=0.0, steps=TIMED[1] + 2,
        checkpoint_every=10**9, log_every=10**9,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(task.data.batches(training), {})
        train(task.model(seed), clock, training, Path(folder))
    second = (clock.times[TIMED[1]] - clock.times[TIMED[0]]) / (TIMED[1] - TIMED[0])
    steps = max(TENTHS, round(60 * given.minutes / second))
    training = replace(training, steps=steps, warmup_steps=min(usual.warmup_steps, steps // 10))
    model, losses = task.model(seed), list[float]()
    measure = lambda: losses.append(loss_of(model, task.held_out, steps))  # noqa: E731
    marks = [steps * tenth // TENTHS for tenth in range(1, TENTHS)]
    with tempfile.TemporaryDirectory() as folder:
        clock = Clock(task.data.batches(training), dict.fromkeys(marks, measure))
        train(model, clock, training, Path(folder))
    measure()
    spent = [clock.times[mark] - clock.times[0] for mark in marks] + [clock.times[-1] - clock.times[0]]
    return {
        "schedule": given.schedule, "learning_rate": training.learning_rate, "steps": steps,
        "ms_per_step": round(1000 * second, 2),
        **{f"seconds_{10 * n}": round(value, 2) for n, value in enumerate(spent, 1)},
        **{f"loss_{10 * n}": round(value, 5) for n, value in enumerate(losses, 1)},
    }  # fmt: skip


def run(given: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    done = set[tuple[str, ...]]()
    if given.output.exists():
        done = set(pd.read_csv(given.output, dtype=str)[list(KEY)].itertuples(index=False, name=None))
    folder = given.output.with_suffix(".data")
    for recipe in given.recipes:
        task = None
        for optimizer, factor in product(given.optimizers, given.factors):
            key = (recipe, optimizer, f"{factor:.3g}", str(given.seed))
            if key in done:
                continue
            task = task or read_task(recipe, given.full, given.limit, folder)
            row = train_one(task, given, optimizer, factor)
            append(given.output, dict(zip(KEY, key, strict=True)) | row)
            print(*key, row["steps"], "steps", row["ms_per_step"], "ms", row["loss_100"], flush=True)


def append(path: Path, row: dict) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def show(given: argparse.Namespace) -> None:
    rows = pd.read_csv(given.output)
    for recipe, of_recipe in rows.groupby("recipe", sort=False):
        best = of_recipe.loc[of_recipe.groupby("optimizer").loss_100.idxmin().dropna()]
        goal = best.loc[best.optimizer == "adamw", "loss_100"].min()
        print(f"\n{recipe}\n| optimizer | learning rate | ms a step | loss | seconds to AdamW's loss |")
        print("|---|---|---|---|---|")
        for row in best.sort_values("loss_100").to_dict("records"):
            reached = [row[f"seconds_{n}"] for n in range(10, 101, 10) if row[f"loss_{n}"] <= goal]
            seconds = f"{reached[0]:.0f} of {row['seconds_100']:.0f}" if reached else "not reached"
            print(
                f"| {row['optimizer']} | {row['learning_rate']:.2g} | {row['ms_per_step']:.1f} | {row['loss_100']:.4g} "
                f"| {seconds} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("run")
    one.add_argument("--minutes", type=float, default=1.0, help="CPU time of each training")
    one.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    one.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS))
    one.add_argument("--factors", nargs="+", type=float, default=list(FACTORS), help="of the recipe's learning rate")
    one.add_argument("--schedule", choices=SCHEDULES, default="cosine")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--full", action="store_true", help="the whole datasets, which are fetched")
    one.add_argument("--limit", type=int, help="rows of each split")
    one.add_argument("--batch-size", type=int, help="by default the recipe's")
    one.add_argument("-o", "--output", type=Path, required=True)
    one.set_defaults(call=run)
    other = commands.add_parser("show")
    other.add_argument("output", type=Path)
    other.set_defaults(call=show)
    given = parser.parse_args()
    given.call(given)


if __name__ == "__main__":
    main()
