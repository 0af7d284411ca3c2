"""How far off measurements of galaxies are: the estimators' own error, and predictors of stamps as seen.

    python tests/benchmarks/galaxy_measurements.py -n 2000 --predictor half_light_radius=runs/r50 --predictor e1=runs/e1

Without noise and PSF, of elliptical Sérsic profiles with known numbers: by how much the estimators that make the labels
differ from the flux and the half-light radius of the whole profile (a stamp cuts off its wings; half of an elliptical
galaxy's light is in a larger circle than one of the ellipse's area) and from the ellipticity of its isophotes. Of
stamps of the card's test split as seen: the median absolute error of each predictor beside that of the plain estimator
on the same stamp, both against what the estimator says of the noise-free twin, and how many of the predictor's
intervals hold it; by thirds of the signal-to-noise ratio too.
"""

from __future__ import annotations

import argparse
import json
from itertools import islice

import numpy as np

from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.sources.tables import card_rows
from sciencegen.data.cards import load_card
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.survey import Component, binned, draw_profile

SCALE, SIDE = 0.1, 64


def own_error(count: int, seed: int) -> dict[str, dict[str, list[float]]]:
    """Median absolute miss by Sérsic index; of flux and radius relative."""
    generator, found = np.random.default_rng(seed), {}
    for index in (0.5, 1.0, 2.0, 4.0):
        misses = []
        for _ in range(count):
            radius, g, angle = generator.uniform(0.2, 0.8), generator.uniform(0, 0.6), generator.uniform(0, np.pi)
            g1, g2 = g * np.cos(2 * angle), g * np.sin(2 * angle)
            drawn = draw_profile(
                Component("disc", index, radius, g1, g2, 1.0), SCALE, SIDE, generator.uniform(-0.5, 0.5, 2)
            )
            stamp = Stamp(1000 * binned(drawn[None]), SCALE, None, np.zeros(1), ("r",))
            flux, half, e1, e2 = DOMAIN.measure([stamp], ["flux", "half_light_radius", "e1", "e2"])[0]
            misses.append([flux / 1000 - 1, half / radius - 1, e1 - g1, e2 - g2])
        found[f"n = {index:g}"] = dict(zip(
            ("flux", "half_light_radius", "e1", "e2"), np.nanmedian(np.abs(misses), 0).round(5).tolist(), strict=True
        ))  # fmt: skip
    return found


def of_predictor(target: str, folder: str, stamps: list, truth: np.ndarray, noise: np.ndarray) -> dict:
    """errors: of all, and of thirds by rising signal-to-noise ratio."""
    scores = load_predictor("galaxies", folder).oracle(target).score(stamps)
    value, lower, upper = (np.array([getattr(s, part) for s in scores], float) for part in ("value", "lower", "upper"))
    plain = DOMAIN.measure(stamps, [target])[:, 0] if target in DOMAIN.properties else np.full(len(stamps), np.nan)
    known = np.isfinite(truth)
    thirds = np.array_split(np.flatnonzero(known)[np.argsort(noise[known])], 3)
    errors = lambda given: [  # noqa: E731
        float(np.nanmedian(np.abs(given - truth)[rows])) for rows in (np.flatnonzero(known), *thirds)
    ]
    holds = ((lower <= truth) & (truth <= upper))[known]
    return {
        "predictor": errors(value),
        "plain": errors(plain) if np.isfinite(plain).any() else None,
        "intervals_hold": float(holds.mean()),
        "interval_width": float(np.nanmedian(upper - lower)),
        "in_domain": float(np.mean([s.in_domain for s in scores])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictor", action="append", default=[], help="target=folder, repeatable")
    parser.add_argument("-n", type=int, default=2000, help="stamps of the test split")
    parser.add_argument("--profiles", type=int, default=100, help="of each Sérsic index")
    parser.add_argument("--sample", action="store_true", help="the committed sample alone")
    given = parser.parse_args()
    found: dict = {"own_error": own_error(given.profiles, 0)}
    if given.predictor:
        rows = list(islice(card_rows(load_card("galaxies/simulated"), DOMAIN, given.sample, True)["test"], given.n))
        stamps = [DOMAIN.items.parse(row.text) for row in rows]
        noise = DOMAIN.measure(stamps, ["signal_to_noise"])[:, 0]
        for one in given.predictor:
            target, _, folder = one.partition("=")
            truth = np.array([row.values.get(target, np.nan) for row in rows])
            found[target] = of_predictor(target, folder, stamps, truth, noise)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
