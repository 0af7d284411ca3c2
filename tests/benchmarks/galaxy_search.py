"""Searches for galaxies in the latent space against draws, mutations, and a parametric simulator at equal calls.

    python -m tests.benchmarks.galaxy_search -o searched.csv --budget 300 --seeds 0 1 2

Each wish maximizes one measured property within limits of others. `evolution` is the search, `latent_evolution` its
moves of the latent alone, `prior` draws of the shipped model, `hill_climb` mutations of the best; the limits are
goals, or with `_where` conditions under which the model draws; `_typical` adds the goal of an anomaly of at most 1.4.
`sersic` is GalSim's Sérsic bulge and disc (Sérsic 1963; Rowe et al. 2015), whose twelve parameters are optimized by
CMA-ES (Hansen 2016) from the middle of the simulated population; the bulge may lie off the disc's centre, so that it
can be asymmetric. For each wish, seed and method: the mean of the ten best values within the limits, and the number
of images within them (`best`: how many there are, if fewer than ten). `anomaly` is the mean of these as the shipped
model judges them: of galaxies like those that it has learned from, one in twenty is above 1.4.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cma
import numpy as np
import torch

import sciencegen as sg
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp, flux_of
from sciencegen.domains.galaxies.measurements import measure
from sciencegen.domains.galaxies.survey import Component, binned, draw_profile
from tests.benchmarks.rows import write_rows

BEST, SIDE, SCALE, SPREAD = 10, 64, 0.1, 0.15
RARE = 1.4
PENALTY = 10.0
TOLD = "_where"
TYPICAL = "_typical"
METHODS = (
    "evolution", "latent_evolution", "prior", "hill_climb", "evolution_where", "latent_evolution_where",
    "prior_where", "hill_climb_where",
    f"evolution_where{TYPICAL}", "sersic",
)  # fmt: skip
POPULATION = 12
COLUMNS = ("wish", "seed", "method", "feasible", "best", "top_10", "anomaly")


@dataclass(frozen=True)
class Wish:
    """limits: of properties, low and high, and the unit in which a violation is measured."""

    maximized: str
    unit: float
    limits: Mapping[str, tuple[float, float]]

    @property
    def limit_texts(self) -> list[str]:
        return [f"{name} in {low}..{high}" for name, (low, high) in self.limits.items()]

    def values(self, stamps: Sequence[Stamp]) -> tuple[np.ndarray, np.ndarray]:
        """[stamp] each: the property, NaN where it can't be measured, and the violation of limits in their widths."""
        table = measure(stamps, [self.maximized, *self.limits])
        low, high = np.array(list(self.limits.values())).T
        outside = np.maximum(low - table[:, 1:], table[:, 1:] - high) / (high - low)
        return table[:, 0], np.nan_to_num(np.maximum(outside, 0), nan=1.0).sum(1)


WISHES = {
    "lopsided": Wish("asymmetry", 0.1, {"magnitude": (21.0, 22.0), "half_light_radius": (0.5, 0.7)}),
    "concentrated": Wish("concentration", 0.3, {"ellipticity": (0.3, 0.5), "half_light_radius": (0.4, 0.6)}),
    "uneven": Wish("gini", 0.05, {"magnitude": (20.5, 21.5), "half_light_radius": (0.6, 0.8)}),
}
PARAMETERS = {
    "magnitude": (19.5, 23.5), "bulge_share": (0.0, 1.0), "bulge_index": (1.0, 5.0), "disc_index": (0.5, 1.6),
    "bulge_radius": (0.1, 0.8), "disc_radius": (0.2, 1.0), "bulge_g1": (-0.5, 0.5), "bulge_g2": (-0.5, 0.5),
    "disc_g1": (-0.6, 0.6), "disc_g2": (-0.6, 0.6), "x": (-6.0, 6.0), "y": (-6.0, 6.0),
}  # fmt: skip
"""Limits of each. x, y: pixels of the bulge off the disc's centre. Radii: arcsec."""


def sersic_stamp(places: np.ndarray) -> Stamp:
    """A bulge and a disc; places: of each parameter between its limits, 0 to 1."""
    p = {
        name: low + place * (high - low) for place, (name, (low, high)) in zip(places, PARAMETERS.items(), strict=True)
    }
    image = np.zeros((2 * SIDE, 2 * SIDE))
    for role, share, offset in (
        ("bulge", p["bulge_share"], np.array([p["x"], p["y"]])),
        ("disc", 1 - p["bulge_share"], np.zeros(2)),
    ):
        index = round(p[f"{role}_index"], 1)
        one = Component(role, index, p[f"{role}_radius"], p[f"{role}_g1"], p[f"{role}_g2"], share)
        image += share * draw_profile(one, SCALE, SIDE, offset, steep=True)
    pixels = flux_of(p["magnitude"]) * binned(image[None]).astype(np.float32)
    return Stamp.of(pixels, SCALE, 0.0, bands=("VIS",))


def parametric(wish: Wish, budget: int, seed: int) -> list[Stamp]:
    """Stamps within the limits."""
    options = {"seed": seed + 1, "bounds": [0, 1], "verbose": -9, "popsize": POPULATION}
    strategy, found = cma.CMAEvolutionStrategy(np.full(len(PARAMETERS), 0.5), SPREAD, options), []
    for _ in range(budget // POPULATION):
        asked = strategy.ask()
        stamps = [sersic_stamp(places) for places in asked]
        values, outside = wish.values(stamps)
        strategy.tell(asked, np.nan_to_num(-values / wish.unit, nan=PENALTY) + PENALTY * outside)
        found += [stamp for stamp, one in zip(stamps, outside, strict=True) if not one]
    return found


def anomaly(texts: Sequence[str]) -> float:
    found = sg.score("galaxies", list(texts), "anomaly", model="galaxies", threads=1)
    return float(found.table["anomaly"].mean())


def best_of(wish: Wish, stamps: Sequence[Stamp]) -> dict[str, object]:
    values, outside = wish.values(stamps)
    good = [row for row in np.argsort(-values) if not outside[row] and math.isfinite(values[row])][:BEST]
    texts = [DOMAIN.items.text(stamps[row]) for row in good]
    top, odd = (float(values[good].mean()), anomaly(texts)) if good else (None, None)
    return {"best": len(good), "top_10": top, "anomaly": odd}


def run(wish_name: str, method: str, budget: int, seed: int) -> dict[str, object]:
    wish = WISHES[wish_name]
    if method == "sersic":
        return {"feasible": len(stamps := parametric(wish, budget, seed)), **best_of(wish, stamps)}
    typical, goals = method.endswith(TYPICAL), [f"maximize {wish.maximized}"]
    method = method.removesuffix(TYPICAL)
    told, goals = method.endswith(TOLD), [*goals, *([f"anomaly <= {RARE}"] if typical else [])]
    found = sg.optimize(
        "galaxies", goals if told else [*goals, *wish.limit_texts], where=wish.limit_texts if told else (),
        method=method.removesuffix(TOLD), budget=budget, n=BEST, seed=seed, maximum_similarity=1.0, threads=1,
    )  # fmt: skip
    stamps = [one for one in map(DOMAIN.items.parse, found.table["item"]) if isinstance(one, Stamp)]
    return {"feasible": int(found.scored["feasible"].sum()), **best_of(wish, stamps)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--budget", type=int, default=300, help="images of each method, wish and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--wishes", nargs="+", choices=WISHES, default=list(WISHES))
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed, name, method in itertools.product(given.seeds, given.wishes, given.methods):
        rows.append({"wish": name, "seed": seed, "method": method, **run(name, method, given.budget, seed)})
        print(rows[-1], flush=True)
    write_rows(given.output, COLUMNS, rows)


if __name__ == "__main__":
    main()
