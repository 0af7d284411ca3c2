"""A network of spherical harmonics and tensor products (e3nn), for properties of points in space.

Every point has features in irreducible representations of O(3) up to l = 2: scalars, vectors and tensors of degree 2. A
layer is the convolution of Thomas et al. 2018 (tensor field networks), with a gate as in Batzner et al. 2022 (NequIP):

    m_i = sum_j (L x_j) (x)_{W(r_ij)} Y(r_ij),     x_i <- gate(L' x_i + L'' m_i),

over neighbours within `reach`, W from Gaussians of the distance, Y times a smooth cutoff. Y are polynomials in
r_ij / sqrt(r^2 + 0.01), so that they stay smooth where two points coincide. If the network is built under default
float64, its symmetries hold up to rounding; if it is converted from float32, its constants keep their float32 error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.networks.mlp import MLP
from sciencegen.networks.points import centred, exactly, radial_functions

if TYPE_CHECKING:
    from e3nn import o3

NEIGHBOURS = 12.0
"""Typical number of neighbours; sums over them are divided by its square root."""


@dataclass(frozen=True)
class HarmonicSettings:
    """scalars, vectors, tensors: numbers of features of l = 0, 1, 2 at each point; messages have 1 / `narrowing` as
    many, since they cost the most. radial: number of functions of the distance. reach: largest distance of a neighbour,
    in the unit of the positions."""

    scalars: int = 64
    vectors: int = 32
    tensors: int = 16
    layers: int = 3
    radial: int = 16
    reach: float = 5.0
    narrowing: int = 2

    def __post_init__(self) -> None:
        least = min(self.scalars, self.vectors, self.tensors) // max(self.narrowing, 1)
        if min(least, self.narrowing, self.layers, self.radial) < 1 or not self.reach > 0:
            raise ConfigError(
                "Expected a reach above 0, one or more of everything, and scalars, vectors and tensors of at least "
                f"narrowing, got {self}."
            )


class PointProperties(NamedTuple):
    """Outputs for each point; zero for padding. Their sums over an item are extensive."""

    scalars: Float[Tensor, "batch point scalar"]
    charges: Float[Tensor, "batch point vector"]
    vectors: Float[Tensor, "batch point vector 3"]


class NeighbourGraph(NamedTuple):
    """The ends of each directed edge, radial functions of its length, and its spherical harmonics."""

    receiver: Int[Tensor, " edge"]
    sender: Int[Tensor, " edge"]
    radial: Float[Tensor, "edge radial"]
    harmonics: Float[Tensor, "edge 9"]


class HarmonicLayer(nn.Module):
    """One gated convolution, from the given irreps to those of the settings."""

    def __init__(self, irreps_in: o3.Irreps, settings: HarmonicSettings) -> None:
        from e3nn import o3
        from e3nn.nn import FullyConnectedNet, Gate

        super().__init__()
        harmonics = o3.Irreps.spherical_harmonics(2)
        gated = o3.Irreps(f"{settings.vectors}x1o + {settings.tensors}x2e")
        scalars, gates = o3.Irreps(f"{settings.scalars}x0e"), o3.Irreps(f"{gated.num_irreps}x0e")
        self.gate = Gate(scalars, [nn.functional.silu], gates, [torch.sigmoid], gated)
        narrow = o3.Irreps([(number // settings.narrowing, ir) for number, ir in irreps_in])
        known = {ir for _, ir in (*scalars, *gated)}
        products: list[tuple[int, Any]] = []
        paths: list[tuple[int, int, int, str, bool]] = []
        for first, (number, ir) in enumerate(narrow):
            for second, (_, harmonic) in enumerate(harmonics):
                for out in (one for one in ir * harmonic if one in known):
                    paths.append((first, second, len(products), "uvu", True))
                    products.append((number, out))
        irreps_products = o3.Irreps(products)
        self.before = o3.Linear(irreps_in, narrow)
        self.product = o3.TensorProduct(
            narrow, harmonics, irreps_products, paths, shared_weights=False, internal_weights=False
        )
        self.weights = FullyConnectedNet([settings.radial, 64, self.product.weight_numel], nn.functional.silu)
        self.after = o3.Linear(irreps_products.simplify(), self.gate.irreps_in)
        self.skip = o3.Linear(irreps_in, self.gate.irreps_in)
        self.irreps_out = self.gate.irreps_out

    def forward(
        self, features: Float[Tensor, "point irreps_in"], edges: NeighbourGraph
    ) -> Float[Tensor, "point irreps_out"]:
        messages = self.product(self.before(features)[edges.sender], edges.harmonics, self.weights(edges.radial))
        summed = messages.new_zeros(len(features), messages.shape[1]).index_add(0, edges.receiver, messages)
        return self.gate(self.skip(features) + self.after(summed / math.sqrt(NEIGHBOURS)))


class HarmonicNetwork(nn.Module):
    """Maps positions and features of points to scalars, charges and vectors of points.

    points: number of input features. scalars, vectors: numbers of outputs; there is one charge for each vector.
    """

    def __init__(
        self, points: int, scalars: int = 1, vectors: int = 0, settings: HarmonicSettings | None = None
    ) -> None:
        from e3nn import o3

        super().__init__()
        self.settings = settings = settings or HarmonicSettings()
        self.inputs, self.scalars, self.vectors = points, scalars, vectors
        self.point_in = nn.Linear(points, settings.scalars)
        irreps: Any = o3.Irreps(f"{settings.scalars}x0e")
        self.layers = nn.ModuleList()
        for _ in range(settings.layers):
            layer = HarmonicLayer(irreps, settings)
            self.layers.append(layer)
            irreps = layer.irreps_out
        self.answer = MLP(settings.scalars, scalars + vectors, settings.scalars, 1)
        self.direction = o3.Linear(irreps, o3.Irreps(f"{vectors}x1o")) if vectors else None

    def forward(
        self,
        positions: Float[Tensor, "batch point 3"],
        points: Float[Tensor, "batch point feature"],
        mask: Bool[Tensor, "batch point"] | None = None,
    ) -> PointProperties:
        """positions: in the unit of `reach`. mask: True for real points; None if all are. Runs without autocast, so
        that the constants of the tensor products keep their precision."""
        if positions.shape[:2] != points.shape[:2] or points.shape[-1] != self.inputs:
            raise ShapeError(
                f"Expected positions [batch point 3] and points [batch point {self.inputs}], "
                f"got {[*positions.shape]} and {[*points.shape]}."
            )
        return exactly(self._answer, positions, points, mask)

    def _answer(self, positions: Tensor, points: Tensor, mask: Tensor | None) -> PointProperties:
        real = torch.ones_like(points[..., 0], dtype=torch.bool) if mask is None else mask
        edges = neighbours(centred(positions, mask), real, self.settings.radial, self.settings.reach)
        features = self.point_in(points[real])
        for layer in self.layers:
            features = layer(features, edges)
        answer = self.answer(features[:, : self.settings.scalars])
        scalars, charges = answer.split([self.scalars, self.vectors], -1)
        return PointProperties(
            _spread(scalars, real), _spread(charges, real), _spread(self._directions(features), real)
        )

    def _directions(self, features: Tensor) -> Float[Tensor, "point vector 3"]:
        if self.direction is None:
            return features.new_zeros(len(features), 0, 3)
        return self.direction(features).unflatten(-1, (self.vectors, 3))


def neighbours(
    positions: Float[Tensor, "batch point 3"], real: Bool[Tensor, "batch point"], count: int, reach: float
) -> NeighbourGraph:
    """Ordered pairs of different real points within `reach`, numbered among the real points of the batch."""
    from e3nn import o3

    number = real.flatten().cumsum(0).reshape(real.shape) - 1
    differences = positions[:, :, None] - positions[:, None]
    lengths = (differences.square().sum(-1) + 1e-2).sqrt()
    other = ~torch.eye(real.shape[1], dtype=torch.bool, device=real.device)
    batch, receiver, sender = (real[:, :, None] & real[:, None] & other & (lengths < reach)).nonzero(as_tuple=True)
    length, difference = lengths[batch, receiver, sender], differences[batch, receiver, sender]
    cutoff = 0.5 * (torch.cos(math.pi * length / reach) + 1)
    harmonics = o3.spherical_harmonics([0, 1, 2], difference / length[:, None], False, "component")
    radial = radial_functions(length, count, reach) * math.sqrt(count)  # of scale 1, as all features here
    return NeighbourGraph(number[batch, receiver], number[batch, sender], radial, harmonics * cutoff[:, None])


def _spread(values: Float[Tensor, "real ..."], real: Bool[Tensor, "batch point"]) -> Float[Tensor, "batch point ..."]:
    dense = values.new_zeros(*real.shape, *values.shape[1:])
    dense[real] = values
    return dense


def pooled_vectors(
    found: PointProperties, positions: Float[Tensor, "batch point 3"], mask: Bool[Tensor, "batch point"] | None = None
) -> Float[Tensor, "batch vector 3"]:
    """sum_i (mu_i + q_i x_i) with charges q minus their mean: a dipole moment (Schütt et al. 2021, PaiNN).

    It doesn't depend on the origin, since the charges sum to zero.
    """
    neutral = centred(found.charges, mask)
    return found.vectors.sum(1) + torch.einsum("bpv,bpx->bvx", neutral, positions)


# A network for properties of whole items: invariant readouts of the network of spherical harmonics.
#
# Its outputs are standardized. The caller adds what composition alone explains, and converts to the unit.

QUADRATIC_BELOW = 0.1
"""Standardized errors below this count quadratically, larger ones linearly, which limits the effect of outliers."""


def summed(found: PointProperties, positions: Tensor, mask: Bool[Tensor, "batch point"]) -> Float[Tensor, " batch"]:
    """sum_i a_i, for extensive properties."""
    return found.scalars.sum(1)[:, 0]


def averaged(found: PointProperties, positions: Tensor, mask: Bool[Tensor, "batch point"]) -> Float[Tensor, " batch"]:
    """sum_i softmax_i(b_i) a_i, for intensive properties, also of few points (such as an orbital's energy)."""
    values, logits = found.scalars.unbind(-1)
    return (values * logits.masked_fill(~mask, float("-inf")).softmax(-1)).sum(-1)


def dipole(found: PointProperties, positions: Tensor, mask: Bool[Tensor, "batch point"]) -> Float[Tensor, " batch"]:
    """|sum_i (mu_i + q_i x_i)| with charges of mean zero; smooth where it vanishes."""
    return (pooled_vectors(found, positions, mask)[:, 0].square().sum(-1) + 1e-8).sqrt()


@dataclass(frozen=True)
class Readout:
    """scalars, vectors: outputs needed for each point, from which `of` computes one number for the item."""

    scalars: int
    vectors: int
    of: Callable[[PointProperties, Tensor, Tensor], Tensor]


READOUTS: Mapping[str, Readout] = {
    "sum": Readout(1, 0, summed),
    "mean": Readout(2, 0, averaged),
    "dipole": Readout(0, 1, dipole),
}


class PropertyNetwork(nn.Module):
    """Maps Batches with the fields positions [batch point 3], types [batch point type] and a mask to [batch property].

    readouts: for each property, a name in READOUTS. All properties share the network up to its last layer.
    """

    def __init__(self, types: int, readouts: Sequence[str], settings: HarmonicSettings | None = None) -> None:
        super().__init__()
        for name in readouts:
            if name not in READOUTS:
                raise unknown_name("readout", name, READOUTS)
        self.readouts = tuple(readouts)
        parts = [READOUTS[name] for name in self.readouts]
        self.scalars, self.vectors = [part.scalars for part in parts], [part.vectors for part in parts]
        self.network = HarmonicNetwork(types, sum(self.scalars), sum(self.vectors), settings)

    def forward(self, batch: Batch) -> Float[Tensor, "batch property"]:
        positions, types = batch["positions"], batch["types"]
        mask = torch.ones_like(positions[..., 0], dtype=torch.bool) if batch.mask is None else batch.mask
        found = self.network(positions, types, mask)
        scalars = found.scalars.split(self.scalars, -1)
        charges, vectors = found.charges.split(self.vectors, -1), found.vectors.split(self.vectors, 2)
        parts = map(PointProperties, scalars, charges, vectors)
        answers = [READOUTS[name].of(part, positions, mask) for name, part in zip(self.readouts, parts, strict=True)]
        return torch.stack(answers, -1)

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Mean Huber loss over the known values of the condition (NaN: unknown), and their mean absolute error."""
        assert batch.condition is not None  # the standardized values
        known = batch.condition.isfinite()
        answers, values = self(batch)[known], batch.condition[known]
        error = (answers - values).abs().sum() / known.sum().clamp(min=1)
        huber = functional.huber_loss(answers, values, reduction="sum", delta=QUADRATIC_BELOW)
        return {"loss": huber / QUADRATIC_BELOW / known.sum().clamp(min=1), "error": error.detach()}
