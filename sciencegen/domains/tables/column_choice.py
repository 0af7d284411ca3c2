"""The likelihood of each column: by what the column holds, unless the settings name another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sciencegen.domains.tables.rows import number
from sciencegen.domains.tables.schema import ColumnSchema
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.vae.arrays.columns import CLASSES, COUNTS, LIKELIHOODS, MULTINOMIAL, Column

NEAR_ZERO = 2
"""Counts that begin at most here may be Poisson or negative binomial; others are spread around a centre."""
LARGEST_COUNT = 10_000
"""Greater whole numbers are learned as real ones, and rounded."""
SPREAD = 0.8
"""Variance by mean from which on counts are negative binomial, which has 1 or more given the latent."""
CLEARLY = 0.1
"""Nats for each number by which the logarithms must be nearer to a Gaussian."""


def automatic(column: ColumnSchema) -> str:
    """The likelihood for what a column holds."""
    if column.categories:
        return "bernoulli" if len(column.categories) == 2 else "categorical"
    if column.kind in ("count", "whole") and max(abs(column.low), abs(column.high)) <= LARGEST_COUNT:
        near = column.kind == "count" and column.low <= NEAR_ZERO
        return "negative_binomial" if near and column.std**2 >= SPREAD * column.mean else "discretized_logistic"
    if column.low >= 0 and column.log_mean + math.log(column.log_std) < math.log(column.std) - CLEARLY:
        return "log_normal"
    return "gaussian"


def check_likelihoods(names: Sequence[str], chosen: Mapping[str, str]) -> None:
    """Raise an error for an unknown column or likelihood of the settings."""
    for name, likelihood in chosen.items():
        if name not in names:
            raise unknown_name("column with a likelihood", name, names)
        if likelihood not in LIKELIHOODS:
            raise unknown_name(f"likelihood of '{name}'", likelihood, LIKELIHOODS)


def columns_of(
    schema: Sequence[ColumnSchema], chosen: Mapping[str, str], shared: Mapping[str, Sequence[str]] | None = None
) -> list[Column]:
    """The columns with their likelihoods. chosen: those of the settings, by name. shared: names of the counts that have
    one multinomial likelihood.

    Raises
    ------
    ConfigError
        For an unknown column or likelihood, and a likelihood that doesn't fit the data.
    """
    check_likelihoods([column.name for column in schema], chosen)
    owner = _owners(schema, chosen, shared or {})
    likelihoods = {**chosen, **dict.fromkeys(owner, MULTINOMIAL)}
    return [column_with(one, likelihoods.get(one.name) or automatic(one), owner.get(one.name, "")) for one in schema]


def _owners(
    schema: Sequence[ColumnSchema], chosen: Mapping[str, str], shared: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The multinomial likelihood of each column that has one."""
    owner: dict[str, str] = {}
    for multinomial, names in shared.items():
        if isinstance(names, str) or len(set(names)) < max(2, len(names)):
            raise ConfigError(
                f"Expected two or more different columns of multinomial '{multinomial}', got {names!r}. Name more, or "
                "leave it out."
            )
        for name in names:
            if name not in [column.name for column in schema]:
                raise unknown_name(f"column of multinomial '{multinomial}'", name, [column.name for column in schema])
            if name in owner or name in chosen:
                other = f"multinomial '{owner[name]}'" if name in owner else f"the likelihood {chosen[name]}"
                raise ConfigError(
                    f"Expected '{name}' in one likelihood, got '{multinomial}' and {other}. Leave one out."
                )
            owner[name] = multinomial
    return owner


def column_with(column: ColumnSchema, likelihood: str, multinomial: str = "") -> Column:
    """A column with a likelihood; a ConfigError for one that doesn't fit the data. multinomial: name of the likelihood
    that it shares."""
    if reason := misfit(column, likelihood):
        raise ConfigError(
            f"Expected a likelihood that fits '{column.name}', got {likelihood}, which needs {reason}. Leave it out: "
            f"{automatic(column)} is chosen."
        )
    classes = len(column.categories) if likelihood in CLASSES else 0
    levels = tuple(map(number, column.categories)) if classes and column.numeric else ()
    logs = column.log_mean, column.log_std, column.shift
    return Column(likelihood, column.mean, column.std, *logs, classes, levels, multinomial=multinomial)


def misfit(column: ColumnSchema, likelihood: str) -> str:
    """What a likelihood needs and the column lacks, "" if it fits."""
    found = f"{column.low:g} to {column.high:g}" if column.numeric else f"{len(column.categories)} categories"
    if likelihood == "bernoulli" and len(column.categories) != 2:
        return f"two categories, not {found}"
    if likelihood == "categorical" and not column.categories:
        return f"categories or whole numbers of few values, not {found}"
    if likelihood not in CLASSES and not column.numeric:
        return f"numbers, not {found}"
    if likelihood in COUNTS and column.kind != "count":
        return f"whole numbers from 0 on, not {found}" + (" with decimals" if column.kind == "number" else "")
    if likelihood == "discretized_logistic" and column.kind == "number":
        return f"whole numbers, not {found} with decimals"
    return f"numbers from 0 on, not {found}" if likelihood == "log_normal" and column.low < 0 else ""
