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


def asked_again(
    make: Callable[[Condition], Tensor],
    measure: Measure,
    condition: Condition,
    times: int,
    weight: Condition | None = None,
) -> Tensor:
    """What `make` makes of a request a that brings measure(make(a)) near to the condition.

    Broyden's method (1965) for each row by itself, from a = c and H = I:

        s = r H (c - measured),    a <- a + s,    H <- H + (s - H y) s'H / (s'H y),    y the change of what is measured.

    A step that doesn't come nearer is taken back and r halved, so that no row ends further off than it began.
    measure: [batch property] in the condition's scale, NaN where there is nothing to go by; what can't be measured at
    first, or isn't asked for, is left as it is. weight: how much a miss counts in what is nearer, 1 if not given.
    """
    made = make(condition)
    asked, missed = condition, condition - measure(made).to(condition)
    counted, rate = ~missed.isnan(), torch.ones_like(condition[:, :1])
    weight = torch.where(counted, 1.0 if weight is None else weight, 0.0).to(condition)
    slope = torch.eye(condition.shape[1]).to(condition).repeat(len(condition), 1, 1)
    missed = missed.nan_to_num(0.0)
    for _ in range(times):
        step = (rate * (slope @ missed[..., None])[..., 0]).clamp(-LARGEST, LARGEST)
        tried = make(asked + step)
        now = torch.where(counted, condition - measure(tried).to(condition), 0.0)
        slope = _learned(slope, step, missed - now)
        nearer = _distance(now, weight) < _distance(missed, weight)
        made = torch.where(nearer.reshape(-1, *[1] * (made.ndim - 1)), tried, made)
        asked, missed = (torch.where(nearer[:, None], *pair) for pair in ((asked + step, asked), (now, missed)))
        rate = torch.where(nearer[:, None], (1.5 * rate).clamp(max=1.0), rate / 2)
    return made


def _learned(
    slope: Float[Tensor, "batch property property"], step: Condition, change: Condition
) -> Float[Tensor, "batch property property"]:
    """Broyden's update of the inverse of the measurements' derivative, where the change is a number and tells much."""
    row = step[:, None] @ slope
    seen = row @ change[..., None]
    tells = seen.abs() > FLATTEST * step.square().sum(1)[:, None, None]  # not of NaN
    update = (step[..., None] - slope @ change[..., None]) @ row / seen
    return torch.where(tells, slope + update, slope)


def _distance(missed: Condition, weight: Condition) -> Float[Tensor, " batch"]:
    """Infinite where a measurement that was possible fails."""
    return torch.where(weight > 0, missed * weight, 0.0).norm(dim=1).nan_to_num(torch.inf)
