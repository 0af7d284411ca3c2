"""How well a model of stamps finds odd ones, and whether brightness, noise or blur alone make one odd.

    python -m tests.benchmarks.galaxy_anomalies -n 300 --model galaxies
    python -m tests.benchmarks.galaxy_anomalies --model galaxies-kids --data data/kids

Galaxies of the test split of the card `simulated`, drawn anew with their noise-free twins, each untouched and in ways
that the simulation knows nothing of: another galaxy laid over it, a cosmic ray, a satellite's trail, a hot column; or
in its place, with its flux, PSF and noise, a galaxy of another population: a Sérsic cusp of index 8, a ring. Said are,
for `anomaly` and for the raw `log_likelihood`, the area under the curve by which each kind is told from the untouched
(1/2: not at all) and the rank correlation with the flux of untouched ones; the median and the 95th percentile of the
anomaly of untouched ones, and of the same galaxies under other noise and through a wider PSF; and stamps a second of
the process's own time, the draws beside which they are judged apart.

With `--data`, the untouched are real stamps of its test split. What is laid over one is a draw of the model, or a ray,
a trail or a column in one of its bands; no other populations, noise or PSF then.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter, shift
from scipy.stats import mannwhitneyu

from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.config import Resources
from sciencegen.data.observation import convolve
from sciencegen.data.prepared import PreparedDataset
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.observation import observed
from sciencegen.domains.galaxies.survey import Simulated, SurveySettings, simulate
from sciencegen.metrics.numbers import spearman
from tests.benchmarks.galaxy_images import drawn

FIRST = 2_000_000
"""Number of the test split's first galaxy."""
FINE = 8
"""Samples of a pixel along x and y, of profiles that are drawn here."""
Change = Callable[[Simulated, Simulated, np.random.Generator], Stamp]


def with_light(stamp: Stamp, light: np.ndarray) -> Stamp:
    return standardize(replace(stamp, image=stamp.image + light, source=""))


def in_a_band(one: Simulated, times: float, light: np.ndarray, generator: np.random.Generator) -> Stamp:
    """Light [y x] in one of the bands; times: in units of its noise."""
    stamp, bands = one.observed, len(one.observed.bands)
    band = generator.integers(bands) if bands > 1 else 0
    chosen = np.arange(bands)[:, None, None] == band
    return with_light(stamp, chosen * times * light * float(np.sqrt(stamp.variance[band].mean())))


def blend(one: Simulated, other: Simulated, generator: np.random.Generator) -> Stamp:
    """The other 6 to 20 pixels aside, through the PSF of this one."""
    seen = convolve(other.twin.image.astype(float), one.observed.psf.astype(float))
    radius, angle = generator.uniform(6, 20), generator.uniform(0, 2 * np.pi)
    aside = np.rint(radius * np.array([np.cos(angle), np.sin(angle)]))
    return with_light(one.observed, shift(seen, (0, *aside), order=0))


def line(side: int, generator: np.random.Generator, length: float, width: float) -> np.ndarray:
    """[y x] of peak 1, through a place near the middle. length, width (a standard deviation): pixels."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    (x0, y0), angle = generator.uniform(-0.4, 0.4, 2) * side, generator.uniform(0, np.pi)
    along = (x - x0) * np.cos(angle) + (y - y0) * np.sin(angle)
    across = (y - y0) * np.cos(angle) - (x - x0) * np.sin(angle)
    return np.exp(-0.5 * (across / width) ** 2) * (np.abs(along) <= length / 2)


def cosmic_ray(one: Simulated, other: Simulated, generator: np.random.Generator) -> Stamp:
    """3 to 12 pixels long, 5 to 30 times the noise; the PSF knows nothing of it."""
    streak = line(one.observed.side, generator, generator.uniform(3, 12), 0.5)
    return in_a_band(one, generator.uniform(5, 30), streak, generator)


def trail(one: Simulated, other: Simulated, generator: np.random.Generator) -> Stamp:
    times = generator.uniform(2, 5)
    return in_a_band(one, times, line(one.observed.side, generator, 1e3, 1.2), generator)


def hot_column(one: Simulated, other: Simulated, generator: np.random.Generator) -> Stamp:
    column = np.arange(one.observed.side) == generator.integers(one.observed.side)
    return in_a_band(one, generator.uniform(2, 5), column, generator)


def instead(one: Simulated, profile: Callable[[np.ndarray], np.ndarray], generator: np.random.Generator) -> Stamp:
    """A galaxy with this profile of the elliptical radius in pixels, and the flux, PSF and noise of the given one."""
    side, ratio, angle = one.observed.side, generator.uniform(0.4, 1), generator.uniform(0, np.pi)
    y, x = (np.mgrid[: FINE * side, : FINE * side] + 0.5) / FINE - side / 2
    major, minor = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    light = profile(np.hypot(major * ratio**0.5, minor / ratio**0.5)).reshape(side, FINE, side, FINE).sum((1, 3))
    twin = replace(one.twin, image=(one.twin.image.sum() * light / light.sum())[None])
    return observed(twin, one.observed.psf, one.observed.variance, generator)


def cusp(one: Simulated, other: Simulated, generator: np.random.Generator) -> Stamp:
    radius, index = generator.uniform(2, 6), 8
    steep = 2 * index - 1 / 3
    return instead(one, lambda r: np.exp(-steep * (np.maximum(r, 0.03) / radius) ** (1 / index)), generator)


def ring(one: Simulated, other: Simulated, generator: np.random.Generator) -> Stamp:
    radius, width = one.observed.side / 64 * generator.uniform(5, 12), generator.uniform(1, 2)
    middle = lambda r: 0.5 * np.exp(-0.5 * (r / 1.5) ** 2)  # noqa: E731
    return instead(one, lambda r: np.exp(-0.5 * ((r - radius) / width) ** 2) + middle(r), generator)


OVERLAID: dict[str, Change] = {"blend": blend, "cosmic ray": cosmic_ray, "trail": trail, "hot column": hot_column}
OTHERS: dict[str, Change] = {"cusp of index 8": cusp, "ring": ring}


def seen_otherwise(one: Simulated, noisier: float, wider: float, generator: np.random.Generator) -> Stamp:
    """noisier: of sigma. wider: pixels, of a Gaussian by which the PSF is blurred."""
    psf = gaussian_filter(np.pad(one.observed.psf.astype(float), 10), wider)
    return observed(one.twin, psf, one.observed.variance * noisier**2, generator)


OTHERWISE = {"half the noise": (0.5, 0), "twice": (2, 0), "four times": (4, 0), "a PSF twice as wide": (1, 1.3)}


def real(model: LoadedModel, data: str) -> list[Simulated]:
    """Stamps of the test split, those of the first half with themselves as twins, and as many draws of the model."""
    parsed = [DOMAIN.items.parse(text) for text in PreparedDataset.load(data).items("test")]
    stamps = [one for one in parsed if isinstance(one, Stamp)]
    draws = drawn(model, len(stamps), None, 0)
    pairs = [(stamp, draw) for stamp, draw in zip(stamps, draws, strict=True) if draw is not None]
    return [Simulated(stamp, stamp, {}) for stamp, _ in pairs] + [Simulated(*pair, {}) for pair in pairs]


def judged(
    model: LoadedModel, kinds: dict[str, list[Stamp]], flux: np.ndarray, changes: list[str]
) -> dict[str, dict[str, object]]:
    """What both scores tell of the kinds, by the name of the score. flux: of the untouched."""
    oracles, found = model.oracles, dict[str, dict[str, object]]()
    oracles["anomaly"].score(kinds["untouched"][:1])  # the draws
    for oracle, sign in (("log_likelihood", -1), ("anomaly", 1)):
        start = time.process_time()
        odd = {name: sign * np.array([one.value for one in oracles[oracle].score(kinds[name])]) for name in kinds}
        seconds, usual = time.process_time() - start, odd["untouched"]
        areas = {name: mannwhitneyu(odd[name], usual).statistic / len(flux) ** 2 for name in changes}
        others = [name for name in kinds if name not in changes]
        found[oracle] = {
            "area_under_curve": {name: round(float(area), 3) for name, area in areas.items()},
            "rank_correlation_with_flux": round(spearman(flux, usual), 3),
            "median_and_95th_percentile": {n: np.percentile(odd[n], [50, 95]).round(2).tolist() for n in others},
            "stamps_a_second": round(len(kinds) * len(flux) / seconds, 1),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="galaxies")
    parser.add_argument("-n", type=int, default=300, help="simulated stamps of each kind")
    parser.add_argument("--data", help="a prepared dataset of real stamps")
    given = parser.parse_args()
    model = open_model("galaxies", given.model, Resources(threads=1))
    if given.data:
        made, changes, otherwise = real(model, given.data), OVERLAID, {}
    else:
        settings = SurveySettings(side=model.representation.shape[-1])
        made = list(simulate(settings, 0, FIRST, FIRST + 2 * given.n))
        changes, otherwise = OVERLAID | OTHERS, OTHERWISE
    galaxies, others = made[: len(made) // 2], made[len(made) // 2 :]
    generator = np.random.default_rng(0)
    kinds = {"untouched": [one.observed for one in galaxies]}
    for name, change in changes.items():
        kinds[name] = [change(*pair, generator) for pair in zip(galaxies, others, strict=True)]
    for name, how in otherwise.items():
        kinds[name] = [seen_otherwise(one, *how, generator) for one in galaxies]
    flux = np.array([one.twin.image.sum() for one in galaxies])
    print(json.dumps(judged(model, kinds, flux, list(changes)), indent=1))


if __name__ == "__main__":
    main()
