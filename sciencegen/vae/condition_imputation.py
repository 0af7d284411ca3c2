"""What isn't told of a condition, drawn under what is told, as data have it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.networks.descent import FitProgress, no_progress
from sciencegen.networks.normal import standard_normal
from sciencegen.vae.condition_correction import wished
from sciencegen.vae.flow_prior import FlowPrior, FlowSettings
from sciencegen.vae.normal_scores import NormalScores
from sciencegen.vae.prior_fitting import PriorFit, PriorFitSettings, fit_prior, steps_further

BLUR = 0.05
"""Noise on normal scores as the flow learns them: properties of which one follows from others have no density without
it."""
UNTOLD = 0.3
"""Share of conditions of which nothing is told as the flow learns."""
FEWEST = 500
"""Items whose condition is known whole, below which nothing is learned."""
FEWEST_MORE = 100
"""Below which a flow that is fitted doesn't go on."""
DRAWS = 50_000
"""From which the flow's own marginal distributions are learned."""

Condition = Float[Tensor, "batch property"]
Settle = Callable[[Condition, Condition], Condition]
"""(what is told, NaN elsewhere, a whole condition with it) -> that condition with what follows from others made so."""


class ConditionImputation(nn.Module):
    """A flow p(c | told) over the normal scores of whole conditions. Until it is fitted, what isn't told stays so."""

    fitted: Tensor

    def __init__(self, count: int, layers: int, width: int, settle: Settle | None = None) -> None:
        super().__init__()
        self.count, self.settle = count, settle
        self.marginals = NormalScores(count)
        self.flow = FlowPrior(count, count, FlowSettings(layers, width, transform="spline")) if count else None
        self.register_buffer("fitted", torch.tensor(False))

    def learn(
        self,
        conditions: Condition,
        generator: Generator,
        settings: PriorFitSettings,
        signs: Float[Tensor, "orientation property"] | None = None,
        progress: FitProgress = no_progress,
    ) -> PriorFit | None:
        """From the rows that are known whole; None where they are too few. settings.dropout: what of them is told.
        signs: of their columns in each orientation that they are seen in. A flow that is fitted goes on from what it
        is."""
        rows = conditions[~conditions.isnan().any(1)]
        if self.flow is None or len(rows) < (FEWEST_MORE if self.fitted else FEWEST):
            return None
        whole = rows if signs is None else torch.cat([rows * one for one in signs])
        steps = steps_further(len(rows), settings.steps) if self.fitted else settings.steps
        dropout = replace(settings.dropout, everything=UNTOLD)
        settings = replace(settings, steps=steps, dropout=dropout, anew=not bool(self.fitted))
        blur = torch.full_like(whole, math.log(BLUR))
        self.marginals.fit(whole)
        data = (self.marginals.to_scores(whole, generator), whole, generator)
        fit = fit_prior(self.flow, *data, log_std=blur, settings=settings, progress=progress)
        self.marginals.fit(whole, drawn_scores(self.flow, generator))
        self.fitted.fill_(True)
        return fit

    def forward(self, noise: Float[Tensor, "batch property"], told: Condition | None) -> Condition | None:
        """What is told, and of standard normal noise a draw of the rest."""
        if self.flow is None or not self.fitted:
            return told
        told = torch.full_like(noise, torch.nan) if told is None else told
        return self.obeyed(told, self.marginals.to_values(self.flow(noise, told)))

    def obeyed(self, told: Condition, found: Condition) -> Condition:
        """A condition as it is told, and what follows from that."""
        found = wished(told, found)
        return found if self.settle is None else self.settle(told, found)


@torch.no_grad()
def drawn_scores(flow: FlowPrior, generator: Generator) -> Float[Tensor, "draw property"]:
    """Draws of which nothing is told: nearly standard normal, so that `normal_scores` make up the rest."""
    like = torch.zeros(DRAWS, flow.latent_size, device=generator.device)
    noise = standard_normal(like.shape, generator, like)
    return flow(noise, torch.full_like(noise, torch.nan))
