"""Simulated stamps seen as a survey saw its own: half without PSF and noise, half with those of given stamps.

    python -m tests.benchmarks.survey_simulation --survey kids --side 40 --bands 4 --like data/kids -n 12000 \
        -o simulated.parquet
    sciencegen datasets prepare galaxies simulated.parquet -o data/simulated-kids

A model that is trained on them (`sciencegen train galaxies --data data/simulated-kids`) has learned from sharp
galaxies, and knows the PSFs, bands and noise of the survey: `train --from` then adapts it to the survey's stamps.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sciencegen.data.prepared import PreparedDataset
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import noise_correlation
from sciencegen.domains.galaxies.observation import observed
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.files import atomic_write


def simulated(settings: SurveySettings, like: Sequence[Stamp], count: int, seed: int) -> Iterator[dict[str, object]]:
    generator, correlation = np.random.default_rng(seed), noise_correlation(like)
    for number, one in enumerate(simulate(settings, seed, 0, count)):
        exposure = like[generator.integers(len(like))]
        stamp: object = replace(one.twin, bands=exposure.bands)
        if number % 2:
            twin = replace(one.twin, bands=exposure.bands)
            stamp = observed(twin, exposure.psf, exposure.variance, generator, correlation)
        if isinstance(stamp, Stamp):
            yield {"item": DOMAIN.items.text(stamp), "true_magnitude": one.truth["true_magnitude"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--survey", default="kids")
    parser.add_argument("--side", type=int, default=40)
    parser.add_argument("--bands", type=int, default=4)
    parser.add_argument("--like", required=True, help="a prepared dataset, whose training stamps give PSFs and noise")
    parser.add_argument("-n", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    parsed = [DOMAIN.items.parse(text) for text in PreparedDataset.load(given.like).items("train")]
    like = [one for one in parsed if isinstance(one, Stamp)]
    settings = SurveySettings(given.survey, given.side, given.bands)
    table = pd.DataFrame(simulated(settings, like, given.n, given.seed))
    with atomic_write(given.output, "wb") as file:
        table.to_parquet(file)


if __name__ == "__main__":
    main()
