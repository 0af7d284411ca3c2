"""A learned prior of latent maps, for draws that follow the trained model's posteriors instead of N(0, I).

    du/dt = v(u, t; h, c),    u(0) ~ N(0, I),    u(1) ~ p(u | h, c)
    loss = E |v((1 - t) e + t u, t; h, c) - (u - e)|^2,    e ~ N(0, I), t ~ U(0, 1)

Flow matching along straight lines (Lipman et al. 2023, eq. 23; Liu et al. 2023, eq. 1). h are the decoder's
features above the map. A posterior's u is sparse and concentrated at knots of the image, unlike standard normal
numbers. A channel that the model does not use is N(0, I) and is not changed. The network also gets the map rotated by
180 degrees: the object in the middle of an image, such as a galaxy with its arms, is often symmetric under this
rotation, which convolutions alone hardly detect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.networks.descent import DescentSettings, FitProgress, descend, no_progress
from sciencegen.networks.normal import standard_normal
from sciencegen.networks.symmetry import ConditionKinds, SymmetricNorm, turned
from sciencegen.networks.unet import UNetDenoiser, UNetSettings

MAP, OPPOSITE, ABOVE = "map", "opposite", "above"
HALF_TURN = 2
"""Number of the rotation by 180 degrees among the elements of D4."""
NEAREST = 1e-3
"""Least distance of t from 0 and 1 in the network's input."""
MULTIPLIERS = (1, 2, 2)
"""Of the network's width, from the map's resolution to coarser ones."""
LEAST = 0.5
"""Least KL divergence from N(0, I) of a channel for which a flow is fitted: nats, summed over the map."""

Precision = Literal["float32", "bfloat16"]
Map = Float[Tensor, "batch channel y x"]
Above = Float[Tensor, "batch width y x"]
Condition = Float[Tensor, "batch property"] | None


class MapFlow(nn.Module):
    """shape: of the map. above: channels of the features above it. steps: of Heun's method, two evaluations each.

    active: [channel] 1 if the flow changes a channel, 0 if it leaves the channel as it is; all 0 before the fit.
    """

    active: Tensor

    def __init__(self, shape: Sequence[int], above: int, conditions: ConditionKinds, width: int, steps: int) -> None:
        super().__init__()
        channels, side, _ = shape
        levels = [multiplier for level, multiplier in enumerate(MULTIPLIERS) if side % 2**level == 0]
        settings = UNetSettings(width=width, multipliers=tuple(levels), patch=1, known=128)
        self.network = UNetDenoiser(MAP, shape, conditions, {OPPOSITE: channels, ABOVE: above}, settings)
        self.norm, self.steps = SymmetricNorm(above, (0,)), steps
        self.register_buffer("active", torch.zeros(channels, 1, 1))

    def velocity(self, u: Map, t: Float[Tensor, " batch"], above: Above, condition: Condition) -> Map:
        """The velocity v, 0 in inactive channels. The network gets t as the log ratio of signal and noise power."""
        seen, log_snr = self.active * u, 2 * torch.logit(t, eps=NEAREST)
        given = {MAP: seen, OPPOSITE: turned(seen, HALF_TURN), ABOVE: functional.silu(self.norm(above))}
        return self.active * self.network(given, log_snr, condition, None)[MAP].to(u)

    def loss(self, u: Map, above: Above, condition: Condition, generator: Generator) -> Tensor:
        """Squared error, summed over active channels, averaged over positions."""
        noise = standard_normal(u.shape, generator, u)
        t = torch.rand(len(u), generator=generator, device=generator.device).to(u)
        share = t[:, None, None, None]
        missed = self.velocity((1 - share) * noise + share * u, t, above, condition) - self.active * (u - noise)
        return missed.square().sum(1).mean()

    def forward(self, noise: Map, above: Above, condition: Condition) -> Map:
        """Standard normal noise to a map, by Heun's method with even steps in t; unchanged before the fit."""
        if not self.active.any():
            return noise
        u, step = noise, 1 / self.steps
        for number in range(self.steps):
            at = [torch.full_like(u[:, 0, 0, 0], min(1.0, (number + more) * step)) for more in (0, 1)]
            first = self.velocity(u, at[0], above, condition)
            second = self.velocity(u + step * first, at[1], above, condition)
            u = u + step * (first + second) / 2
        return u


def fit_map_flow(
    flow: MapFlow,
    draw: Callable[[int], tuple[Map, Above, Condition]],
    active: Bool[Tensor, " channel"],
    steps: int,
    generator: Generator,
    precision: Precision = "float32",
    progress: FitProgress = no_progress,
) -> list[float]:
    """Fit in place to what `draw(step)` gives: maps of a trained posterior, the features above them, the condition.
    Returns the losses of all steps. precision: of matrix products; bfloat16 is twice as fast on hardware with it."""
    flow.active.copy_(active[:, None, None])
    if not active.any():
        return []

    def loss(step: int) -> Tensor:
        u, above, condition = draw(step)
        with torch.autocast(u.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            return flow.loss(u, above, condition, generator)

    flow.train()
    losses = descend(flow.parameters(), loss, steps, DescentSettings(), progress)
    flow.eval()
    return losses
