"""Stamps, mappings of their arrays, and astropy's HDUs and NDData, as items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from sciencegen.domains.capabilities import Objects
from sciencegen.domains.galaxies.astropy_objects import stamp_of
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.stamp_text import UNREADABLE, text
from sciencegen.errors import DataError
from sciencegen.items import Refusal

LACKING = "an array has neither a pixel scale nor a noise: pass Stamp.of(array, pixel_scale=..., variance=...)"
DIMENSIONS = (2, 3)
"""Of the array of one image: [y x] or [band y x]."""


def stamp_text(given: object) -> str | None:
    """The text of a `Stamp`, of a mapping with the arguments of `Stamp.of`, or of an object of astropy."""
    if isinstance(given, np.ndarray) and given.ndim in DIMENSIONS and given.dtype.kind in "iuf":
        return f"{UNREADABLE} {LACKING}"
    found = _stamp(given)
    return found if found is None else f"{UNREADABLE} {found.reason}" if isinstance(found, Refusal) else text(found)


def _stamp(given: object) -> Stamp | Refusal | None:
    if isinstance(given, Stamp):
        return standardize(given)
    if (found := stamp_of(given)) is not None:
        return found if isinstance(found, Refusal) else standardize(found)
    if not isinstance(given, Mapping) or "image" not in given:
        return None
    try:
        return Stamp.of(**given)
    except DataError as error:
        return Refusal(str(error))
    except (TypeError, ValueError) as error:  # other keys than the arguments, or a scale that is no number
        return Refusal(f"expected the arguments of Stamp.of: {error}")


def copied(stamp: Stamp) -> Stamp:
    """A stamp with an image of the caller's own."""
    return replace(stamp, image=stamp.image.copy())


KINDS = "Stamp, mappings with image, pixel_scale and variance, or astropy's HDUList, image HDU and NDData"

OBJECTS = Objects(kinds=KINDS, text=stamp_text, of=copied)
