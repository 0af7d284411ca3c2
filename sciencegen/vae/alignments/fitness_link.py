"""The monotone curve from sums of effects to measured values, which saturate (Otwinowski et al. 2018).

It is fitted to left-out sums, so that it also corrects what ridge regression makes too large or too small. Between its
knots, and beyond them, it is straight.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

KNOTS, FEWEST_OF_KNOT = 21, 20
END_SLOPES = 0.5, 2.0
"""Limits of the slope beyond the knots."""
MARGIN, FLAT = 100.0, 1e-6
"""How far the ends beyond the knots reach, and the rise of a flat part between two knots: in standard deviations of the
values."""


class FitnessLink(nn.Module):
    """knots: sums and measured values, each [knot], increasing. At first both are the same, and part of no state."""

    knots: Tensor

    def __init__(self) -> None:
        super().__init__()
        ends = torch.linspace(-1, 1, KNOTS + 2, dtype=torch.float64)
        self.register_buffer("knots", ends.expand(2, -1).clone(), persistent=False)

    def fit(self, sums: Float[np.ndarray, " item"], values: Float[np.ndarray, " item"]) -> None:
        """Means of groups of items with neighbouring sums, made monotone by isotonic regression."""
        from scipy.optimize import isotonic_regression  # on use

        groups = np.array_split(np.argsort(sums, kind="stable"), max(min(KNOTS, len(sums) // FEWEST_OF_KNOT), 1))
        x = np.array([sums[group].mean() for group in groups])
        y = isotonic_regression([values[group].mean() for group in groups], weights=[len(one) for one in groups]).x
        unit = float(values.std()) or 1.0
        y = y + FLAT * unit * np.arange(len(y))
        x = np.maximum.accumulate(x + 1e-9 * FLAT * unit * np.arange(len(x)))
        low, high = (_end_slope(x[rows], y[rows]) for rows in (slice(None, 2), slice(-2, None)))
        x = np.array([x[0] - MARGIN * unit, *x, x[-1] + MARGIN * unit])
        y = np.array([y[0] - MARGIN * unit * low, *y, y[-1] + MARGIN * unit * high])
        more = KNOTS + 2 - len(x)
        between = np.linspace(x[-2], x[-1], more + 2)[1:-1]
        x, y = (np.insert(one, -1, further) for one, further in ((x, between), (y, np.interp(between, x, y))))
        self.register_buffer("knots", torch.from_numpy(np.stack([x, y])).to(self.knots))

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        """Models of earlier versions have no curve: their values are sums."""
        if f"{prefix}knots" in state_dict:
            self.register_buffer("knots", self.knots)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def sums(self, values: Float[Tensor, " item"]) -> Float[Tensor, " item"]:
        """The sums at which the curve has these values; NaN stays NaN."""
        x, y = self.knots
        place = torch.searchsorted(y, values.contiguous()).clamp(1, len(y) - 1)
        return x[place - 1] + (values - y[place - 1]) / (y[place] - y[place - 1]) * (x[place] - x[place - 1])


def _end_slope(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.clip((y[-1] - y[0]) / (x[-1] - x[0]), *END_SLOPES)) if x[-1] > x[0] else 1.0
