"""A generator that misses what it was asked for is asked for so much more."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LARGEST = 1.0
"""How much a request changes at a time, in standard deviations of the data."""

Condition = Float[Tensor, "batch property"]
Measure = Callable[[Tensor], Tensor]


def asked_again(make: Callable[[Condition], Tensor], measure: Measure, condition: Condition, times: int) -> Tensor:
    """What `make` makes of a request a that brings measure(make(a)) near to the condition: a <- a + r (c - measured).

    A fixed-point iteration from a = c, for each row by itself: r = 1 at first; it grows by half after a step that comes
    nearer, and a step that doesn't is taken back and r halved, so that no row ends further off than it began.
    measure: [batch property] in the condition's scale, NaN where there is nothing to go by; what can't be measured at
    first, or isn't asked for, is left as it is.
    """
    made = make(condition)
    asked, missed = condition, condition - measure(made).to(condition)
    counted, rate = ~missed.isnan(), torch.ones_like(condition[:, :1])
    for _ in range(times):
        further = asked + (rate * missed).nan_to_num(0.0).clamp(-LARGEST, LARGEST)
        tried = make(further)
        now = condition - measure(tried).to(condition)
        nearer = _distance(now, counted) < _distance(missed, counted)
        made = torch.where(nearer.reshape(-1, *[1] * (made.ndim - 1)), tried, made)
        asked, missed = (torch.where(nearer[:, None], *pair) for pair in ((further, asked), (now, missed)))
        rate = rate * torch.where(nearer[:, None], 1.5, 0.5).to(rate)
    return made


def _distance(missed: Condition, counted: Bool[Tensor, "batch property"]) -> Float[Tensor, " batch"]:
    """Infinite where a measurement that was possible fails."""
    return torch.where(counted, missed, 0.0).norm(dim=1).nan_to_num(torch.inf)
