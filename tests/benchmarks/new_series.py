"""Forecasts of hits for plates from whole series that the model didn't see, beside those without a discount.

    sciencegen datasets fetch molecules/moleculeace -o ligands
    python tests/benchmarks/new_series.py ligands/*.csv --molecules 400 --repeats 2 -o series.csv
    python tests/benchmarks/new_series.py fsmol_series.tsv.gz --molecules 260 --repeats 1 -o assays.csv

Of each target, some molecules are drawn, and whole series of them (a similarity of 0.4 or more to a common molecule)
left out until they are a quarter. A Gaussian process is fitted to the others, and picks 24 of those left out. The
forecast of their hits is compared with the hits found: as `propose` makes it; with the discount of a plate near the
measured molecules; with none; and by the share of hits among the measured molecules, the simplest baseline.

A table with the column `assay` (FS-Mol's series, with `minus_log10_molar`) is one of many targets: the assays of 110 to
700 molecules whose values differ, and have series enough to leave out some and learn from three others.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from sciencegen.domains.molecules import DOMAIN
from sciencegen.items import Refusal
from sciencegen.optimization.forecast import FEWEST_SERIES, default_threshold, forecast, misfit_of_plate, series_of
from sciencegen.optimization.plate import ByAcquisition, Candidates, PlateSettings
from sciencegen.optimization.posterior import PICKED, Measured, Misfit, fit_posterior
from tests.benchmarks.rows import write_rows

LEFT_OUT, LARGEST, PLATE = 0.25, 0.4, 24
VALUE, ASSAY_VALUE = "y [pEC50/pKi]", "minus_log10_molar"
FEWEST_HELD, LEAST_IN_SERIES = 16, 0.4
"""Molecules that are left out at least, and the share of the others that are in series."""


def targets(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """The name and table of each target in a file."""
    table = pd.read_csv(path, sep="\t" if ".tsv" in path.name else ",")
    if "assay" not in table:
        yield path.stem, table
        return
    for name, own in table.rename(columns={ASSAY_VALUE: VALUE}).groupby("assay"):
        values = own[VALUE]
        if 110 <= len(own) <= 700 and values.std() >= 0.5 and values.nunique() >= max(40, 0.3 * len(own)):
            yield str(name), own


def compare(target: str, table: pd.DataFrame, count: int, repeat: int) -> list[dict[str, object]]:
    """One row for each way of forecasting; none without enough series."""
    generator = np.random.default_rng([repeat, 7])
    table = table.sample(min(count, len(table)), random_state=repeat)
    items = [DOMAIN.items.parse(text) for text in table["smiles"]]
    known = [place for place, one in enumerate(items) if not isinstance(one, Refusal)]
    molecules, values = [items[place] for place in known], table[VALUE].to_numpy()[known]
    alike = np.asarray(DOMAIN.similarity.matrix(molecules, molecules))
    series, held = series_of(alike), list[int]()
    for number in generator.permutation(len(series)):
        if len(held) < LEFT_OUT * len(values) and len(series[number]) <= LARGEST * len(values):
            held += series[number].tolist()
    rest = np.setdiff1d(np.arange(len(values)), held)
    learned = series_of(alike[np.ix_(rest, rest)])
    if len(held) < FEWEST_HELD or len(learned) < FEWEST_SERIES or sum(map(len, learned)) < LEAST_IN_SERIES * len(rest):
        return []
    rows, without = DOMAIN.regression.features(molecules), np.full(len(rest), np.nan)
    posterior = fit_posterior(rows[rest], Measured(values[rest], without), generator, surrogate="gp", scale="linear")
    candidates = Candidates([molecules[place] for place in held], rows[held], np.ones(len(held)))
    size = min(PLATE, len(held) // 2)
    picks = ByAcquisition(posterior, rows[rest]).pick(
        candidates, size, PlateSettings(), generator, DOMAIN.similarity.matrix
    )
    picked = np.array(held)[picks]
    near = alike[np.ix_(picked, rest)]
    own = misfit_of_plate([], posterior, rows[rest], values[rest], alike[np.ix_(rest, rest)], near)
    hit = default_threshold(values[rest].tolist(), minimize=False)
    found, share = int((values[picked] >= hit).sum()), float((values[rest] >= hit).mean())
    made = []
    for way, misfit in (("propose", own), ("near", PICKED), ("none", Misfit())):
        told = forecast(
            rows[picked], posterior, values[rest].tolist(), np.random.default_rng(1), hit=hit, misfit=misfit
        )
        made.append((way, told.expected, told.lower, told.upper))
    low, high = np.quantile(generator.binomial(size, share, 10_000), [0.05, 0.95], method="inverted_cdf")
    made.append(("share of hits", share * size, int(low), int(high)))
    return [
        {"target": target, "repeat": repeat, "by": way, "items": size, "found": found, "expected": round(mean, 2),
         "lower": lower, "upper": upper, "inside": lower <= found <= upper}
        for way, mean, lower, upper in made
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--molecules", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, required=True)
    chosen = parser.parse_args()
    rows = list[dict[str, object]]()
    for target, own in (one for path in chosen.tables for one in targets(path)):
        for repeat in range(chosen.repeats):
            if made := compare(target, own, chosen.molecules, repeat):
                rows += made
                print(*made[0].values(), flush=True)
                write_rows(chosen.output, list(rows[0]), rows)
    table = pd.DataFrame(rows)
    for way, own in table.groupby("by", sort=False):
        print(f"{way}: {own['inside'].mean():.0%} inside; {own['expected'].sum():.1f} for {own['found'].sum()} found")


if __name__ == "__main__":
    main()
