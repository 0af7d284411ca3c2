"""The region of a shipped model of galaxies: quantiles of its numbers on held-out stamps, written beside its weights.

    python -m tests.benchmarks.trained_region galaxies                       # simulated stamps, observed and noise-free
    python -m tests.benchmarks.trained_region galaxies-kids --data data/kids  # the test split of a prepared dataset

A training writes `region.json` itself; this writes that of weights that were trained earlier, and prints the share of
further held-out stamps that lie outside.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import torch

from sciencegen.api.models.folder import WEIGHTS, load_model
from sciencegen.api.models.region import REGION, load_region, region_of
from sciencegen.data.prepared import PreparedDataset
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.runs import RunFolder

FIRST = 3_000_000
"""Number of the first simulated galaxy: those of the validation split of `simulated-deep`."""


def simulated(first: int, count: int) -> list[Stamp]:
    """Stamps as the survey observes them, then the same without noise and PSF."""
    made = list(simulate(SurveySettings("euclid", 64), 0, first, first + count))
    return [one.observed for one in made] + [one.twin for one in made]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", help="a prepared dataset; default: simulated stamps")
    parser.add_argument("--split", default="test")
    parser.add_argument("-n", type=int, default=2000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model("galaxies", given.model, "cpu", 1)
    if given.data:
        texts = PreparedDataset.load(given.data).items(given.split)
        read = [DOMAIN.items.parse(texts[row]) for row in range(min(len(texts), given.n))]
        stamps, others = [one for one in read if isinstance(one, Stamp)], []
    else:
        stamps, others = simulated(FIRST, given.n), simulated(FIRST + given.n, given.n // 4)
    found = region_of(model.recipe, model.model, model.representation, model.sha256[WEIGHTS], stamps)
    assert found is not None
    RunFolder(model.folder).write_json(REGION, found)
    print(json.dumps(found, indent=1))
    region = load_region(model)
    assert region is not None
    if others:
        print("of further held-out stamps outside:", np.mean([bool(one) for one in region.outside(others)]))


if __name__ == "__main__":
    main()
