"""Imputation of conditions: missing values are drawn given the known ones, from a distribution learned from data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.networks.descent import FitProgress, no_progress
from sciencegen.networks.normal import standard_normal
from sciencegen.vae.arbitrary_conditionals import ArbitraryConditionals
from sciencegen.vae.condition_correction import with_known
from sciencegen.vae.flow_prior import FlowPrior, FlowSettings
from sciencegen.vae.normal_scores import NormalScores
from sciencegen.vae.prior_fitting import GO_ON, PriorFit, PriorFitSettings, fit_prior, steps_further

BLUR = 0.05
"""Standard deviation of noise on the normal scores while the density is fitted: without it, properties that are
functions of others have none."""
NOTHING_KNOWN = 0.3
"""Share of training conditions in which every value is treated as missing."""
FEWEST = 500
"""Least number of complete conditions to fit a density."""
FEWEST_MORE = 100
"""Least number of complete conditions to continue the fit of a density."""
DRAWS = 20_000
"""Number of draws from which the density's own marginal distributions are estimated."""

Condition = Float[Tensor, "batch property"]
Settle = Callable[[Condition, Condition], Condition]
"""(known values, NaN elsewhere; a complete condition with them) -> that condition with dependent columns recomputed."""


class ConditionImputation(nn.Module):
    """A density p(c | known) of the normal scores of complete conditions. Before `learn`, nothing is imputed.

    Its class is `ArbitraryConditionals`; in a model that an earlier version has saved, a conditional flow.
    """

    fitted: Tensor
    flow: ArbitraryConditionals | FlowPrior | None

    def __init__(self, count: int, layers: int, width: int, settle: Settle | None = None) -> None:
        super().__init__()
        self.count, self.layers, self.width, self.settle = count, layers, width, settle
        self.marginals = NormalScores(count)
        self.flow = ArbitraryConditionals(count, layers, width) if count else None
        self.register_buffer("fitted", torch.tensor(False))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *others: Any) -> None:
        """The same as of any module; before, the density becomes a flow if the weights are a flow's."""
        if f"{prefix}flow.whitening.centre" in state_dict and not isinstance(self.flow, FlowPrior):
            settings = FlowSettings(self.layers, self.width, transform="spline")
            self.flow = FlowPrior(self.count, self.count, settings).to(self.marginals.knots)
        super()._load_from_state_dict(state_dict, prefix, *others)

    def learn(
        self,
        conditions: Condition,
        generator: Generator,
        settings: PriorFitSettings,
        signs: Float[Tensor, "orientation property"] | None = None,
        progress: FitProgress = no_progress,
    ) -> PriorFit | None:
        """Fit the density to the complete rows; None if they are too few. settings.dropout: which values are treated as
        missing, of each row some. signs: of each column in each orientation that an item may have. A fitted density
        continues from its weights."""
        rows = conditions[~conditions.isnan().any(1)]
        if self.flow is None or len(rows) < (FEWEST_MORE if self.fitted else FEWEST):
            return None
        whole = rows if signs is None else torch.cat([rows * one for one in signs])
        if self.fitted:
            steps = steps_further(len(rows), settings.steps)
            settings = replace(settings, steps=steps, learning_rate=GO_ON.learning_rate, anew=False)
        settings = replace(settings, dropout=replace(settings.dropout, some=1.0, everything=NOTHING_KNOWN))
        blur = torch.full_like(whole, math.log(BLUR))
        self.marginals.fit(whole)
        data = (self.marginals.to_scores(whole, generator), whole, generator)
        fit = fit_prior(self.flow, *data, log_std=blur, settings=settings, progress=progress)
        self.marginals.fit(whole, drawn_scores(self.flow, whole, generator))
        self.fitted.fill_(True)
        return fit

    def forward(self, noise: Float[Tensor, "batch property"], known: Condition | None) -> Condition | None:
        """The known values, and a draw of the missing ones from standard normal noise."""
        if self.flow is None or not self.fitted:
            return known
        known = torch.full_like(noise, torch.nan) if known is None else known.to(noise)
        given = known
        if not isinstance(self.flow, FlowPrior):
            given = self.marginals.to_scores(known.nan_to_num(0.0)).masked_fill(known.isnan(), torch.nan)
        return self.consistent(known, self.marginals.to_values(self.flow(noise, given)))

    def consistent(self, known: Condition, values: Condition) -> Condition:
        """The values, replaced by the known ones, with the columns that depend on these recomputed."""
        values = with_known(known, values)
        return values if self.settle is None else self.settle(known, values)


@torch.no_grad()
def drawn_scores(
    flow: ArbitraryConditionals | FlowPrior, conditions: Condition, generator: Generator
) -> Float[Tensor, "draw property"]:
    """Draws without known values: nearly standard normal, so that `NormalScores` can correct the difference."""
    like = conditions.new_zeros(DRAWS, conditions.shape[1])
    noise = standard_normal(like.shape, generator, like)
    return flow(noise, torch.full_like(noise, torch.nan))
