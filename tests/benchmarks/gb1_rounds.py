"""Design rounds on GB1's four sites (Wu et al. 2016): 96 variants at random, then 4 rounds of 96 by a method.

    python tests/benchmarks/gb1_rounds.py --methods campaign -o rounds.csv
    python tests/benchmarks/gb1_rounds.py --methods random moves latent --repeats 20

The landscape is the dataset gb1-four-sites, fetched on first use, unless a file is named.

Only the 149,361 measured variants can be asked. A line for each repeat: the best fitness found after each round as a
fraction of the global maximum, the share of each plate's measured values that lie in their 90% intervals, and the
seconds and CPU seconds (one thread) in which its slowest round was proposed.
Methods:

    campaign   the posterior of `sciencegen propose` over all variants, Thompson sampling; no generative model
    protein    the same, each variant written out as all 56 residues of the protein, as `propose` mostly reads them
    moves      the same, but over mutations and recombinations of the best, as where a pool can't be enumerated
    latent     moves, and the latent space of a VAE trained each round on what was measured: steps from the best, and
               draws under the condition of a high fitness
    one-hot    as campaign, the surrogate knowing nothing of the residues but which is which
    one-shot   384 variants at random, then the 96 of the greatest predicted mean
    random     480 variants at random

Repeats that a file holds already are not run again, so that the same command goes on where it was ended.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from time import perf_counter, process_time

import numpy as np
import torch
from scipy import stats

from sciencegen.domains.proteins.design import design_features
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.optimization.campaign import Plate, next_plate
from sciencegen.optimization.candidates import (
    CampaignSettings,
    CampaignSpace,
    CandidatePool,
    CandidateSources,
    exploration_at,
)
from sciencegen.optimization.feature_rows import SiteRows
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.plate import PlateSettings
from sciencegen.optimization.targets import one_target
from tests.benchmarks.dataset_files import dataset_file
from tests.benchmarks.latent_variants import LatentVariants

PLATE, ROUNDS = 96, 4
PROTEIN = "MQYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNG{}EWTYDDATKTFT{}TE"
"""With the sites 39 to 41, and 54."""
COLUMNS = (
    "method", "seed", *(f"round_{number}" for number in range(ROUNDS + 1)),
    *(f"held_{number}" for number in range(1, ROUNDS + 1)), "slowest_s", "slowest_cpu_s",
)  # fmt: skip


def read_landscape(path: Path) -> dict[str, float]:
    """Fitness by variant."""
    import pandas as pd

    table = pd.read_csv(path, usecols=["Variants", "Fitness"])
    return dict(zip(table["Variants"], table["Fitness"], strict=True))


def mutate(parents: Sequence[str], generator: np.random.Generator) -> list[str]:
    """One site of each set to any residue."""
    children = []
    for parent in parents:
        site = int(generator.integers(len(parent)))
        children.append(parent[:site] + ALPHABET[generator.integers(len(ALPHABET))] + parent[site + 1 :])
    return children


def recombine(parents: Sequence[str], generator: np.random.Generator) -> list[str]:
    """Each site from a parent or from another one."""
    others = generator.permutation(len(parents))
    taken = generator.random((len(parents), len(parents[0]))) < 0.5
    return [
        "".join(b if swap else a for a, b, swap in zip(parent, parents[other], row, strict=True))
        for parent, other, row in zip(parents, others, taken, strict=True)
    ]


def one_hot(variants: Sequence[str]) -> SiteRows:
    """Codes with letters that are all equally far from each other."""
    rows = design_features(variants)
    assert rows is not None
    return SiteRows(rows.codes, 0.7 * np.eye(len(ALPHABET)))


def whole(variants: Sequence[str]) -> SiteRows | None:
    return design_features([PROTEIN.format(variant[:3], variant[3]) for variant in variants])


FEATURES = {"one-hot": one_hot, "protein": whole}


def space_of(landscape: dict[str, float], method: str, latent: LatentVariants | None) -> CampaignSpace:
    moves = {"mutation": mutate, "recombination": recombine} if method in ("moves", "latent") else {}
    return CampaignSpace(
        key=str, features=FEATURES.get(method, design_features),
        similarity=lambda some, others: np.zeros((len(some), len(others))),
        accept=lambda variants: [variant in landscape for variant in variants],
        moves=moves | ({"latent": latent.near} if latent else {}),
        draws={"conditional": latent.draw} if latent else {},
    )  # fmt: skip


def propose(
    landscape: dict[str, float], known: Sequence[str], method: str, everything: CandidatePool, seed: int, number: int
) -> Plate:
    """The next plate, by keys of what the method may see: the fitness of `known` alone."""
    generator = np.random.default_rng((seed, number))
    if method == "random" or (method == "one-shot" and number < ROUNDS):
        rest = [variant for variant in everything.items if variant not in set(known)]
        items = [rest[place] for place in generator.permutation(len(rest))[:PLATE]]
        return Plate(items, [], {"value": np.full((3, PLATE), np.nan)}, len(rest))
    values = np.array([landscape[variant] for variant in known])
    latent = LatentVariants(known, values, generator) if method == "latent" else None
    measured = [Measurement(one, one, value, np.nan, 1, 0) for one, value in zip(known, values.tolist(), strict=True)]
    acquisition, exploration = "greedy" if method == "one-shot" else "thompson", exploration_at(number + 1, ROUNDS + 1)
    settings = CampaignSettings(PLATE, plate=PlateSettings(acquisition, exploration))
    pool = None if method in ("moves", "latent") else everything
    space, sources = space_of(landscape, method, latent), CandidateSources(pool)
    return next_plate(space, one_target(measured), [], settings, generator, sources)


def repeat(landscape: dict[str, float], method: str, everything: CandidatePool, seed: int) -> dict[str, float | str]:
    """One campaign; its first plate depends on the seed alone."""
    places = np.random.default_rng(seed).choice(len(landscape), PLATE, replace=False)
    known = [everything.items[place] for place in places]
    best, seconds, busy = [max(landscape[variant] for variant in known)], [0.0], [0.0]
    held = []
    for number in range(1, ROUNDS + 1):
        began, worked = perf_counter(), process_time()
        plate = propose(landscape, known, method, everything, seed, number)
        seconds.append(perf_counter() - began)
        busy.append(process_time() - worked)
        assert len(plate.items) == PLATE == len(set(plate.items) - set(known))
        known += plate.items
        values = np.array([landscape[variant] for variant in plate.items])
        best.append(max(best[-1], values.max()))
        _, lower, upper = plate.predicted["value"]
        inside = (lower <= values) & (values <= upper)
        held.append(float("nan") if np.isnan(lower).any() else round(float(inside.mean()), 4))
    top = max(landscape.values())
    figures = (*(round(b / top, 6) for b in best), *held, round(max(seconds), 2), round(max(busy), 2))
    return dict(zip(COLUMNS, (method, seed, *figures), strict=True))


def report(rows: Sequence[dict], method: str) -> str:
    """Mean best after each round; of the last the mean's 95% interval (Student), and how many found the maximum."""
    curve = " ".join(f"{mean(float(row[f'round_{number}']) for row in rows):.3f}" for number in range(ROUNDS + 1))
    last = np.array([float(row[f"round_{ROUNDS}"]) for row in rows])
    half = stats.t.ppf(0.975, len(last) - 1) * last.std(ddof=1) / np.sqrt(len(last)) if len(last) > 1 else np.nan
    held = " ".join(f"{mean(float(row[f'held_{number}']) for row in rows):.0%}" for number in range(1, ROUNDS + 1))
    slowest, busy = (max(float(row[name]) for row in rows) for name in COLUMNS[-2:])
    return (
        f"{method}: {len(rows)} repeats, by round {curve}; at the end {last.mean():.3f} ({last.mean() - half:.3f} to "
        f"{last.mean() + half:.3f}), the maximum in {np.mean(last >= 1):.0%}; intervals held {held}; slowest "
        f"round {slowest:.1f} s, {busy:.1f} s of the CPU"
    )


METHODS = ("campaign", "protein", "moves", "latent", "one-hot", "one-shot", "random")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "landscape", nargs="?", default="gb1-four-sites",
        help="a dataset, or a table with the columns Variants and Fitness, zipped or not",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, default=Path("gb1_rounds.csv"), help="a line for each repeat")
    parser.add_argument("--methods", nargs="+", default=["campaign"], choices=METHODS)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the first repeat; the next takes the next")
    given = parser.parse_args()
    torch.set_num_threads(1)
    landscape = read_landscape(dataset_file(given.landscape))
    variants = list(landscape)
    everything = CandidatePool(variants, variants, np.ones(len(variants)))
    rows: list[dict] = []
    if given.output.exists():
        with given.output.open(newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        given.output.write_text(",".join(COLUMNS) + "\n")
    seeds = range(given.seed, given.seed + given.repeats)
    for method in given.methods:
        run = partial(repeat, landscape, method, everything)
        for seed in seeds:
            if any(row["method"] == method and int(row["seed"]) == seed for row in rows):
                continue
            rows.append(run(seed))
            with given.output.open("a", newline="") as file:
                csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(rows[-1])
            done = [row for row in rows if row["method"] == method and int(row["seed"]) in seeds]
            print(report(done, method), flush=True)


if __name__ == "__main__":
    main()
