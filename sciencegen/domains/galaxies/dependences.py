"""Conditions of which one says what another is: flux and magnitude, ellipticity and its components."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.domains.galaxies.image_representation import SPIN_2, ImageRepresentation
from sciencegen.domains.galaxies.items import AB_ZERO_POINT

Condition = Float[Tensor, "batch property"]
ROUNDEST, FLATTEST = 1e-6, 0.99
"""Between which an ellipticity lies."""


def settled(representation: ImageRepresentation, told: Condition, found: Condition) -> Condition:
    """A whole condition in which no two contradict each other; what is told stays. Both as the model gets them."""
    columns = {one.name: (number, one) for number, one in enumerate(representation.columns)}
    found = found.clone()
    if {"flux", "magnitude"} <= columns.keys():
        _settle_flux(told, found, columns)
    if {*SPIN_2, "ellipticity"} <= columns.keys():
        _settle_ellipticity(told, found, columns)
    return found


def _settle_flux(told: Condition, found: Condition, columns: dict) -> None:
    """Magnitude = zero point - 2.5 log10 flux; flux follows where the magnitude is told and not it."""
    (flux, log), (magnitude, one) = columns["flux"], columns["magnitude"]
    slope = -2.5 / math.log(10)
    follows = ~told[:, magnitude].isnan() & told[:, flux].isnan()
    from_magnitude = ((found[:, magnitude] * one.std + one.mean - AB_ZERO_POINT) / slope - log.mean) / log.std
    found[:, flux] = torch.where(follows, from_magnitude, found[:, flux])
    from_flux = (AB_ZERO_POINT + slope * (found[:, flux] * log.std + log.mean) - one.mean) / one.std
    found[:, magnitude] = torch.where(told[:, magnitude].isnan(), from_flux, found[:, magnitude])


def _settle_ellipticity(told: Condition, found: Condition, columns: dict) -> None:
    """e² = e1² + e2²; the components keep their direction where the ellipticity is told and neither of them."""
    pair, (size, one) = [columns[name][0] for name in SPIN_2], columns["ellipticity"]
    scale = columns[SPIN_2[0]][1].std
    length = (found[:, pair].norm(dim=1) * scale).clamp(ROUNDEST, FLATTEST)
    follow = ~told[:, size].isnan() & told[:, pair].isnan().all(1)
    asked = (found[:, size] * one.std + one.mean).clamp(ROUNDEST, FLATTEST)
    found[:, pair] *= torch.where(follow, asked / length, 1.0)[:, None]
    found[:, size] = torch.where(told[:, size].isnan(), (length - one.mean) / one.std, found[:, size])
