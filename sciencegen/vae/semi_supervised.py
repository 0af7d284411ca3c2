"""q(c | x): infer the missing conditions of a row. Kingma et al. 2014, model M2.

For a row whose condition is missing, the bound is
    E_q(c|x)[ L(x, c) ] - KL(q(c | x) || p(c)) <= log p(x),   L(x, c) <= log p(x | c)          (their eq. 7)
and rows with a known condition also train the head by log q(c | x) (their eq. 9). Continuous conditions are sampled, a
discrete one is enumerated. Without a head, networks get a missing value as missing (see `condition_features`), which
marginalizes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.mlp import MLP
from sciencegen.networks.normal import LOG_2_PI, standard_normal
from sciencegen.vae.gaussian import DiagonalGaussian


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


@runtime_checkable
class ConditionInference(Protocol):
    """A head on the encoder's features (which must not depend on the condition)."""

    property_count: int

    def complete(
        self,
        features: Float[Tensor, "batch feature"],
        condition: Float[Tensor, "batch property"],
        missing: Bool[Tensor, "batch property"],
        generator: Generator,
    ) -> Completion:
        """Infer the values where `missing` is True; other NaNs stay."""

    def label_log_prob(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"]
    ) -> Float[Tensor, " batch"]:
        """Log q(c | x) of the known values."""

    def fill(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"]
    ) -> Float[Tensor, "batch property"]:
        """The condition, with missing values replaced by the most likely ones."""


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
