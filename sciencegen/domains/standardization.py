"""Standardization of property values for a model: (value - mean) / standard deviation of the training data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from sciencegen.domains.recipes import Representation
from sciencegen.errors import ConfigError, DataError, unknown_name


@dataclass(frozen=True, eq=False)
class Standardization:
    """names: of the properties, in order. mean, std: moments of their values in the training data."""

    names: tuple[str, ...]
    mean: Float[np.ndarray, " property"]
    std: Float[np.ndarray, " property"]

    @property
    def scales(self) -> dict[str, float]:
        """Standard deviation by property."""
        return dict(zip(self.names, self.std.tolist(), strict=True))

    def rows(self, values: np.ndarray) -> Float[np.ndarray, "item property"]:
        """Standardize raw values [item property] to float32."""
        return ((np.asarray(values) - self.mean) / self.std).astype(np.float32)

    def row(self, values: Mapping[str, float]) -> Float[np.ndarray, " property"]:
        """Standardize raw values by name, NaN for missing values."""
        for name in values:
            if name not in self.names:
                raise unknown_name("condition", name, self.names)
        return self.rows(np.array([values.get(name, np.nan) for name in self.names]))

    def to_json(self) -> dict[str, dict[str, float]]:
        columns = zip(self.names, self.mean.tolist(), self.std.tolist(), strict=True)
        return {name: {"mean": mean, "std": std} for name, mean, std in columns}


class StandardizedRepresentation(Representation):
    """A representation whose conditions are standardized by their moments in the training data."""

    standardization: Standardization

    @property
    def properties(self) -> tuple[str, ...]:
        return self.standardization.names

    @property
    def scales(self) -> Mapping[str, float]:
        return self.standardization.scales

    def condition(self, values: Mapping[str, float]) -> Float[np.ndarray, " property"]:
        return self.standardization.row(values)


def load(data: Mapping[str, Mapping[str, float]]) -> Standardization:
    """The inverse of `to_json`."""
    mean, std = (np.array([column[key] for column in data.values()], np.float64) for key in ("mean", "std"))
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise ValueError(f"expected finite moments of conditions, with positive deviations, found {str(data)[:300]}")
    return Standardization(tuple(data), mean, std)


def fit(values: np.ndarray, names: Sequence[str]) -> Standardization:
    """Moments of each column [item property] without its missing values; constant columns get a deviation of 1."""
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ConfigError(f"Expected values [item {len(names)}] for {list(names)}, got {values.shape}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without values raises an error below
        mean, std = np.nanmean(values, 0), np.nanstd(values, 0)
    for name, value in zip(names, mean, strict=True):
        if np.isnan(value):
            raise DataError(f"Expected some values of '{name}', found none. Leave the property out or give its column.")
    return Standardization(tuple(names), mean, np.where(std > 1e-8, std, 1.0))


def fit_new(known: Standardization, values: np.ndarray, names: Sequence[str]) -> Standardization:
    """`fit`, but properties in `known` keep their moments."""
    fitted = fit(values, names)
    for column, name in enumerate(names):
        if name in known.names:
            old = known.names.index(name)
            fitted.mean[column], fitted.std[column] = known.mean[old], known.std[old]
    return fitted


PRIOR_ITEMS = 10


def by_size(
    values: Float[np.ndarray, "item property"], place: Int[np.ndarray, " item"], sizes: int
) -> tuple[Float[np.ndarray, "size property"], Float[np.ndarray, "size property"]]:
    """Mean and standard deviation among the items of each size. The variance is shrunk towards the pooled variance
    within sizes, which has the weight of `PRIOR_ITEMS` items."""
    known = ~np.isnan(values)
    filled, groups = np.where(known, values, 0.0), np.eye(sizes)[place]
    count = groups.T @ known
    mean = groups.T @ filled / np.maximum(count, 1)
    squares = np.where(known, values - mean[place], 0.0) ** 2
    within = squares.sum(0) / np.maximum(known.sum(0), 1)
    variance = (groups.T @ squares + PRIOR_ITEMS * within) / (count + PRIOR_ITEMS)
    return mean, np.sqrt(np.maximum(variance, 1e-4))
