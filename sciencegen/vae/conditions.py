"""Conditions of a model: imputed, inferred or corrected, and densities of missing columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.descent import FitProgress, no_progress
from sciencegen.networks.mlp import MLP, ResidualMLP
from sciencegen.networks.shared_noise import LOG_2_PI, standard_normal
from sciencegen.vae.flows import GO_ON, FlowPrior, FlowSettings, PriorFit, PriorFitSettings, fit_prior, steps_further
from sciencegen.vae.posteriors import DiagonalGaussian

# Adjust the condition given to a generator until the properties measured of its output are the requested ones.

LARGEST = 1.0
"""Largest change of a condition in one step, in standard deviations of the data."""
FLATTEST = 1e-2
"""Relative to the step: smaller changes of the measured properties are not used for an update."""

Condition = Float[Tensor, "batch property"]
Measure = Callable[[Tensor], Tensor]


def corrected(
    make: Callable[[Condition], Tensor],
    measure: Measure,
    target: Callable[[Condition], Condition],
    condition: Condition,
    times: int,
) -> Tensor:
    """The output of `make` for an adjusted condition a, for which the measured properties m are near target(m).

    Broyden's method (1965) for each row independently, from a = condition and H = I:

        s = r H (target(m) - m),    a <- a + s,    H <- H + (s - H y) s'H / (s'H y),    y the change of m.

    A step that does not reduce the distance is rejected and r is halved, so that no row ends further off than it began.
    measure: [batch property] in the condition's scale, NaN where a property cannot be measured. Properties that cannot
    be measured at first are not corrected.
    """
    made = make(condition)
    measured = measure(made).to(condition)
    missed = target(measured) - measured
    measurable, rate = ~missed.isnan(), torch.ones_like(condition[:, :1])
    slope = torch.eye(condition.shape[1]).to(condition).repeat(len(condition), 1, 1)
    measured, missed = measured.nan_to_num(0.0), missed.nan_to_num(0.0)
    for _ in range(times):
        step = (rate * (slope @ missed[..., None])[..., 0]).clamp(-LARGEST, LARGEST)
        tried = make(condition + step)
        found = measure(tried).to(condition)
        left = torch.where(measurable, target(found) - found, 0.0)
        found = torch.where(measurable, found, 0.0)
        slope = _broyden_update(slope, step, found - measured)
        nearer = _distance(left) < _distance(missed)
        made = torch.where(nearer.reshape(-1, *[1] * (made.ndim - 1)), tried, made)
        now = ((condition + step, condition), (found, measured), (left, missed))
        condition, measured, missed = (torch.where(nearer[:, None], *pair) for pair in now)
        rate = torch.where(nearer[:, None], (1.5 * rate).clamp(max=1.0), rate / 2)
    return made


def _broyden_update(
    slope: Float[Tensor, "batch property property"], step: Condition, change: Condition
) -> Float[Tensor, "batch property property"]:
    """Broyden's update of the inverse of the measurements' derivative, where the change is finite and large enough."""
    row = step[:, None] @ slope
    scale = row @ change[..., None]
    large = scale.abs() > FLATTEST * step.square().sum(1)[:, None, None]  # False for NaN
    update = (step[..., None] - slope @ change[..., None]) @ row / scale
    return torch.where(large, slope + update, slope)


def _distance(missed: Condition) -> Float[Tensor, " batch"]:
    """Infinite if a property that could be measured at first cannot be measured any more."""
    return missed.norm(dim=1).nan_to_num(torch.inf)


# q(c | x): infer the missing conditions of a row. Kingma et al. 2014, model M2.
#
# For a row whose condition is missing, the bound is
#     E_q(c|x)[ L(x, c) ] - KL(q(c | x) || p(c)) <= log p(x),   L(x, c) <= log p(x | c)          (their eq. 7)
# and rows with a known condition also train the head by log q(c | x) (their eq. 9). Continuous conditions are sampled,
# a discrete one is enumerated. Without a head, networks get a missing value as missing (see `condition_features`),
# which marginalizes it.


@dataclass(frozen=True)
class Completion:
    """Possible complete conditions: entry e is row rows[e] with condition[e], with probability exp(log_weight[e]).

    log_ratio: log p(c) - log q(c | x) of the inferred values. kl: exact KL(q(c | x) || p(c)) of each row.
    """

    rows: Int[Tensor, " entry"]
    condition: Float[Tensor, "entry property"] | None
    log_weight: Float[Tensor, " entry"]
    log_ratio: Float[Tensor, " entry"]
    kl: Float[Tensor, " batch"]


def as_given(features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"] | None) -> Completion:
    """The completion without inference: one entry for each row."""
    zero = features.new_zeros(features.shape[0])
    return Completion(torch.arange(len(zero), device=zero.device), condition, zero, zero, zero)


class GaussianInference(nn.Module):
    """Continuous conditions: q(c | x) = N(mean(x), diag std(x)^2), p(c) = N(0, I), for standardized conditions."""

    def __init__(self, feature_size: int, property_count: int, width: int = 64, depth: int = 1) -> None:
        super().__init__()
        self.property_count = property_count
        self.head = MLP(feature_size, 2 * property_count, width, depth)

    def distribution(self, features: Float[Tensor, "batch feature"]) -> DiagonalGaussian:
        mean, raw = self.head(features).chunk(2, -1)
        return DiagonalGaussian(mean, 5 * torch.tanh(raw / 5))

    def complete(
        self,
        features: Float[Tensor, "batch feature"],
        condition: Float[Tensor, "batch property"],
        missing: Bool[Tensor, "batch property"],
        generator: Generator,
    ) -> Completion:
        q = self.distribution(features)
        noise = standard_normal(q.mean.shape, generator, q.mean)
        drawn, _ = q.reparameterized(noise)
        ratio = 0.5 * (noise.square() - drawn.square()) + q.log_std
        prior = DiagonalGaussian(torch.zeros_like(q.mean), torch.zeros_like(q.mean))
        only_missing = lambda values: values.masked_fill(~missing, 0.0).sum(-1)  # noqa: E731
        given = as_given(features, torch.where(missing, drawn, condition))
        return Completion(
            given.rows, given.condition, given.log_weight, only_missing(ratio), only_missing(q.kl_per_dimension(prior))
        )

    def label_log_prob(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"]
    ) -> Float[Tensor, " batch"]:
        q, there = self.distribution(features), ~torch.isnan(condition)
        scaled = (torch.nan_to_num(condition) - q.mean) * (-q.log_std).exp()
        return (-0.5 * (scaled.square() + LOG_2_PI) - q.log_std).masked_fill(~there, 0.0).sum(-1)

    def fill(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"]
    ) -> Float[Tensor, "batch property"]:
        return torch.where(torch.isnan(condition), self.distribution(features).mean, condition)


class DiscreteInference(nn.Module):
    """One column of the condition takes one of `values`; if it is missing, the bound sums over all (exact).

    values: numbers, or the rows that stand for the classes in as many columns from `column` on, such as one-hot codes.
    prior: p(c) of the values; by default uniform.
    """

    values: Tensor
    log_prior: Tensor

    def __init__(
        self,
        feature_size: int,
        property_count: int,
        values: Sequence[float] | Sequence[Sequence[float]],
        column: int = 0,
        prior: Sequence[float] | None = None,
        width: int = 64,
        depth: int = 1,
    ) -> None:
        super().__init__()
        chances = torch.tensor(prior if prior is not None else [1.0] * len(values))
        codes = torch.tensor(values, dtype=torch.get_default_dtype())
        last = column + (codes.shape[1] if codes.ndim == 2 else 1) - 1
        if len(values) < 2 or not 0 <= column <= last < property_count or len(chances) != len(values):
            raise ConfigError(
                "Expected 2 or more values, a prior of as many chances, and a column below "
                f"{property_count}, got values {list(values)}, prior {prior}, column {column}."
            )
        self.property_count, self.place = property_count, slice(column, last + 1)
        self.register_buffer("values", codes)
        self.register_buffer("log_prior", (chances / chances.sum()).log())
        self.head = MLP(feature_size, len(values), width, depth)

    @property
    def codes(self) -> Float[Tensor, "category column"]:
        """The row that stands for each class."""
        return self.values.reshape(len(self.values), -1)

    def log_probabilities(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch category"]:
        return torch.log_softmax(self.head(features), -1)

    def complete(
        self,
        features: Float[Tensor, "batch feature"],
        condition: Float[Tensor, "batch property"],
        missing: Bool[Tensor, "batch property"],
        generator: Generator,
    ) -> Completion:
        log_q, unknown = self.log_probabilities(features), missing[:, self.place].any(1)
        count = len(self.values)
        labelled, unlabelled = (~unknown).nonzero()[:, 0], unknown.nonzero()[:, 0]
        rows = torch.cat([labelled, unlabelled.repeat_interleave(count)])
        filled, open_cells = condition[rows].clone(), missing[rows[len(labelled) :], self.place]
        own = filled[len(labelled) :, self.place]
        filled[len(labelled) :, self.place] = torch.where(
            open_cells, self.codes.repeat(len(unlabelled), 1).to(own), own
        )
        zero = features.new_zeros(len(labelled))
        ratio = self.log_prior - log_q
        return Completion(
            rows,
            filled,
            torch.cat([zero, log_q[unlabelled].flatten()]),
            torch.cat([zero, ratio[unlabelled].flatten()]),
            -(log_q.exp() * ratio).sum(-1) * unknown,
        )

    def label_log_prob(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"]
    ) -> Float[Tensor, " batch"]:
        if condition.shape[-1] != self.property_count:
            raise ShapeError(f"Expected a condition [batch {self.property_count}], got {list(condition.shape)}.")
        own = condition[:, self.place]
        index = (torch.nan_to_num(own)[:, None] - self.codes).abs().sum(-1).argmin(-1, keepdim=True)
        return self.log_probabilities(features).gather(-1, index)[:, 0] * ~torch.isnan(own).any(1)

    def fill(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"]
    ) -> Float[Tensor, "batch property"]:
        filled, own = condition.clone(), condition[:, self.place]
        likeliest = self.codes[self.log_probabilities(features).argmax(-1)].to(filled)
        filled[:, self.place] = torch.where(torch.isnan(own), likeliest, own)
        return filled


# Convert the values of each column to normal scores and back: z = Phi^-1(F(c)), F the column's distribution in data.
#
# A density model of the scores only has to learn the dependence between columns (the Gaussian rank transform; Sklar
# 1959). Limits and repeated values of a column, such as a magnitude limit or one of three classes, are restored
# exactly.

FURTHEST, KNOTS = 4.0, 257
"""Score of the last knot, and number of knots, which are evenly spaced. Between two knots c is linear in z."""

Table = Float[Tensor, "row column"]


class NormalScores(nn.Module):
    """knots: [column knot], the values at evenly spaced scores. Before `fit`, values and scores are equal."""

    knots: Tensor
    scores: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        scores = torch.linspace(-FURTHEST, FURTHEST, KNOTS)
        self.register_buffer("scores", scores, persistent=False)
        self.register_buffer("knots", scores.repeat(count, 1))

    def fit(self, rows: Table, scores: Float[Tensor, "draw column"] | None = None) -> None:
        """Set the distribution of each column from rows without NaN. scores: draws that are to be mapped to this
        distribution; by default standard normal."""
        if scores is None:
            below = torch.special.ndtr(self.scores).expand(len(self.knots), -1)
        else:
            ordered = scores.T.sort().values.contiguous()
            below = torch.searchsorted(ordered, self.scores.repeat(len(ordered), 1)) / len(scores)
        places = (below * (len(rows) - 1)).round().long()
        self.knots.copy_(rows.T.sort().values.gather(1, places))

    def to_scores(self, values: Table, generator: Generator | None = None) -> Table:
        """Each value's score, clipped to the outermost; a value of many rows gets a random one from its interval, the
        middle without a generator."""
        column = values.T.contiguous()
        first, after = (torch.searchsorted(self.knots, column, right=right) for right in (False, True))
        below, above = ((first - 1).clamp(min=0), first.clamp(max=KNOTS - 1))
        low, high = self.knots.gather(1, below), self.knots.gather(1, above)
        share = ((column - low) / (high - low).clamp(min=torch.finfo(low.dtype).tiny)).clamp(0, 1)
        between = self.scores[below] + share * (self.scores[above] - self.scores[below])
        ends = [torch.special.ndtr(self.scores[place.clamp(0, KNOTS - 1)]) for place in (first, after - 1)]
        uniform: float | Tensor = 0.5
        if generator is not None:
            uniform = torch.rand(column.shape, generator=generator, device=generator.device).to(column)
        tied = torch.special.ndtri(ends[0] + uniform * (ends[1] - ends[0])).clamp(-FURTHEST, FURTHEST)
        return torch.where(after > first, tied, between).T

    def to_values(self, scores: Table) -> Table:
        place = ((scores.T + FURTHEST) * ((KNOTS - 1) / (2 * FURTHEST))).clamp(0, KNOTS - 1)
        below = place.long().clamp(max=KNOTS - 2)
        low, high = self.knots.gather(1, below), self.knots.gather(1, below + 1)
        return (low + (place - below) * (high - low)).T


# Densities of the missing columns of a row given any known ones, column by column.

COMPONENTS = 12
"""Normal distributions in the mixture of each column."""
NARROWEST, WIDEST = math.log(0.02), 2.0
"""Limits of their log standard deviations."""
FURTHEST_QUANTILE, HALVINGS = 8.0, 24
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
    here with a fixed order of columns). Fitted by `vae.flows.fit_prior` to rows that are nearly standardized.

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
    >>> from sciencegen.vae.conditions import ArbitraryConditionals
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
    low, high = (torch.full_like(probability, end) for end in (-FURTHEST_QUANTILE, FURTHEST_QUANTILE))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (log_weights.exp() * torch.special.ndtr((middle[:, None] - means) * (-log_std).exp())).sum(1)
        low, high = torch.where(below < probability, middle, low), torch.where(below < probability, high, middle)
    return (low + high) / 2


# Imputation of conditions: missing values are drawn given the known ones, from a distribution learned from data.

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
        values = torch.where(known.isnan(), values, known)
        return values if self.settle is None else self.settle(known, values)


@torch.no_grad()
def drawn_scores(
    flow: ArbitraryConditionals | FlowPrior, conditions: Condition, generator: Generator
) -> Float[Tensor, "draw property"]:
    """Draws without known values: nearly standard normal, so that `NormalScores` can correct the difference."""
    like = conditions.new_zeros(DRAWS, conditions.shape[1])
    noise = standard_normal(like.shape, generator, like)
    return flow(noise, torch.full_like(noise, torch.nan))
