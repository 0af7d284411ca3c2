"""Restored stamps: how often 90% intervals hold the truth of a simulation, and how real stamps agree with theirs.

    python -m tests.benchmarks.galaxy_restoration -n 150                                  # simulated, the shipped model
    python -m tests.benchmarks.galaxy_restoration --model runs/kids --data data/kids -n 100   # held-out real stamps

Simulated galaxies are those of the test split of the card `simulated`, from number 2,000,000 on. Of real stamps the
truth is unknown: their chi_squared tells whether only noise is left.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

import numpy as np
import torch

from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.api.survey import interval
from sciencegen.data.prepared import PreparedDataset
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.capabilities import Restored
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import measure
from sciencegen.domains.galaxies.survey import SurveySettings, simulate

NAMES = ("flux", "half_light_radius", "e1", "e2", "concentration", "asymmetry")
RELATIVE = {"flux", "half_light_radius"}
FIRST = 2_000_000
SPREAD = 4
"""Of the stamps in the picture, by brightness."""


def restored(model: LoadedModel, stamps: Sequence[Stamp], samples: int) -> list[Restored]:
    restoration = model.recipe.restoration
    assert restoration is not None
    found = []
    for number, stamp in enumerate(stamps):
        one = restoration.restore(model.model, model.representation, stamp, samples, number)
        assert isinstance(one, Restored), one.reason
        found.append(one)
    return found


def held(found: Sequence[Restored], twins: Sequence[Stamp]) -> dict[str, object]:
    """Of each property: the share of intervals that hold the truth and the standard error of all, the median width and
    the median of median less truth, relative for fluxes and radii; also of the fainter and the brighter half."""
    truth = measure(twins, NAMES)
    bounds = np.array([[interval(column) for column in measure(one.samples, NAMES).T] for one in found])
    unit = np.where([name in RELATIVE for name in NAMES], truth, 1.0)
    inside = (bounds[..., 1] <= truth) & (truth <= bounds[..., 2])
    order = np.argsort(truth[:, 0])
    halves = {"all": order, "faint": order[: len(order) // 2], "bright": order[len(order) // 2 :]}
    return {
        name: {
            "held": {half: round(float(inside[rows, place].mean()), 3) for half, rows in halves.items()},
            "error": round(float(np.sqrt(0.09 / len(order))), 3),
            "width": round(float(np.nanmedian((bounds[..., 2] - bounds[..., 1])[:, place] / unit[:, place])), 4),
            "bias": round(float(np.nanmedian((bounds[..., 0] - truth)[:, place] / unit[:, place])), 4),
        }
        for place, name in enumerate(NAMES)
    }


def draw(
    model: LoadedModel, stamps: Sequence[Stamp], found: Sequence[Restored], twins: Sequence[Stamp], path: str
) -> None:
    """Of five stamps, a column each: observed, the mean of the samples, a sample, and the truth if it is known."""
    shown = np.argsort([-float(one.image.sum()) for one in stamps])[: 5 * SPREAD : SPREAD]
    rows = [[stamps[n] for n in shown], [found[n].mean for n in shown], [found[n].samples[0] for n in shown]]
    names = ["observed", "restored", "a sample"]
    if twins:
        rows, names = [*rows, [twins[n] for n in shown]], [*names, "the truth"]
    items = [DOMAIN.items.text(one) for row in rows for one in row]
    captions = [name for name in names for _ in shown]
    model.space.draw(items, captions, columns=len(shown)).write(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="galaxies")
    parser.add_argument("--data", help="a prepared dataset of real stamps; default: simulated ones")
    parser.add_argument("--split", default="test")
    parser.add_argument("--samples", type=int, default=19)
    parser.add_argument("--picture", help="an .svg file: observed, restored, one sample and the truth of the brightest")
    parser.add_argument("--side", type=int, default=64, help="of simulated stamps, pixels")
    parser.add_argument("-n", type=int, default=150)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model, start = load_model("galaxies", given.model, "cpu", 1), time.process_time()
    if given.data:
        texts = PreparedDataset.load(given.data).items(given.split)
        parsed = [DOMAIN.items.parse(texts[row]) for row in evenly_spaced(len(texts), given.n)]
        stamps, twins = [one for one in parsed if isinstance(one, Stamp)], []
    else:
        made = list(simulate(SurveySettings("euclid", given.side), 0, FIRST, FIRST + given.n))
        stamps, twins = [one.observed for one in made], [one.twin for one in made]
    found = restored(model, stamps, given.samples)
    chi = np.array([one.agreement["chi_squared"] for one in found])
    result: dict[str, object] = {
        "stamps": len(found),
        "cpu_seconds_a_stamp": (time.process_time() - start) / len(found),
    }
    result["chi_squared"] = np.percentile(chi, [5, 50, 95]).round(3).tolist()
    result["resolution"] = np.percentile([one.agreement["resolution"] for one in found], [5, 50, 95]).round(3).tolist()
    print(json.dumps(result | (held(found, twins) if twins else {}), indent=1))
    if given.picture:
        draw(model, stamps, found, twins, given.picture)


if __name__ == "__main__":
    main()
