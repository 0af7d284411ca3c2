"""How like held-out galaxies a model's are, and whether they are as asked for.

    python tests/benchmarks/galaxy_images.py --model galaxies -n 2000

The held-out galaxies are the test split of the card `simulated` (made, not fetched: `sciencegen datasets fetch
galaxies/simulated`). Both sides are measured without noise and PSF, by the same estimators. Said are: the mean of the
Wasserstein distances of ten statistics in standard deviations, beside that of two halves of the held-out ones; the area
under the curve of a classifier that tells the two sides by these statistics; the same of radial power spectra of stamps
as seen; and, under the conditions of held-out galaxies, by how much draws miss them: median absolute errors, relative
for flux and radius, of all and by thirds of each condition.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from itertools import islice

import numpy as np
from scipy.special import gammaincinv

from sciencegen.api.models.folder import load_model
from sciencegen.api.sources.tables import card_rows
from sciencegen.data.cards import load_card
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp, flux_of, parse_text
from sciencegen.domains.galaxies.measurements import measure
from sciencegen.domains.galaxies.metrics import STATISTICS
from sciencegen.domains.galaxies.survey import (
    SIDE_OVER_RADIUS,
    SMALLEST_RADIUS,
    Component,
    SurveySettings,
    binned,
    chosen_survey,
    draw_galaxy,
    draw_scene,
)
from sciencegen.items import Refusal
from sciencegen.latent.geometry import latent_noise
from sciencegen.metrics.images import log_spectra
from sciencegen.metrics.sets import classifier_auc, table_distance

CHUNK = 256
ASKED = ("flux", "half_light_radius", "e1", "e2")
RELATIVE = ("flux", "half_light_radius")


def held_out(count: int, sample: bool):
    """Stamps as seen, and the table of what was measured on their twins, by name."""
    rows = list(islice(card_rows(load_card("galaxies/simulated"), DOMAIN, sample, True)["test"], count))
    stamps = [parse_text(row.text) for row in rows]
    return stamps, {name: np.array([row.values.get(name, np.nan) for row in rows]) for name in rows[0].values}


def drawn(model, count: int, condition: np.ndarray | None, seed: int) -> list:
    """Noise-free stamps; None where a draw is none. condition: [item property], standardized."""
    found = []
    for number, start in enumerate(range(0, count, CHUNK)):
        rows = slice(start, min(start + CHUNK, count))
        noise = latent_noise(seed, number, model.space.size)[: rows.stop - start]
        batch = model.space.generate_batch(noise, None if condition is None else condition[rows])
        found += [None if isinstance(one, Refusal) else one for one in model.representation.decode(batch)]
    return found


def misses(asked: dict[str, np.ndarray], stamps: list) -> dict[str, list[float]]:
    """Median absolute miss of each condition, of all draws and of thirds by the asked value."""
    good = [row for row, stamp in enumerate(stamps) if stamp is not None]
    got = measure([stamps[row] for row in good], ASKED)
    made = {}
    for column, name in enumerate(ASKED):
        wanted = asked[name][good]
        error = np.abs(got[:, column] - wanted) / (wanted if name in RELATIVE else 1.0)
        thirds = np.array_split(np.argsort(wanted), 3)
        made[name] = [float(np.nanmedian(error)), *(float(np.nanmedian(error[part])) for part in thirds)]
    return made


def own_errors(count: int, seed: int) -> dict[str, dict[str, float]]:
    """The estimators' own: median absolute error on noise-free, PSF-free stamps of galaxies of one profile, whose
    numbers are known, by its kind. The ellipticity is that of the isophotes; the radius is that of the circle that
    holds half of the light, by integration; what lies outside of the stamp is missed of the flux."""
    settings = SurveySettings()
    survey, generator = chosen_survey(settings), np.random.default_rng(seed)
    radii, errors = (SMALLEST_RADIUS * survey.pixel_scale, settings.side * survey.pixel_scale / SIDE_OVER_RADIUS), {}
    for _ in range(count):
        galaxy = draw_galaxy(generator, survey.bright, survey.faint, (0.0,), radii)
        one = replace(max(galaxy.components, key=lambda component: component.share), share=1.0)
        alone = replace(galaxy, components=(one,), knots=None)
        image = binned(draw_scene(alone, survey, settings.side, generator.uniform(-0.5, 0.5, 2))).astype(np.float32)
        stamp = Stamp(image, survey.pixel_scale, None, np.zeros(1, np.float32), ("VIS",))
        found = dict(zip(ASKED, measure([stamp], ASKED)[0], strict=True))
        flux, radius = flux_of(galaxy.magnitudes[0]), half_light_circle(one)
        off = [found[name] / true - 1 for name, true in (("flux", flux), ("half_light_radius", radius))]
        off += [found["e1"] - one.g1, found["e2"] - one.g2]
        errors.setdefault(one.role, []).append(np.abs(off))
    return {role: dict(zip(ASKED, np.nanmedian(rows, 0).tolist(), strict=True)) for role, rows in errors.items()}


def half_light_circle(component: Component) -> float:
    """arcsec: R with half of the flux of an elliptical Sersic profile in the circle, dF = R dR times the profile's mean
    over angles at the elliptical radius R sqrt(q cos^2 + sin^2 / q)."""
    g, n = math.hypot(component.g1, component.g2), component.sersic_index
    q, b = (1 - g) / (1 + g), gammaincinv(2 * n, 0.5)
    angles = (np.arange(256) + 0.5) * np.pi / 512
    stretch = np.sqrt(q * np.cos(angles) ** 2 + np.sin(angles) ** 2 / q)
    log_radius = np.linspace(-9, 7, 4000)  # of R over the half-light radius
    profile = np.exp(-b * np.multiply.outer(np.exp(log_radius), stretch) ** (1 / n)).mean(1)
    flux = np.cumsum(np.exp(2 * log_radius) * profile)
    return component.half_light_radius * math.exp(np.interp(0.5, flux / flux[-1], log_radius))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="galaxies")
    parser.add_argument("-n", type=int, default=2000, help="of each side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sample", action="store_true", help="the committed sample alone")
    parser.add_argument("--unconditional", action="store_true", help="no draws under conditions")
    given = parser.parse_args()
    model = load_model("galaxies", given.model, "cpu", 1)
    stamps, known = held_out(given.n, given.sample)
    count, generator = len(stamps), np.random.default_rng(given.seed)
    real = np.stack([known[name] for name in STATISTICS], 1)

    free = [one for one in drawn(model, count, None, given.seed) if one is not None]
    table = measure(free, STATISTICS)
    distance = table_distance(table, real, generator)
    found = {
        "stamps": count,
        "wasserstein": distance.mean,
        "of_two_halves": distance.halves,
        "each": dict(zip(STATISTICS, distance.each.round(3).tolist(), strict=True)),
        "auc": classifier_auc(table, real, given.seed),
    }
    seen = model.representation.observation.instrument.observed(free, given.seed)
    floor = float(np.median([one.variance.mean() for one in stamps]))
    spectra = [log_spectra(np.stack([one.image[0] for one in side]), floor) for side in (seen, stamps)]
    of_spectra = table_distance(*spectra, generator)
    found |= {"spectra": of_spectra.mean, "spectra_of_two_halves": of_spectra.halves}

    if not given.unconditional:
        found |= fidelity(model, known, given)
    print(json.dumps(found, indent=1))


def fidelity(model, known: dict[str, np.ndarray], given: argparse.Namespace) -> dict:
    """Misses of draws under the conditions of held-out galaxies, and the estimators' own."""
    names, count, found = model.representation.properties, len(known[ASKED[0]]), {}
    values = np.stack([known[name] if name in ASKED else np.full(count, np.nan) for name in names], 1)
    asked, settings = model.representation.scaled(values), model.model.settings
    for name, corrections in (("missed_without_corrections", 0), ("missed", settings.corrections)):
        model.model.settings = replace(settings, corrections=corrections)
        found[name] = misses(known, drawn(model, count, asked, given.seed + 1))
    return found | {"own_errors_of_the_estimators": own_errors(min(count, 1000), given.seed)}


if __name__ == "__main__":
    main()
