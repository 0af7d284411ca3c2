"""Draws of a model of a survey's stamps beside held-out stamps, both with the survey's PSFs, noise and masks.

    sciencegen datasets prepare galaxies kids/ -o data/kids \
        --settings '{fractions: {train: 0.7, validation: 0.1, test: 0.2}, split_by: y, split_gap: 40}'
    sciencegen train galaxies --data data/kids --conditions mag_r,half_light_radius_px,axis_ratio -o runs/kids
    python -m tests.benchmarks.survey_stamps runs/kids --data data/kids --band r --sky

`kids/` holds a cube of stamps and its `stamps.yaml` (datasets/README.md). Each draw is seen with the PSF, the noise and
the mask of one held-out stamp. A model of observed stamps (`stamp-diffusion`) draws through them itself. Distances are
of ten statistics in the named band and of the colours between neighbouring bands in a circle of five pixels, beside
those of two halves of the held-out stamps; the classifier sees the same numbers. `--sky` subtracts the sky at the edge
of draws and of stamps, as `sky: edge` does for stamps that are read: noise that is wider than a stamp is then gone from
both. Bits per pixel are of stamps without
masked pixels.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.data.prepared import PreparedDataset
from sciencegen.diffusion.images import ObservedImageDiffusion
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.files import less_sky
from sciencegen.domains.galaxies.items import STEPS_PER_SIGMA, Stamp, magnitude, standardize
from sciencegen.domains.galaxies.measurements import measure
from sciencegen.domains.galaxies.metrics import STATISTICS
from sciencegen.domains.galaxies.observation import observed
from sciencegen.domains.likelihoods import CodesItems
from sciencegen.items import Refusal
from sciencegen.latent.geometry import latent_noise
from sciencegen.metrics.images import log_spectra
from sciencegen.metrics.sets import classifier_auc, table_distance
from sciencegen.scoring.oracles import ForwardModelOracle
from tests.benchmarks.galaxy_images import drawn

APERTURE = 5.0


def seen_like(
    made: Sequence[Stamp | None], stamps: Sequence[Stamp], seed: int, correlation: np.ndarray | None
) -> list[Stamp]:
    """Noise-free stamps as the survey would have seen them in the place of these, with its noise's correlation."""
    generator, found = np.random.default_rng(seed), []
    for one, like in zip(made, stamps, strict=True):
        seen = one and observed(replace(one, mask=like.mask), like.psf, like.variance, generator, correlation)
        if isinstance(seen, Stamp):
            found.append(seen)
    return found


def drawn_through(model: LoadedModel, stamps: Sequence[Stamp], seed: int, chunk: int = 64) -> list[Stamp]:
    """Draws of a model of observed stamps, given the PSF and the noise of these."""
    found: list[Stamp | Refusal] = []
    for number, start in enumerate(range(0, len(stamps), chunk)):
        like = model.representation.batch(model.representation.encode(stamps[start : start + chunk]))
        noise = torch.from_numpy(latent_noise(seed, number, model.model.latent_size)[: len(like)].copy())
        found += model.representation.decode(model.model.generate(noise, None, like=like))
    pairs = zip(found, stamps, strict=True)
    masked = [standardize(replace(one, mask=like.mask)) for one, like in pairs if isinstance(one, Stamp)]
    return [one for one in masked if isinstance(one, Stamp)]


def without_sky(stamps: Sequence[Stamp]) -> list[Stamp]:
    return [found for one in stamps if isinstance(found := less_sky(one), Stamp)]


def of_band(stamp: Stamp, band: int) -> Stamp:
    plane = slice(band, band + 1)
    return replace(
        stamp,
        image=stamp.image[plane],
        psf=stamp.psf_of(band),
        variance=stamp.variance[plane],
        bands=stamp.bands[plane],
    )


def colours(stamps: Sequence[Stamp]) -> np.ndarray:
    """[stamp colour] magnitudes of each band less those of the next, in a circle; NaN below no flux."""
    away = np.arange(stamps[0].side) - (stamps[0].side - 1) / 2
    inside = away**2 + away[:, None] ** 2 < APERTURE**2
    found = magnitude(np.stack([stamp.image[:, inside].sum(1, dtype=np.float64) for stamp in stamps]))
    return found[:, :-1] - found[:, 1:]


def table(stamps: Sequence[Stamp], band: int) -> np.ndarray:
    return np.concatenate([measure([of_band(one, band) for one in stamps], STATISTICS), colours(stamps)], 1)


def compared(made: Sequence[Stamp], stamps: Sequence[Stamp], band: int, seed: int) -> dict[str, object]:
    tables, generator = [table(side, band) for side in (made, stamps)], np.random.default_rng(seed)
    floor = float(np.median([one.variance[band].mean() for one in stamps]))
    spectra = [log_spectra(np.stack([one.image[band] for one in side]), floor) for side in (made, stamps)]
    distance, of_spectra = (table_distance(*pair, generator) for pair in (tables, spectra))
    names = (*STATISTICS, *(f"{a} - {b}" for a, b in itertools.pairwise(stamps[0].bands)))
    return {
        "stamps": len(made),
        "wasserstein": distance.mean,
        "of_two_halves": distance.halves,
        "ratio": distance.ratio,
        "each": dict(zip(names, distance.each.round(3).tolist(), strict=True)),
        "missing": dict(zip(names, distance.missing.round(3).tolist(), strict=True)),
        "auc": classifier_auc(*tables, seed),
        "spectra": of_spectra.mean,
        "spectra_of_two_halves": of_spectra.halves,
    }


def bits(model: LoadedModel, stamps: Sequence[Stamp], first: list[np.ndarray]) -> dict[str, object]:
    """Bits per pixel of stamps without masked pixels, rounded to sixteenths of their noise, and above its entropy, with
    standard errors over stamps; less the first model's, of the same stamps. first: keeps these."""
    oracle = model.oracles["log_likelihood"]
    assert isinstance(oracle, ForwardModelOracle)
    assert isinstance(oracle.oracle, CodesItems)
    known = oracle.oracle.code_lengths([one for one in stamps if one.mask is None])
    found = np.array([one.bits / one.values for one in known])
    first.append(found)
    beside, floor = found - first[0], math.log2(STEPS_PER_SIGMA * math.sqrt(2 * math.pi * math.e))
    error = len(found) ** -0.5
    return {
        "bits": len(found),
        "bits_per_pixel": f"{found.mean():.4f} +- {error * found.std():.4f}",
        "over_noise": float(found.mean() - floor),
        "less_the_first": f"{beside.mean():.4f} +- {error * beside.std():.4f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="shipped names or run folders")
    parser.add_argument("--data", required=True, help="a prepared dataset")
    parser.add_argument("--split", default="test")
    parser.add_argument("--band", default="r", help="whose statistics are compared")
    parser.add_argument("--sky", action="store_true", help="subtract the sky at the edge, as `sky: edge` does")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    parsed = [DOMAIN.items.parse(text) for text in PreparedDataset.load(given.data).items(given.split)]
    stamps = [one for one in parsed if not isinstance(one, Refusal)]
    band, first = stamps[0].bands.index(given.band), list[np.ndarray]()
    known = without_sky(stamps) if given.sky else stamps
    for name in given.models:
        model, start = load_model("galaxies", name, "cpu", 1), time.process_time()
        if isinstance(model.model, ObservedImageDiffusion):
            made = drawn_through(model, stamps, given.seed)
        else:
            instrument = model.representation.observation.instrument
            made = seen_like(drawn(model, len(stamps), None, given.seed), stamps, given.seed, instrument.correlation)
        found = {"model": name, "cpu_seconds_a_draw": (time.process_time() - start) / len(stamps)}
        made = without_sky(made) if given.sky else made
        found |= compared(made, known, band, given.seed) | bits(model, stamps, first)
        print(json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    main()
