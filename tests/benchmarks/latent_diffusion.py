"""A diffusion prior over the codes of the shipped molecule model, beside its flow prior.

    sciencegen datasets prepare molecules moses/train --full --limit 200000 -o moses-200k
    python tests/benchmarks/latent_diffusion.py --data moses-200k --steps 20000

Both are priors of z ~ q(z | x) over training molecules x. Printed is the cross entropy -E log p(z | c) in nats on
molecules that neither was fitted to, with and without conditions: exact for the flow, a bound for the diffusion; and
that of a Gaussian with their mean and covariance. Then 2,000 molecules that greedy decoding makes of draws from either.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from sciencegen.api.models.folder import load_model
from sciencegen.batch import Batch
from sciencegen.data.prepared import PreparedDataset
from sciencegen.diffusion.vectors import DiffusionPrior, VectorDiffusionSettings
from sciencegen.domains import load_domain
from sciencegen.items import Refusal
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae.flows import PriorFitSettings, fit_prior

ROWS = 256
DRAWN = 2_000


def batches(representation, texts: Sequence[str], values: np.ndarray) -> Iterator[Batch]:
    domain = load_domain("molecules")
    for start in range(0, len(texts), ROWS):
        arrays = representation.encode([domain.items.parse(text) for text in texts[start : start + ROWS]])
        good = [row for row, one in enumerate(arrays) if not isinstance(one, Refusal)]
        yield representation.batch([arrays[row] for row in good], values[start : start + ROWS][good])


def gaussian(fitted: torch.Tensor, held: torch.Tensor) -> float:
    law = torch.distributions.MultivariateNormal(fitted.mean(0), torch.cov(fitted.T))
    return float(-law.log_prob(held).mean())


def decoded(model, code: torch.Tensor) -> list[str]:
    """SMILES of codes, the decoder's noise at its median."""
    noise = torch.zeros(len(code), model.model.settings.length)
    centre = model.model.prior.inverse(code)
    latents = torch.cat([centre, noise], 1).numpy()
    return [text for text in model.space.decode(latents) if text]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a prepared folder of MOSES with a split 'train'")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--held", type=int, default=5_000)
    chosen = parser.parse_args()
    model = load_model("molecules", "molecules-language-model", "cpu")
    network, representation = model.model, model.representation
    prepared = PreparedDataset.load(chosen.data)
    texts, values = prepared.items("train"), prepared.values("train", representation.properties)
    order = np.random.default_rng(0).permutation(len(texts))
    started = time.perf_counter()
    with torch.no_grad():
        mean, log_std, condition = network.posteriors(batches(representation, texts.take(order), values[order]))
    print(f"{len(mean)} codes in {time.perf_counter() - started:.0f} s", flush=True)
    held, generator = slice(0, chosen.held), torch.Generator().manual_seed(0)
    noise = torch.randn(mean.shape, generator=generator)
    code = mean + log_std.exp() * noise
    print(f"Gaussian          {gaussian(code[chosen.held :], code[held]):.2f}")
    with torch.no_grad():
        for name, asked in (("free", None), ("conditioned", condition[held])):
            print(f"flow, {name:12} {-network.prior.log_prob(code[held], asked).mean():.2f}", flush=True)
    prior = DiffusionPrior(code.shape[1], condition.shape[1], VectorDiffusionSettings(chosen.width))
    settings = PriorFitSettings(
        steps=chosen.steps, batch=chosen.batch, dropout=ConditionDropout(0.5, 0.3), held_out=0.0
    )
    rows, started = slice(chosen.held, None), time.perf_counter()
    fit_prior(prior, mean[rows], condition[rows], generator, log_std=log_std[rows], settings=settings)
    print(f"{chosen.steps} steps in {time.perf_counter() - started:.0f} s")
    for name, asked in (("free", None), ("conditioned", condition[held])):
        print(f"diffusion, {name:12} {prior.cross_entropy(code[held], asked):.2f}", flush=True)
    from sciencegen.domains.molecules.metrics import evaluate

    draws = torch.randn(DRAWN, code.shape[1], generator=generator)
    with torch.no_grad():
        made = {"flow": network.prior(draws), "diffusion": prior(draws), "codes of molecules": code[held][:DRAWN]}
        for name, codes in made.items():
            found = decoded(model, codes)
            metrics = evaluate(found, "moses/test", None)
            shown = {key: round(metrics[key], 4) for key in ("unique", "fcd", "filters", "snn") if key in metrics}
            print(f"{name}: {len(found)} of {DRAWN} {shown}", flush=True)


if __name__ == "__main__":
    main()
