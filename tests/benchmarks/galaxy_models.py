"""Models of galaxies beside each other: draws as a survey sees them, of which nothing is asked.

    python tests/benchmarks/galaxy_models.py galaxies galaxies-diffusion -n 1000

Each model's draws beside as many stamps of the test split of the card `simulated` (made, not fetched: `sciencegen
datasets fetch galaxies/simulated`), both with PSF and noise; a model that makes neither gets those of training stamps.
Said are the distances of `galaxy_diffusion.py`, the squared Fréchet distance of scattering coefficients beside that of
two halves of the test stamps, and CPU seconds a draw on one thread. A variational autoencoder stands there twice: also
without the priors that were fitted to it, latents from N(0, I) and nothing told.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace

import torch

from sciencegen.api.models.folder import LoadedModel, load_model, recipe_settings
from sciencegen.domains.galaxies.metrics import as_observed, morphology, morphology_distance
from sciencegen.vae.image_vae import ImageVAE
from tests.benchmarks.galaxy_diffusion import distances
from tests.benchmarks.galaxy_images import drawn, held_out


def without_priors(model: LoadedModel) -> LoadedModel:
    """The same autoencoder, all of whose latents are drawn from N(0, I): a fresh one with its networks."""
    settings = recipe_settings(model.recipe, model.config["settings"])
    bare = model.recipe.build(model.representation, settings).eval()
    bare.networks = model.model.networks
    return replace(model, model=bare)


def compared(model: LoadedModel, stamps: list, seed: int) -> dict:
    start = time.process_time()
    made = [one for one in drawn(model, len(stamps), None, seed) if one is not None]
    seconds = (time.process_time() - start) / len(stamps)
    seen, _ = as_observed(made, stamps)
    found, whole = distances(seen, stamps), morphology_distance(morphology(seen), morphology(stamps))
    if whole is not None:
        found |= {"frechet": whole.frechet, "frechet_of_two_halves": whole.halves}
    return found | {"cpu_seconds_a_draw": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="shipped names or run folders")
    parser.add_argument("-n", type=int, default=1000, help="of each side")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    stamps, _ = held_out(given.n, sample=False)
    for name in given.models:
        model = load_model("galaxies", name, "cpu", 1)
        beside = {f"{name}, without priors": without_priors(model)} if isinstance(model.model, ImageVAE) else {}
        for named, one in {**beside, name: model}.items():
            print(json.dumps({"model": named, **compared(one, stamps, given.seed)}, indent=1), flush=True)


if __name__ == "__main__":
    main()
