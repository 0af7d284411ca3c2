"""Adjust the condition given to a generator until the properties measured of its output are the requested ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

LARGEST = 1.0
"""Largest change of a condition in one step, in standard deviations of the data."""
FLATTEST = 1e-2
"""Relative to the step: smaller changes of the measured properties are not used for an update."""

Condition = Float[Tensor, "batch property"]
Measure = Callable[[Tensor], Tensor]


def with_known(known: Condition, values: Condition) -> Condition:
    """The values, replaced by the known ones where these are not NaN."""
    return torch.where(known.isnan(), values, known)


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
