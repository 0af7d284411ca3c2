"""Dependent conditions: flux and magnitude, ellipticity and its components."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.domains.galaxies.image_representation import SPIN_2, ImageRepresentation
from sciencegen.domains.galaxies.magnitudes import AB_ZERO_POINT

Condition = Float[Tensor, "batch property"]
ROUNDEST, FLATTEST = 1e-6, 0.99
"""Limits of the ellipticity."""


def settled(representation: ImageRepresentation, given: Condition, found: Condition) -> Condition:
    """Make the imputed condition `found` consistent without changing values that `given` has (NaN = missing); both are
    standardized."""
    columns = {one.name: (number, one) for number, one in enumerate(representation.columns)}
    found = found.clone()
    if {"flux", "magnitude"} <= columns.keys():
        _settle_flux(given, found, columns)
    if {*SPIN_2, "ellipticity"} <= columns.keys():
        _settle_ellipticity(given, found, columns)
    return found


def _settle_flux(given: Condition, found: Condition, columns: dict) -> None:
    """Magnitude = zero point - 2.5 log10 flux; the flux is computed if only the magnitude is given."""
    (flux, log), (magnitude, one) = columns["flux"], columns["magnitude"]
    slope = -2.5 / math.log(10)
    follows = ~given[:, magnitude].isnan() & given[:, flux].isnan()
    from_magnitude = ((found[:, magnitude] * one.std + one.mean - AB_ZERO_POINT) / slope - log.mean) / log.std
    found[:, flux] = torch.where(follows, from_magnitude, found[:, flux])
    from_flux = (AB_ZERO_POINT + slope * (found[:, flux] * log.std + log.mean) - one.mean) / one.std
    found[:, magnitude] = torch.where(given[:, magnitude].isnan(), from_flux, found[:, magnitude])


def _settle_ellipticity(given: Condition, found: Condition, columns: dict) -> None:
    """e² = e1² + e2²; if only the ellipticity is given, the components are rescaled and keep their direction."""
    pair, (size, one) = [columns[name][0] for name in SPIN_2], columns["ellipticity"]
    scale = columns[SPIN_2[0]][1].std
    length = (found[:, pair].norm(dim=1) * scale).clamp(ROUNDEST, FLATTEST)
    follow = ~given[:, size].isnan() & given[:, pair].isnan().all(1)
    asked = (found[:, size] * one.std + one.mean).clamp(ROUNDEST, FLATTEST)
    found[:, pair] *= torch.where(follow, asked / length, 1.0)[:, None]
    found[:, size] = torch.where(given[:, size].isnan(), (length - one.mean) / one.std, found[:, size])
