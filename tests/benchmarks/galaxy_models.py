"""Models of galaxies beside each other: draws as a survey sees them, of which nothing is asked.

    sciencegen train galaxies --recipe stamp-diffusion --data simulated -o runs/diffusion
    python tests/benchmarks/galaxy_models.py galaxies runs/diffusion -n 2000

Each model's draws beside as many stamps of the test split of the card `simulated` (made, not fetched: `sciencegen
datasets fetch galaxies/simulated`), both with PSF and noise; a model that makes neither gets those of training stamps.
Said are the mean of the Wasserstein distances of ten statistics in standard deviations and each of them, the area under
the curve of a classifier that tells the two sides by these, the distance of radial power spectra and of pixels in units
of the noise, and the squared Fréchet distance of scattering coefficients, each beside that of two halves of the test
stamps where it has one; and seconds a draw on one thread. A variational autoencoder stands there twice: also without
the priors that were fitted to it, latents from N(0, I) and nothing told.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from dataclasses import replace

import numpy as np
import torch
from galaxy_images import drawn, held_out
from torch import nn

from sciencegen.api.models import load_model
from sciencegen.domains.galaxies.metrics import STATISTICS, as_seen
from sciencegen.domains.galaxies.morphology import morphology, morphology_distance
from sciencegen.domains.galaxies.properties import measure
from sciencegen.metrics.spectra import log_spectra
from sciencegen.metrics.tables import classifier_auc, table_distance
from sciencegen.vae.flow_prior import FlowPrior
from sciencegen.vae.images import ImageVAE

LEVELS = (0.5, 5, 25, 50, 75, 90, 95, 98, 99, 99.5, 100)
"""Percentiles of a stamp's pixels."""


class Untransformed(nn.Module):
    """In the place of a fitted prior: a latent is what its noise is."""

    def forward(self, noise, *told):
        return noise

    inverse = forward


def without_priors(model):
    """The same autoencoder, all of whose latents are drawn from N(0, I)."""
    vae = copy.deepcopy(model.model)
    vae.prior = Untransformed()
    vae.wishes.fitted.fill_(False)
    for flow in vae.map_flows:
        flow.active.zero_()
    return replace(model, model=vae)


def compared(model, stamps, count: int, seed: int) -> dict:
    start, generator = time.process_time(), np.random.default_rng(seed)
    made = [one for one in drawn(model, count, None, seed) if one is not None]
    seconds = (time.process_time() - start) / count
    seen, _ = as_seen(made, stamps)
    pairs = [(group, np.stack([one.image[0] for one in group])) for group in (seen, stamps)]
    floor = float(np.median([one.variance.mean() for one in stamps]))
    statistics = [measure(group, STATISTICS) for group, _ in pairs]
    distance = table_distance(*statistics, generator)
    spectra = table_distance(*(log_spectra(images, floor) for _, images in pairs), generator)
    levels = [np.arcsinh(np.percentile(images / floor**0.5, LEVELS, axis=(1, 2))).T for _, images in pairs]
    pixels = table_distance(*levels, generator)
    whole = morphology_distance(*(morphology(group) for group, _ in pairs))
    return {
        "draws": len(made),
        "wasserstein": [distance.mean, distance.halves],
        "each": dict(zip(STATISTICS, distance.each.round(3).tolist(), strict=True)),
        "auc": classifier_auc(*statistics, seed),
        "spectra": [spectra.mean, spectra.halves],
        "pixels": [pixels.mean, pixels.halves],
        "frechet": None if whole is None else [whole.frechet, whole.halves],
        "cpu_seconds_a_draw": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="shipped names or run folders")
    parser.add_argument("-n", type=int, default=2000, help="of each side")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    stamps, _ = held_out(given.n, sample=False)
    for name in given.models:
        model = load_model("galaxies", name, "cpu", 1)
        if isinstance(model.model, ImageVAE) and isinstance(model.model.prior, FlowPrior):
            found = compared(without_priors(model), stamps, given.n, given.seed)
            print(json.dumps({"model": f"{name}, without priors", **found}, indent=1))
        print(json.dumps({"model": name, **compared(model, stamps, given.n, given.seed)}, indent=1), flush=True)


if __name__ == "__main__":
    main()
