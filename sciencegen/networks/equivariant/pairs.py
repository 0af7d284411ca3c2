"""An E(3)-equivariant message-passing network over all pairs of points, built for speed.

Every point i has features h_i and several vectors v_ic, every unordered pair has features e_ij. The vectors start as
multiples of the positions, and layers move them (EGNN, Satorras et al. 2021; several vectors, Levy et al. 2023). The
outputs are equivariant to rotations, reflections and permutations, and invariant to translations, because positions are
centred first. With d_ijc = sqrt(1 + |v_ic - v_jc|^2), a layer is

    e_ij += W silu(E e_ij + A h_i + A h_j + G d_ij)
    h_i  += O [sum_j softmax_j(q_i k_j + B e_ij) V h_j ; sum_j e_ij]             (attention with pair bias)
    h_i  += MLP(h_i, |v_i|)
    v_ic += g_c(h_i) sum_j (P e_ij)_c (v_ic - v_jc) / d_ijc + sum_c' M_cc' v_ic'

with normalized inputs, shifted and scaled by the context (noise level, condition). Pair features are narrow, so that
they cost about as much as point features. Arrays are dense: batches should hold items of nearly the same size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.equivariant.graph import CompleteGraph, centred, complete_graph, exactly, radial_functions

NEIGHBOURS = 16.0
"""Divisor of sums over pairs: about the number of points of an item."""


@dataclass(frozen=True)
class PairNetworkSettings:
    """width, pair_width: features of each point and each pair. vectors: number at each point. radial: number of radial
    functions. reach: largest centre of these, in the unit of the positions. context: width of the context."""

    width: int = 128
    pair_width: int = 32
    layers: int = 5
    heads: int = 8
    vectors: int = 6
    radial: int = 32
    reach: float = 7.0
    context: int = 64

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ConfigError(f"Expected a width that {self.heads} heads divide, got {self.width}.")


class Points(NamedTuple):
    """Output of the network: equivariant vectors, and invariant features of points and pairs."""

    vectors: Float[Tensor, "batch point vector 3"]
    points: Float[Tensor, "batch point width"]
    pairs: Float[Tensor, "batch edge pair_width"]


class Real(NamedTuple):
    """1 for real points and for edges between two real points, else 0."""

    points: Float[Tensor, "batch point 1"]
    edges: Float[Tensor, "batch edge 1"]


class PairLayer(nn.Module):
    """One layer of the equations above."""

    def __init__(self, settings: PairNetworkSettings) -> None:
        super().__init__()
        width, pair, vectors = settings.width, settings.pair_width, settings.vectors
        self.heads = settings.heads
        self.modulation = nn.Linear(settings.context, 4 * width)
        self.ends = nn.Linear(width, pair)
        self.distance = nn.Linear(vectors, pair, bias=False)
        self.pair = nn.Linear(pair, pair, bias=False)
        self.pair_out = nn.Linear(pair, pair)
        self.bias = nn.Linear(pair, settings.heads, bias=False)
        self.pull = nn.Linear(pair, vectors)
        self.attention = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width + pair, width)
        self.hidden = nn.Linear(width + vectors, 2 * width)
        self.hidden_out = nn.Linear(2 * width, width + vectors)
        self.mixing = nn.Parameter(torch.zeros(vectors, vectors))
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        for layer in (self.pair_out, self.attention_out, self.hidden_out):
            nn.init.normal_(layer.weight, std=0.5 * (layer.in_features * settings.layers) ** -0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, state: Points, context: Tensor, graph: CompleteGraph, real: Real | None) -> Points:
        vectors, points, pairs = state
        scale, shift, hidden_scale, hidden_shift = self.modulation(context)[:, None].chunk(4, -1)
        normal = functional.layer_norm(points, points.shape[-1:]) * (1 + scale) + shift
        differences, distances = exactly(_differences, vectors, graph.gradient)
        inner = self.pair(functional.layer_norm(pairs, pairs.shape[-1:])) + self.distance(distances)
        pairs = pairs + self.pair_out(functional.silu(inner + graph.incidence @ self.ends(normal)))
        if real is not None:
            pairs = pairs * real.edges
        attended = self._attend(normal, self.bias(pairs), graph, real)
        neighbours = graph.incidence.T @ pairs / NEIGHBOURS
        points = points + self.attention_out(torch.cat([attended, neighbours], -1))
        normal = functional.layer_norm(points, points.shape[-1:]) * (1 + hidden_scale) + hidden_shift
        lengths = vectors.square().sum(-1).add(1).sqrt()
        inner = functional.silu(self.hidden(torch.cat([normal, lengths.to(normal.dtype)], -1)))
        changes, gates = self.hidden_out(inner).split([points.shape[-1], vectors.shape[2]], -1)
        strength = self.pull(pairs) if real is None else self.pull(pairs) * real.edges
        return Points(
            exactly(self._move, vectors, differences, strength / distances, gates, graph.gradient),
            points + changes,
            pairs,
        )

    def _attend(self, normal: Tensor, bias: Tensor, graph: CompleteGraph, real: Real | None) -> Tensor:
        """Multi-head scaled dot-product attention; pairs give a bias of the logits, 0 for a point with itself."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.attention(normal).chunk(3, -1)
        )
        bias = functional.pad(bias, (0, 0, 0, 1))[:, graph.edge].permute(0, 3, 1, 2)
        if real is not None:
            bias = bias.masked_fill(real.points[:, None, None, :, 0] == 0, float("-inf"))
        logits = query @ key.transpose(-1, -2) * key.shape[-1] ** -0.5 + bias
        return (logits.softmax(-1) @ value).transpose(1, 2).flatten(-2)

    def _move(self, vectors: Tensor, differences: Tensor, strength: Tensor, gates: Tensor, gradient: Tensor) -> Tensor:
        """The vectors v + g D^T diag(strength) D v + M v."""
        pulls = (strength.to(vectors.dtype)[..., None] * differences).flatten(-2)
        moved = (gradient.T @ pulls).unflatten(-1, vectors.shape[2:]) / NEIGHBOURS
        mixed = torch.einsum("cd,bpdx->bpcx", self.mixing, vectors)
        return vectors + (1 + gates.to(vectors.dtype)[..., None]) * moved + mixed


def _differences(
    vectors: Float[Tensor, "batch point vector 3"], gradient: Float[Tensor, "edge point"]
) -> tuple[Float[Tensor, "batch edge vector 3"], Float[Tensor, "batch edge vector"]]:
    """v_i - v_j and sqrt(1 + |v_i - v_j|^2), smooth where two points coincide."""
    differences = (gradient @ vectors.flatten(-2)).unflatten(-1, vectors.shape[2:])
    return differences, differences.square().sum(-1).add(1).sqrt()


def _radial(positions: Tensor, gradient: Tensor, count: int, reach: float) -> Tensor:
    distances = ((gradient @ positions).square().sum(-1) + 1e-4).sqrt()
    return radial_functions(distances, count, reach)


class PairNetwork(nn.Module):
    """Maps positions, features of points and of pairs, and a context to `Points`."""

    def __init__(self, points: int, pairs: int, settings: PairNetworkSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or PairNetworkSettings()
        self.point_in = nn.Linear(points, settings.width)
        self.pair_in = nn.Linear(settings.radial + pairs, settings.pair_width)
        self.starts = nn.Parameter(torch.ones(settings.vectors))
        self.layers = nn.ModuleList([PairLayer(settings) for _ in range(settings.layers)])

    def forward(
        self,
        positions: Float[Tensor, "batch point 3"],
        points: Float[Tensor, "batch point feature"],
        pairs: Float[Tensor, "batch point point pair_feature"] | None,
        context: Float[Tensor, "batch context"],
        mask: Bool[Tensor, "batch point"] | None = None,
    ) -> Points:
        """positions: in the unit of `reach`. pairs: symmetric. mask: True for real points; None (faster) if all are."""
        if positions.shape[:2] != points.shape[:2] or context.shape != (len(points), self.settings.context):
            raise ShapeError(
                f"Expected positions [batch point 3], points [batch point feature] and context [batch "
                f"{self.settings.context}], got {[*positions.shape]}, {[*points.shape]} and {[*context.shape]}."
            )
        graph = complete_graph(positions.shape[1], positions.dtype, positions.device)
        positions = centred(positions, mask)
        edges = exactly(_radial, positions, graph.gradient, self.settings.radial, self.settings.reach)
        if pairs is not None:
            edges = torch.cat([edges, pairs[:, graph.first, graph.second]], -1)
        vectors = positions[:, :, None] * self.starts[:, None]
        state = Points(vectors, self.point_in(points), self.pair_in(edges))
        real = None if mask is None else _real(mask, graph, positions.dtype)
        for layer in self.layers:
            state = layer(state, context, graph, real)
        return state


def _real(mask: Bool[Tensor, "batch point"], graph: CompleteGraph, dtype: torch.dtype) -> Real:
    edges = mask[:, graph.first] & mask[:, graph.second]
    return Real(mask[..., None].to(dtype), edges[..., None].to(dtype))
