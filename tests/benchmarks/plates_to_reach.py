"""How often `propose --reach` holds: replayed campaigns, and the plates that they really took to a value.

    python -m tests.benchmarks.plates_to_reach proteins pab1.csv --rank 30 --batch 48 --rounds 4 --repeats 10

The value is that of the table's item of this rank. A line for each plate that follows a random first one, as long as
the value isn't reached and two plates or more are left: median and 90% interval of the plates that it was said to take,
and how many it took (none if the campaign ended before). If the value lies beyond the end of the model's scale, nothing
is said (`beyond`). The campaigns are those of `sciencegen backtest`.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from sciencegen.api.backtest import BacktestPlan, resolve_backtest
from sciencegen.api.propose import campaign_settings
from sciencegen.config import BacktestSettings
from sciencegen.data.threads import inference_threads
from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.candidate_sources import CandidateSources
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.misfit import PlateError, misfit_after, plate_error
from sciencegen.optimization.plates_needed import PlatesNeeded

COLUMNS = ("repeat", "round", "median", "lower", "upper", "took", "left", "beyond")


def said_of(plan: BacktestPlan, value: float, repeat: int) -> Iterator[tuple[int, PlatesNeeded | None, bool]]:
    """Number of each plate of one campaign, what it was said to take before, and whether it reaches the value."""
    landscape, settings_of = plan.pool.landscape, partial(campaign_settings, plan.request.plate)
    known, errors = list[Measurement](), list[PlateError]()
    for number in range(1, plan.settings.rounds + 1):
        settings = replace(settings_of(number), reach=value, misfit=misfit_after(errors))
        generator = np.random.default_rng((plan.settings.seed, repeat, number))
        plate = next_plate(landscape.space, known, [], settings, generator, CandidateSources(landscape.pool))
        found = [landscape.measured[place] for place in plate.items]
        known += found
        ends = [plate.predicted, plate.lower, plate.upper]
        error = plate_error([one.value for one in found], ends, settings.minimize)
        errors += [] if error is None else [error]
        yield number, plate.needed, any(one.is_hit(value, settings.minimize) for one in found)


def rows_of(plan: BacktestPlan, value: float, repeat: int) -> list[tuple[float, ...]]:
    """The lines of one campaign."""
    plates = list(said_of(plan, value, repeat))
    reached = next((number for number, _, reaches in plates if reaches), math.inf)
    return [
        (repeat, number, needed.median, needed.lower, needed.upper, reached - number + 1, len(plates) - number + 1,
         needed.beyond)
        for number, needed, _ in plates[:-1]
        if needed is not None and number <= reached
    ]  # fmt: skip


def held(row: Sequence[float]) -> bool:
    """Whether the interval holds the plates that it took; beyond the campaign's end, whether it reaches there."""
    _, _, _, lower, upper, took, left, _ = row
    return lower <= took <= upper if math.isfinite(took) else upper > left


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("domain")
    parser.add_argument("table")
    parser.add_argument("--rank", type=int, default=30, help="of the table's item whose value is to be reached")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--minimize", action="store_true")
    parser.add_argument("-o", "--output", default="plates.csv")
    given = parser.parse_args()
    inference_threads(1)
    settings = BacktestSettings(
        batch=given.batch, rounds=given.rounds, repeats=given.repeats, seed=given.seed, minimize=given.minimize
    )
    plan = resolve_backtest(given.domain, given.table, settings)
    values = sorted((one.value for one in plan.pool.landscape.measured), reverse=not given.minimize)
    rows: list[tuple[float, ...]] = []
    with open(given.output, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for repeat in range(1, given.repeats + 1):
            rows += (found := rows_of(plan, values[given.rank - 1], repeat))
            writer.writerows(found)
            file.flush()
    said = [row for row in rows if not row[-1]]
    open_ended = np.mean([math.isinf(row[4]) for row in said])
    print(f"{len(said)} statements, {len(rows) - len(said)} beyond the scale; "
          f"held {np.mean(list(map(held, said))):.0%}, without an upper end {open_ended:.0%}")  # fmt: skip


if __name__ == "__main__":
    main()
