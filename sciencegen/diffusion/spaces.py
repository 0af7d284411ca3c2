"""A space of fields beside those of `state`: the torus, with wrapped normal noise.

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

from jaxtyping import Float
from torch import Tensor

from sciencegen.diffusion.state import Euclidean, Real, real_entries, rows
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
