"""The lengths that a task may draw: what `where` accepts, up to the longest chain that the model has seen."""

from __future__ import annotations

from math import ceil, floor, inf
from typing import NamedTuple

from sciencegen.diffusion.sizes import SizedDiffusion
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.proteins.backbones.items import SHORTEST
from sciencegen.domains.proteins.backbones.representation import LENGTH
from sciencegen.errors import ConfigError


class LengthRange(NamedTuple):
    """Least and greatest number of residues of a chain."""

    shortest: int
    longest: int

    def __str__(self) -> str:
        return f"{self.shortest}" if self.shortest == self.longest else f"{self.shortest} to {self.longest}"


def length_range(model: SizedDiffusion, settings: TaskSettings) -> LengthRange:
    """The lengths that `where` accepts of those that the model can draw; an error if there are none."""
    low, high = settings.bounds.get(LENGTH, (-inf, inf))
    found = LengthRange(max(SHORTEST, ceil(max(low, 0))), floor(min(high, model.largest)))
    if found.shortest > found.longest:
        raise ConfigError(
            f"Expected a `where` with a length of {SHORTEST} to {model.largest} residues, the longest chain that the "
            f"model has seen, got {low:g} to {high:g}."
        )
    return found
