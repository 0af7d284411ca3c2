"""Replay design rounds on one protein measured at several values of a process parameter: what one model of all values
predicts, beside a model of each value alone and one that ignores the parameter.

    python tests/benchmarks/process_parameters.py ubiquitin.csv --wild-type MQIF... --parameter scan -o process.csv

The table has columns `mutant` or `smiles`, the parameter, and `value`. The first plate is random, later ones are picked
by the joint model. After each plate all three models are fitted to what was measured, and predict everything else: rank
correlation and root mean squared error at each value of the parameter (in standard deviations there), their means, the
mean log density and the coverage of 90% intervals.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from sciencegen.api.science import domain_of, reference_of, variants_of
from sciencegen.optimization.backtest import landscape_of
from sciencegen.optimization.candidates import CampaignSettings, CampaignSpace
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.normals import log_density, rank_correlation
from sciencegen.optimization.posterior import Measured, fit_posterior
from sciencegen.optimization.process import Parameter, Process, Run, lifted_space

MODELS = ("joint", "each alone", "ignored")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--wild-type", help="without it the table holds SMILES in `smiles`")
    parser.add_argument("--one-unit", action="store_true", help="values from the 5%% (0) to the 90%% quantile (1)")
    parser.add_argument("--parameter", required=True)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    table, science = pd.read_csv(given.table), domain_of("proteins" if given.wild_type else "molecules")
    if given.wild_type:
        names = variants_of(science).names(reference_of(science, given.wild_type))
        texts = [names.read(text)[1] for text in table["mutant"]]
    else:
        texts = table["smiles"]
    items = [science.items.parse(text) for text in texts]
    distinct = {science.items.key(item): item for item in items}
    values, settings = table["value"].to_numpy(float, copy=True), table[given.parameter].astype(str).to_numpy(object)
    levels = tuple(sorted(set(settings)))
    for level in levels if given.one_unit else ():
        low, high = np.quantile(values[settings == level], [0.05, 0.9])
        values[settings == level] = (values[settings == level] - low) / (high - low)
    process = Process((Parameter(given.parameter, levels),))

    def features(some) -> FeatureRows:
        if given.wild_type:
            return science.design.features(some, science.items.parse(given.wild_type))
        return science.regression.features(some)

    runs = [Run(distinct[science.items.key(item)], (one,)) for item, one in zip(items, settings, strict=True)]
    space = lifted_space(CampaignSpace(science.items.key, features, science.similarity.matrix), process)
    measured = [
        Measurement(run.item, run, value, np.nan, 1, 0, parameters=process.text(run.setting))
        for run, value in zip(runs, values, strict=True)
    ]
    landscape, plain, together = landscape_of(space, measured), features(items), space.features(runs)
    found = []
    for seed in range(given.seeds):
        known: list[int] = []
        for number in range(1, given.rounds + 1):
            generator = np.random.default_rng((seed, number))
            before = [replace(landscape.measured[place], round=number) for place in known]
            known += landscape.next_plate(before, CampaignSettings(given.batch), generator, number == 1).items
            rest = np.setdiff1d(np.arange(len(items)), known)
            for name in MODELS:
                mean, deviation, _inside = np.full(len(items), np.nan), np.full(len(items), np.nan), []
                parts = levels if name == "each alone" else [None]
                for part in parts:
                    own = [place for place in known if part is None or settings[place] == part]
                    asked = rest if part is None else rest[settings[rest] == part]
                    rows = together if name == "joint" else plain
                    generator = np.random.default_rng((seed, number, 1))
                    if len(own) < 3 or np.ptp(values[own]) == 0:
                        mean[asked], deviation[asked] = values[known].mean(), values[known].std()
                        continue
                    exact = Measured(values[own], np.full(len(own), np.nan))
                    model = fit_posterior(rows[own], exact, generator, scale="linear")
                    marginals = model.marginals(rows[asked])
                    median, low, high = model.interval(marginals.mean, marginals.deviation)
                    mean[asked], deviation[asked] = median, (high - low) / 2 / 1.6449
                line = {"seed": seed, "round": number, "measured": len(known), "model": name}
                for level in levels:
                    at = rest[settings[rest] == level]
                    line[f"correlation {level}"] = rank_correlation(values[at], mean[at])
                    line[f"error {level}"] = np.sqrt(np.square(values[at] - mean[at]).mean()) / values[at].std()
                line["correlation"] = np.mean([line[f"correlation {level}"] for level in levels])
                line["error"] = np.mean([line[f"error {level}"] for level in levels])
                line["log density"] = log_density(values[rest], mean[rest], deviation[rest]).mean()
                line["held"] = (np.abs(values[rest] - mean[rest]) <= 1.6449 * deviation[rest]).mean()
                found.append(line)
                print(
                    {name: one if isinstance(one, str) else round(float(one), 3) for name, one in line.items()},
                    flush=True,
                )
    frame = pd.DataFrame(found)
    frame.to_csv(given.output, index=False)
    print(
        frame.groupby(["round", "model"])[["correlation", "error", "log density", "held"]].agg(["mean", "std"]).round(3)
    )


if __name__ == "__main__":
    main()
