"""A learned prior of latent maps: draws of a trained ladder's maps as its posteriors have them, not as N(0, I).

    du/dt = v(u, t; h, c),    u(0) ~ N(0, I),    u(1) ~ p(u | h, c)
    loss = E |v((1 - t) e + t u, t; h, c) - (u - e)|^2,    e ~ N(0, I), t ~ U(0, 1)

Flow matching along straight lines (Lipman et al. 2023, eq. 23; Liu et al. 2023, eq. 1). h is what the ladder knows
above the map: a posterior's u is sparse and clumped where knots are, which standard normal numbers aren't. A channel
that the ladder has no use for is N(0, I) and stays it. Each place hears the one opposite to it: what stands in the
middle of its image, such as a galaxy with its arms, often is its own turn by 180 degrees, which convolutions alone
hardly see.
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
"""Of the elements of D4."""
NEAREST = 1e-3
"""Of t to 0 and 1, as the network is told it."""
MULTIPLIERS = (1, 2, 2)
"""Of the network's width, from the map's own places to ever coarser ones."""
LEAST = 0.5
"""Nats that a channel's posterior must be from N(0, I), summed over the map, to be worth a flow."""

Precision = Literal["float32", "bfloat16"]
Map = Float[Tensor, "batch channel y x"]
Above = Float[Tensor, "batch width y x"]
Condition = Float[Tensor, "batch property"] | None


class MapFlow(nn.Module):
    """shape: of the map. above: channels of what is known above it. steps: of Heun's method, two evaluations each.

    active: [channel] 1 where the flow moves a channel, 0 where the channel is left as it is; none until it is fitted.
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
        """v, told t as the log of the signal's power over the noise's; 0 of channels that aren't active."""
        seen, told = self.active * u, 2 * torch.logit(t, eps=NEAREST)
        given = {MAP: seen, OPPOSITE: turned(seen, HALF_TURN), ABOVE: functional.silu(self.norm(above))}
        return self.active * self.network(given, told, condition, None)[MAP].to(u)

    def loss(self, u: Map, above: Above, condition: Condition, generator: Generator) -> Tensor:
        """Summed over active channels, averaged over places."""
        noise = standard_normal(u.shape, generator, u)
        t = torch.rand(len(u), generator=generator, device=generator.device).to(u)
        share = t[:, None, None, None]
        missed = self.velocity((1 - share) * noise + share * u, t, above, condition) - self.active * (u - noise)
        return missed.square().sum(1).mean()

    def forward(self, noise: Map, above: Above, condition: Condition) -> Map:
        """Standard normal noise to a map; as it is until the flow is fitted. Heun's method, evenly spaced in t."""
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
    """Fit in place to what `draw(step)` gives: maps of a trained posterior, what is known above them, what was told.
    The losses of all steps. precision: of the network's products; bfloat16 is twice as fast where a machine has it."""
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
