"""Spaces of fields beside those of `state`: the torus with wrapped normal noise, categories in groups, and orbits.

Fractional coordinates x of a crystal's atoms count modulo 1. Noise wraps around: y = x + s eps mod 1. On the covering
space, the real line, this is the process of any other field, z = alpha x + sigma eps with y = z / alpha and
s = sigma / alpha, so that schedules, samplers and guidance are those of every field. What is different is in three
places. Networks read y modulo 1 and add a displacement to it, x^ = y + d(y mod 1). The displacement to learn is the
mean of x - y over all x + k, k whole, that y may have come from,

    d*(y, x) = s^2 d/dy log sum_k N(y; x + k, s^2),

which is Tweedie's formula for the wrapped normal (De Bortoli et al. 2022; Jing et al. 2022; Jiao et al. 2023, DiffCSP).
And the noisiest y is uniform: s at that level must be about 0.7 or more.

A crystal is the same after a translation of all its atoms, so that the mean of d over the atoms is zero; targets have
none either.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.diffusion.state import CategoricalSpace, Euclidean, Fields, Real, State, real_entries, rows
from sciencegen.networks.crystals import displacement


@dataclass(frozen=True)
class Torus(Euclidean):
    """Coordinates [batch position axis] modulo 1, of points that are the same after a common translation."""

    def target(
        self,
        x: Float[Tensor, "batch position axis"],
        y: Float[Tensor, "batch position axis"],
        log_snr: Float[Tensor, " batch"],
        real: Real,
    ) -> Float[Tensor, "batch position axis"]:
        """Y + d*(y, x), the mean of d* over the positions taken off. y is z / alpha."""
        shift = real_entries(displacement(x - y, rows((-0.5 * log_snr).exp(), y)), real)
        count = y.new_tensor(y.shape[1]) if real is None else real.sum(1)[:, None, None].clamp(min=1)
        return real_entries(y + shift - shift.sum(1, keepdim=True) / count, real)

    def prior(
        self, x: Float[Tensor, "batch position axis"], log_snr: Float[Tensor, " batch"], real: Real
    ) -> Float[Tensor, " batch"]:
        """KL of the noisiest y from a uniform one: none at s >= 0.7, whose first Fourier coefficient is 6e-5."""
        return x.new_zeros(len(x))


@dataclass(frozen=True)
class GroupedCategories(CategoricalSpace):
    """One-hot vectors of categories, then those of their groups times `scale`.

    groups: of each category, 0, 1, .... Noise hides a group later than its members, by 2 log scale of the log-SNR, so
    that draws decide the coarse kind first: the column of the periodic table, and with it the valence, before the
    element.
    """

    groups: tuple[int, ...]
    scale: float

    def vectors(self) -> Float[Tensor, "category entry"]:
        """The vector of each category."""
        group = functional.one_hot(torch.tensor(self.groups), max(self.groups) + 1)
        return torch.cat([torch.eye(self.categories), self.scale * group], 1)

    def one_hot(self, index: Int[Tensor, "batch ..."]) -> Float[Tensor, "batch ... entry"]:
        one = super().one_hot(index)
        return one @ self.vectors().to(one)

    def index(self, x: Float[Tensor, "batch ... entry"]) -> Int[Tensor, "batch ..."]:
        return x[..., : self.categories].argmax(-1)

    def surprise(
        self, x: Float[Tensor, "batch ... entry"], z: Float[Tensor, "batch ... entry"], log_snr: Tensor, real: Real
    ) -> Float[Tensor, " batch"]:
        """By the categories' own entries, which the groups follow from."""
        own = slice(self.categories)
        return super().surprise(x[..., own], z[..., own], log_snr, real)


FIRST, TURNS = "first", "turns"
"""Given fields of items with symmetry: [batch position] the first position of the orbit of each, and the matrix
[batch position axis axis] that turns a vector at that one into its copy here."""


@dataclass(frozen=True)
class OrbitState(State):
    """A state whose noise has the symmetry of items that are given with one, so that z has it too.

    free: share of the items whose noise is that of any item's. Vectors on a torus are turned, other fields copied.
    """

    free: float = 0.0

    def noise(self, like: Batch, generator: Generator) -> dict[str, Tensor]:
        noise = super().noise(like, generator)
        if FIRST not in like.fields:
            return noise
        free = torch.rand(len(like), generator=generator, device=generator.device) < self.free
        turned = self.turned(noise, like)
        return {
            name: torch.where(free.to(value.device).view(-1, *(value.ndim - 1) * [1]), value, turned[name])
            for name, value in noise.items()
        }

    def turned(self, noise: Fields, like: Batch) -> dict[str, Tensor]:
        """At each position the noise of the first one of its orbit, turned."""
        item = torch.arange(len(like), device=like[FIRST].device)[:, None]

        def of(name: str, value: Tensor) -> Tensor:
            if not self.fields[name].positions:
                return value
            value = value[item, like[FIRST]]
            if isinstance(self.fields[name].space, Torus):
                value = torch.einsum("bixy,biy->bix", like[TURNS].to(value), value)
            return value

        return {name: of(name, value) for name, value in noise.items()}
