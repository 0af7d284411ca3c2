"""A learned prior of latent maps: draws of a trained ladder's maps as its posteriors have them, not as N(0, I).

    du/dt = v(u, t; h, c),    u(0) ~ N(0, I),    u(1) ~ p(u | h, c)
    loss = E |v((1 - t) e + t u, t; h, c) - (u - e)|^2,    e ~ N(0, I), t ~ U(0, 1)

Flow matching along straight lines (Lipman et al. 2023, eq. 23; Liu et al. 2023, eq. 1). h is what the ladder knows
above the map: a posterior's u is sparse and clumped where knots are, which standard normal numbers aren't.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.networks.descent import DescentSettings, descend
from sciencegen.networks.symmetry import ConditionKinds, SymmetricNorm
from sciencegen.networks.unet import UNetDenoiser, UNetSettings
from sciencegen.vae.gaussian import standard_normal

MAP, ABOVE = "map", "above"
NEAREST = 1e-3
"""Of t to 0 and 1, as the network is told it."""

Map = Float[Tensor, "batch channel y x"]
Above = Float[Tensor, "batch width y x"]
Condition = Float[Tensor, "batch property"] | None


class MapFlow(nn.Module):
    """shape: of the map. above: channels of what is known above it. steps: of Heun's method, two evaluations each."""

    fitted: Tensor

    def __init__(self, shape: Sequence[int], above: int, conditions: ConditionKinds, width: int, steps: int) -> None:
        super().__init__()
        settings = UNetSettings(width=width, multipliers=(1, 2), patch=1, known=128)
        self.network, self.steps = UNetDenoiser(MAP, shape, conditions, {ABOVE: above}, settings), steps
        self.norm = SymmetricNorm(above, (0,))
        self.register_buffer("fitted", torch.tensor(False))

    def velocity(self, u: Map, t: Float[Tensor, " batch"], above: Above, condition: Condition) -> Map:
        """v, told t as the log of the signal's power over the noise's."""
        told = 2 * torch.logit(t, eps=NEAREST)
        return self.network({MAP: u, ABOVE: functional.silu(self.norm(above))}, told, condition, None)[MAP]

    def loss(self, u: Map, above: Above, condition: Condition, generator: Generator) -> Tensor:
        noise = standard_normal(u.shape, generator, u)
        t = torch.rand(len(u), generator=generator, device=generator.device).to(u)
        share = t[:, None, None, None]
        return (self.velocity((1 - share) * noise + share * u, t, above, condition) - (u - noise)).square().mean()

    def forward(self, noise: Map, above: Above, condition: Condition) -> Map:
        """Standard normal noise to a map; as it is until the flow is fitted. Heun's method, evenly spaced in t."""
        if not self.fitted:
            return noise
        u, step = noise, 1 / self.steps
        for number in range(self.steps):
            at = [torch.full_like(u[:, 0, 0, 0], min(1.0, (number + more) * step)) for more in (0, 1)]
            first = self.velocity(u, at[0], above, condition)
            second = self.velocity(u + step * first, at[1], above, condition)
            u = u + step * (first + second) / 2
        return u


def fit_map_flow(
    flow: MapFlow, draw: Callable[[int], tuple[Map, Above, Condition]], steps: int, generator: Generator
) -> list[float]:
    """Fit in place to what `draw(step)` gives: maps of a trained posterior, what is known above them, what was told.
    The losses of all steps."""
    flow.train()
    losses = descend(flow.parameters(), lambda step: flow.loss(*draw(step), generator), steps, DescentSettings())
    flow.eval()
    flow.fitted.fill_(True)
    return losses
