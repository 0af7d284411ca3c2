"""A model of backbones with random weights and few steps, for laws that hold whatever it has learned."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from sciencegen.diffusion.sizes import SizedDiffusion
from sciencegen.domains.proteins.backbones import diffusion, representation
from sciencegen.domains.proteins.backbones.items import text
from sciencegen.domains.proteins.backbones.metrics import measure
from sciencegen.networks.residues import ResidueNetworkSettings
from tests.domains.proteins.backbones.examples import chains

SMALL = diffusion.BackboneDiffusionSettings(
    network=ResidueNetworkSettings(width=16, pair_width=8, layers=1, heads=2, radial=4, context=16),
    diffusion=replace(diffusion.BackboneDiffusionSettings().diffusion, steps=3, flow_steps=8),
)


@cache
def fitted() -> representation.BackboneRepresentation:
    """Of chains of 20 to 34 residues."""
    values = measure(chains(), diffusion.CONDITIONS)
    return representation.fit([text(one) for one in chains()], values, diffusion.CONDITIONS)


@cache
def tiny_model() -> SizedDiffusion:
    return random_model(pulls=0.003)


@torch.inference_mode(False)  # weights made in inference mode have no gradients
def random_model(pulls: float) -> SizedDiffusion:
    """pulls: standard deviation of the weights that move residues in ångström; the draws of large ones diverge."""
    torch.manual_seed(0)
    made = diffusion.backbone_diffusion(fitted(), SMALL)
    for name, parameter in made.named_parameters():
        torch.nn.init.normal_(parameter, std=pulls if ".pull_" in name or ".vectors.3" in name else 0.1)
    return made.eval()


def noise(rows: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, tiny_model().latent_size, generator=torch.Generator().manual_seed(seed))
