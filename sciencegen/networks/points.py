"""Networks of points in space that are equivariant to translations, rotations and reflections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import MLP

# The complete graph over the points of an item as two small matrices, and radial functions of distances.
#
# With one row for each unordered pair (i, j), i < j, the incidence matrix S has ones at both ends and the gradient
# matrix D has +1 at i and -1 at j. S h sums the values at an edge's ends, S^T e sums over a point's edges, D v are the
# differences v_i - v_j, and D^T diag(w) D is the weighted graph Laplacian. This takes half the work of all ordered
# pairs, and no gather operations.

Result = TypeVar("Result")


class CompleteGraph(NamedTuple):
    """incidence, gradient: S and D above. edge: index of the edge between two points; on the diagonal, the number of
    edges (one past the last index). first, second: the ends of each edge."""

    incidence: Float[Tensor, "edge point"]
    gradient: Float[Tensor, "edge point"]
    edge: Int[Tensor, "point point"]
    first: Int[Tensor, " edge"]
    second: Int[Tensor, " edge"]


@lru_cache(maxsize=256)
@torch.inference_mode(False)
def complete_graph(points: int, dtype: torch.dtype, device: torch.device) -> CompleteGraph:
    """The matrices for items with this number of points, cached, also for training if the first use is a draw."""
    first, second = torch.triu_indices(points, points, 1, device=device)
    edges = torch.arange(len(first), device=device)
    start, end = (torch.nn.functional.one_hot(one, points).to(dtype) for one in (first, second))
    edge = torch.full((points, points), len(first), device=device)
    edge[first, second] = edges
    edge[second, first] = edges
    return CompleteGraph(start + end, start - end, edge, first, second)


def centred(
    positions: Float[Tensor, "batch point axis"], mask: Bool[Tensor, "batch point"] | None
) -> Float[Tensor, "batch point axis"]:
    """Values minus their mean over the real points; zero at padding."""
    if mask is None:
        return positions - positions.mean(1, keepdim=True)
    real = mask[..., None].to(positions.dtype)
    return (positions - (positions * real).sum(1, keepdim=True) / real.sum(1, keepdim=True).clamp(min=1)) * real


def where_padded(mask: Bool[Tensor, "batch point"] | None) -> Bool[Tensor, "batch point"] | None:
    """None for a mask without padding, on a CPU: elsewhere the host would have to wait for the answer."""
    return None if mask is not None and mask.device.type == "cpu" and bool(mask.all()) else mask


def radial_functions(distances: Float[Tensor, "..."], count: int, reach: float) -> Float[Tensor, "... count"]:
    """Gaussians exp(-((r - mu_k) / spacing)^2 / 2) with centres evenly spread over 0..reach, spacing apart."""
    centres = torch.linspace(0.0, reach, count, dtype=distances.dtype, device=distances.device)
    spacing = reach / max(count - 1, 1)
    return torch.exp(-0.5 * ((distances[..., None] - centres) / spacing).square())


def exactly(function: Callable[..., Result], first: Tensor, *others: object) -> Result:
    """Call a function of geometry without autocast, so that it keeps its precision."""
    with torch.autocast(first.device.type, enabled=False):
        return function(first, *others)


# An E(3)-equivariant message-passing network over all pairs of points, built for speed.
#
# Every point i has features h_i and several vectors v_ic, every unordered pair has features e_ij. The vectors start as
# multiples of the positions, and layers move them (EGNN, Satorras et al. 2021; several vectors, Levy et al. 2023). The
# outputs are equivariant to rotations, reflections and permutations, and invariant to translations, because positions
# are centred first. With d_ijc = sqrt(1 + |v_ic - v_jc|^2), a layer is
#
#     e_ij += W silu(E e_ij + A h_i + A h_j + G d_ij)
#     h_i  += O [sum_j softmax_j(q_i k_j + B e_ij) V h_j ; sum_j e_ij]             (attention with pair bias)
#     h_i  += MLP(h_i, |v_i|)
#     v_ic += g_c(h_i) sum_j (P e_ij)_c (v_ic - v_jc) / d_ijc + sum_c' M_cc' v_ic'
#
# with normalized inputs, shifted and scaled by the context (noise level, condition). Pair features are narrow, so that
# they cost about as much as point features. Arrays are dense: batches should hold items of nearly the same size.

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


class PointCloud(NamedTuple):
    """Output of the network: equivariant vectors, and invariant features of points and pairs."""

    vectors: Float[Tensor, "batch point vector 3"]
    points: Float[Tensor, "batch point width"]
    pairs: Float[Tensor, "batch edge pair_width"]


Real = tuple[Float[Tensor, "batch point 1"], Float[Tensor, "batch edge 1"]]
"""1 for real points, and for edges between two real points, else 0."""


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

    def forward(self, state: PointCloud, context: Tensor, graph: CompleteGraph, real: Real | None) -> PointCloud:
        vectors, points, pairs = state
        scale, shift, hidden_scale, hidden_shift = self.modulation(context)[:, None].chunk(4, -1)
        normal = functional.layer_norm(points, points.shape[-1:]) * (1 + scale) + shift
        differences, distances = exactly(_differences, vectors, graph.gradient)
        inner = self.pair(functional.layer_norm(pairs, pairs.shape[-1:])) + self.distance(distances)
        pairs = pairs + self.pair_out(functional.silu(inner + graph.incidence @ self.ends(normal)))
        is_point, is_edge = (None, None) if real is None else real
        if is_edge is not None:
            pairs = pairs * is_edge
        attended = self._attend(normal, self.bias(pairs), graph, is_point)
        neighbours = graph.incidence.T @ pairs / NEIGHBOURS
        points = points + self.attention_out(torch.cat([attended, neighbours], -1))
        normal = functional.layer_norm(points, points.shape[-1:]) * (1 + hidden_scale) + hidden_shift
        lengths = vectors.square().sum(-1).add(1).sqrt()
        inner = functional.silu(self.hidden(torch.cat([normal, lengths.to(normal.dtype)], -1)))
        changes, gates = self.hidden_out(inner).split([points.shape[-1], vectors.shape[2]], -1)
        strength = self.pull(pairs) if is_edge is None else self.pull(pairs) * is_edge
        return PointCloud(
            exactly(self._move, vectors, differences, strength / distances, gates, graph.gradient),
            points + changes,
            pairs,
        )

    def _attend(self, normal: Tensor, bias: Tensor, graph: CompleteGraph, is_point: Tensor | None) -> Tensor:
        """Multi-head scaled dot-product attention; pairs give a bias of the logits, 0 for a point with itself."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.attention(normal).chunk(3, -1)
        )
        bias = functional.pad(bias, (0, 0, 0, 1))[:, graph.edge].permute(0, 3, 1, 2)
        if is_point is not None:
            bias = bias.masked_fill(is_point[:, None, None, :, 0] == 0, float("-inf"))
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
    ) -> PointCloud:
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
        state = PointCloud(vectors, self.point_in(points), self.pair_in(edges))
        real = None if mask is None else _real(mask, graph, positions.dtype)
        for layer in self.layers:
            state = layer(state, context, graph, real)
        return state


def _real(mask: Bool[Tensor, "batch point"], graph: CompleteGraph, dtype: torch.dtype) -> Real:
    edges = mask[:, graph.first] & mask[:, graph.second]
    return mask[..., None].to(dtype), edges[..., None].to(dtype)


# A denoiser of points in space: E[x | z] of positions and of features of points and pairs, from noisy z.
#
# z = alpha x + sigma noise with alpha^2 = sigmoid(log_snr), sigma^2 = sigmoid(-log_snr). Positions are preconditioned
# so that the network's inputs and outputs have the same scale at every noise level (Karras et al. 2022, table 1, for
# this process): with s the standard deviation of a coordinate and m^2 = alpha^2 s^2 + sigma^2,
#
#     x = (alpha s^2 / m^2) z + (sigma s / m) F(s z / m).
#
# Categorical fields are estimated by probabilities, others by the network's output itself.

NOISE_FREQUENCIES = 16


@dataclass(frozen=True)
class FieldShape:
    """A field beside the positions: [batch point width], or symmetric [batch point point width] with `pairs`.

    noised: whether it is denoised; otherwise it is only an input. categorical: one-hot, estimated by probabilities.
    """

    width: int
    pairs: bool = False
    noised: bool = True
    categorical: bool = False

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ConfigError(f"Expected a field of width 1 or more, got {self.width}.")


def noise_features(log_snr: Float[Tensor, " batch"]) -> Float[Tensor, "batch feature"]:
    """Sines and cosines of log_snr / 4 at frequencies 2^0 .. 2^3.75, and log_snr / 10 itself."""
    frequencies = 2.0 ** (torch.arange(NOISE_FREQUENCIES, dtype=log_snr.dtype, device=log_snr.device) / 4)
    phase = log_snr[:, None] / 4 * frequencies
    return torch.cat([phase.sin(), phase.cos(), log_snr[:, None] / 10], -1)


class EquivariantDenoiser(nn.Module):
    """`(z, log_snr, condition, mask) -> estimates`, equivariant to rotations, reflections and permutations.

    fields: by name, in addition to `positions`. conditions: number of columns of the condition (NaN: not given). scale:
    standard deviation of a coordinate of the data, in its own unit, which is also the unit of `settings.reach`.
    """

    def __init__(
        self,
        fields: Mapping[str, FieldShape],
        conditions: int = 0,
        settings: PairNetworkSettings | None = None,
        scale: float = 1.0,
        positions: str = "positions",
    ) -> None:
        super().__init__()
        if positions in fields or not scale > 0:
            raise ConfigError(
                f"Expected fields beside '{positions}' and a scale above 0, got {sorted(fields)} and {scale}."
            )
        self.settings = settings = settings or PairNetworkSettings()
        self.fields, self.positions, self.scale, self.conditions = dict(fields), positions, scale, conditions
        points = sum(field.width for field in fields.values() if not field.pairs)
        pairs = sum(field.width for field in fields.values() if field.pairs)
        self.context = MLP(2 * NOISE_FREQUENCIES + 2 + 2 * conditions, settings.context, settings.context, 1)
        self.network = PairNetwork(max(points, 1), pairs, settings)
        self.shift = nn.Parameter(torch.zeros(settings.vectors))
        width = settings.width, settings.pair_width
        self.heads = nn.ModuleDict(
            {name: nn.Linear(width[field.pairs], field.width) for name, field in fields.items() if field.noised}
        )

    def forward(
        self,
        z: Mapping[str, Tensor],
        log_snr: Float[Tensor, " batch"],
        condition: Float[Tensor, "batch property"] | None = None,
        mask: Bool[Tensor, "batch point"] | None = None,
    ) -> dict[str, Tensor]:
        """Estimates of the positions (centre at zero) and of each noised field."""
        self._check(z)
        mask = where_padded(mask)
        positions = centred(z[self.positions], mask)
        skip, size, inward = self._preconditioning(log_snr.to(positions.dtype))
        context = self._context(log_snr, condition, mask, positions)
        found = self.network(positions * inward, self._points(z), self._pairs(z), context, mask)
        moved = torch.einsum("bpcx,c->bpx", found.vectors - positions[:, :, None] * inward[..., None], self.shift)
        estimates = {self.positions: skip * positions + size * centred(moved, mask)}
        for name, head in self.heads.items():
            answer = head(found.pairs if self.fields[name].pairs else found.points)
            estimates[name] = self._estimate(self.fields[name], answer, z[name], mask)
        return estimates

    def _check(self, z: Mapping[str, Tensor]) -> None:
        for name, field in {self.positions: FieldShape(3), **self.fields}.items():
            if name not in z:
                raise unknown_name("field (the state lacks it)", name, z)
            if z[name].ndim != 3 + field.pairs or z[name].shape[-1] != field.width:
                layout = "batch point point" if field.pairs else "batch point"
                raise ShapeError(f"Expected '{name}' of shape [{layout} {field.width}], got {list(z[name].shape)}.")

    def _preconditioning(self, log_snr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The factors of z and of F in the estimate, and that of z in the network's input, [batch 1 1]."""
        alpha, sigma = torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr).sqrt()
        size = (alpha.square() * self.scale**2 + sigma.square()).sqrt()
        factors = alpha * self.scale**2 / size.square(), sigma * self.scale / size, self.scale / size
        skip, outward, inward = (factor[:, None, None] for factor in factors)
        return skip, outward, inward

    def _points(self, z: Mapping[str, Tensor]) -> Tensor:
        parts = [z[name] for name, field in self.fields.items() if not field.pairs]
        return torch.cat(parts, -1) if parts else torch.ones_like(z[self.positions][..., :1])

    def _pairs(self, z: Mapping[str, Tensor]) -> Tensor | None:
        parts = [z[name] for name, field in self.fields.items() if field.pairs]
        return torch.cat(parts, -1) if parts else None

    def _context(self, log_snr: Tensor, condition: Tensor | None, mask: Tensor | None, positions: Tensor) -> Tensor:
        """Embedding of the noise level, the number of points, and the condition with its missing values."""
        count = positions.new_full((len(positions),), positions.shape[1]) if mask is None else mask.sum(1)
        size = (count.to(positions.dtype)[:, None] / 16).log1p()
        known = condition_features(condition, size, self.conditions)
        return self.context(torch.cat([noise_features(log_snr), size, known], -1))

    def _estimate(self, field: FieldShape, answer: Tensor, like: Tensor, mask: Tensor | None) -> Tensor:
        """Probabilities or numbers in the shape of the field; for pairs symmetric, with a zero diagonal."""
        answer = answer.to(like.dtype)
        if field.categorical:
            answer = answer.softmax(-1)
        if not field.pairs:
            return answer if mask is None else answer * mask[..., None]
        graph = complete_graph(like.shape[1], like.dtype, like.device)
        if mask is not None:
            answer = answer * (mask[:, graph.first] & mask[:, graph.second])[..., None]
        return torch.nn.functional.pad(answer, (0, 0, 0, 1))[:, graph.edge]
