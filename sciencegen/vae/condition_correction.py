"""A generator that misses what it was asked for is asked for so much more."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

LARGEST = 1.0
"""How much a request changes at a time, in standard deviations of the data."""
FLATTEST = 1e-2
"""Of a step: less change than this in what is measured teaches nothing."""

Condition = Float[Tensor, "batch property"]
Measure = Callable[[Tensor], Tensor]


def wished(told: Condition, seen: Condition) -> Condition:
    """What is seen, as it is told."""
    return torch.where(told.isnan(), seen, told)


def corrected(
    make: Callable[[Condition], Tensor],
    measure: Measure,
    wish: Callable[[Condition], Condition],
    asked: Condition,
    times: int,
) -> Tensor:
    """What `make` makes of a request a that brings what is measured of it, m, near to wish(m).

    Broyden's method (1965) for each row by itself, from H = I:

        s = r H (wish(m) - m),    a <- a + s,    H <- H + (s - H y) s'H / (s'H y),    y the change of m.

    A step that doesn't come nearer is taken back and r halved, so that no row ends further off than it began.
    measure: [batch property] in the condition's scale, NaN where there is nothing to go by. What can't be measured at
    first, or is as it is wished, is asked for as it was.
    """
    made = make(asked)
    seen = measure(made).to(asked)
    missed = wish(seen) - seen
    counted, rate = ~missed.isnan(), torch.ones_like(asked[:, :1])
    slope = torch.eye(asked.shape[1]).to(asked).repeat(len(asked), 1, 1)
    seen, missed = seen.nan_to_num(0.0), missed.nan_to_num(0.0)
    for _ in range(times):
        step = (rate * (slope @ missed[..., None])[..., 0]).clamp(-LARGEST, LARGEST)
        tried = make(asked + step)
        found = measure(tried).to(asked)
        left = torch.where(counted, wish(found) - found, 0.0)
        found = torch.where(counted, found, 0.0)
        slope = _learned(slope, step, found - seen)
        nearer = _distance(left) < _distance(missed)
        made = torch.where(nearer.reshape(-1, *[1] * (made.ndim - 1)), tried, made)
        now = ((asked + step, asked), (found, seen), (left, missed))
        asked, seen, missed = (torch.where(nearer[:, None], *pair) for pair in now)
        rate = torch.where(nearer[:, None], (1.5 * rate).clamp(max=1.0), rate / 2)
    return made


def _learned(
    slope: Float[Tensor, "batch property property"], step: Condition, change: Condition
) -> Float[Tensor, "batch property property"]:
    """Broyden's update of the inverse of the measurements' derivative, where the change is finite and large enough."""
    row = step[:, None] @ slope
    seen = row @ change[..., None]
    tells = seen.abs() > FLATTEST * step.square().sum(1)[:, None, None]  # not of NaN
    update = (step[..., None] - slope @ change[..., None]) @ row / seen
    return torch.where(tells, slope + update, slope)


def _distance(missed: Condition) -> Float[Tensor, " batch"]:
    """Infinite where a measurement that was possible fails."""
    return missed.norm(dim=1).nan_to_num(torch.inf)
