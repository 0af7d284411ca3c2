"""Densities of the missing columns of a row given any known ones, column by column."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import ResidualMLP
from sciencegen.networks.normal import LOG_2_PI

COMPONENTS = 12
"""Normal distributions in the mixture of each column."""
NARROWEST, WIDEST = math.log(0.02), 2.0
"""Limits of their log standard deviations."""
FURTHEST, HALVINGS = 8.0, 24
"""A quantile is searched for between -FURTHEST and FURTHEST by so many halvings of the interval."""
LEAST = 1e-6
"""Least probability of a quantile on either side."""

Row = Float[Tensor, "batch column"]
Mixture = tuple[Tensor, Tensor, Tensor]
"""Log weights, means and log standard deviations, each [... component]."""


class ArbitraryConditionals(nn.Module):
    """A density of the missing columns of a row, whichever are known.

        p(x | known) = prod over missing i of p(x_i | known, missing columns before i)

    One network predicts a mixture of normal distributions for every column from the columns that it is shown (ACE [1]_,
    here with a fixed order of columns). Fitted by `vae.prior_fitting.fit_prior` to rows that are nearly standardized.

    Parameters
    ----------
    count : int
        Number of columns.
    layers, width : int
        Residual blocks of the network, and the size of their layers.

    References
    ----------
    .. [1] Strauss & Oliva, "Arbitrary Conditional Distributions with Energy", NeurIPS 2021.

    Examples
    --------
    >>> import torch
    >>> from sciencegen.vae.arbitrary_conditionals import ArbitraryConditionals
    >>> density = ArbitraryConditionals(count=3, layers=1, width=8)
    >>> density(torch.zeros(2, 3), torch.tensor([[1.0, torch.nan, torch.nan]] * 2))[:, 0].tolist()
    [1.0, 1.0]
    """

    def __init__(self, count: int, layers: int, width: int) -> None:
        super().__init__()
        self.count = count
        self.network = ResidualMLP(2 * count, 3 * count * COMPONENTS, width, layers)
        with torch.no_grad():
            self.network.output.weight.mul_(0.1)
            means = self.network.output.bias.view(count, 3, COMPONENTS)[:, 1]
            means.copy_(torch.linspace(-2.0, 2.0, COMPONENTS).expand_as(means))

    def mixtures(self, shown: Row) -> Mixture:
        """The predicted mixture of each column; shown: NaN where a column isn't."""
        outputs = self.network(condition_features(shown, shown, self.count))
        logits, means, log_std = outputs.unflatten(-1, (self.count, 3, COMPONENTS)).unbind(-2)
        return logits.log_softmax(-1), means, log_std.clamp(NARROWEST, WIDEST)

    @torch.no_grad()
    def forward(self, noise: Row, known: Row) -> Row:
        """The known values, and draws of the missing ones: each is the quantile that the standard normal noise is of
        its own distribution. Without gradients."""
        values, missing = known.clone(), known.isnan()
        for column in missing.any(0).nonzero().flatten().tolist():
            mixture = tuple(part[:, column] for part in self.mixtures(values))
            drawn = _quantile(torch.special.ndtr(noise[:, column]).clamp(LEAST, 1 - LEAST), mixture)
            values[:, column] = torch.where(missing[:, column], drawn, known[:, column])
        return values

    def standardize(self, latents: Row) -> None:
        """Nothing: rows are nearly standardized."""

    def fit_loss(self, latent: Row, condition: Row | None, step: int, generator: Generator) -> Float[Tensor, ""]:
        """Mean of -log p(columns that aren't shown | shown), each by itself. Shown are those of the condition, and
        others before a random place."""
        shown = torch.zeros_like(latent, dtype=torch.bool) if condition is None else ~condition.isnan()
        before = torch.randint(self.count, (len(latent), 1), generator=generator, device=generator.device)
        shown = shown | (torch.arange(self.count, device=latent.device) < before.to(latent.device))
        return -(self._log_prob(latent, shown) * ~shown).sum(1).mean()

    def cross_entropy(self, latent: Row, condition: Row | None = None) -> float:
        """-E log p(x) of complete rows in nats, nothing known."""
        places = torch.arange(self.count, device=latent.device)
        each = [self._log_prob(latent, (places < column).expand_as(latent))[:, column] for column in range(self.count)]
        return -float(torch.stack(each).sum(0).mean())

    def _log_prob(self, values: Row, shown: Bool[Tensor, "batch column"]) -> Row:
        """Of each column, log p(x_i | shown columns)."""
        log_weights, means, log_std = self.mixtures(values.masked_fill(~shown, torch.nan))
        scaled = (values[..., None] - means) * (-log_std).exp()
        each = log_weights - 0.5 * (scaled.square() + LOG_2_PI) - log_std
        return each.logsumexp(-1)


def _quantile(probability: Float[Tensor, " batch"], mixture: tuple[Tensor, ...]) -> Float[Tensor, " batch"]:
    """The inverse of a mixture's cumulative distribution, by bisection."""
    log_weights, means, log_std = mixture
    low, high = (torch.full_like(probability, end) for end in (-FURTHEST, FURTHEST))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (log_weights.exp() * torch.special.ndtr((middle[:, None] - means) * (-log_std).exp())).sum(1)
        low, high = torch.where(below < probability, middle, low), torch.where(below < probability, high, middle)
    return (low + high) / 2
