"""A denoiser of protein backbones: equivariant to rotations and translations, not to reflections.

Each residue has a frame (from its atoms N, CA, C). All that it knows of others is seen from its frame: distances,
directions, relative orientations, and the separation along the chain. Directions change sign in a mirror image while
frames, right-handed by construction, do not: so the network tells a left-handed helix from a right-handed one, which a
network of distances alone can't.

The network is a transformer over residues whose attention is biased by features of pairs, and that also sums these
features (Jumper et al. 2021, invariant point attention, with the points replaced by pair features). It works in two or
more stages: each sees the geometry of the one before's estimate, whose frames are meaningful at high noise too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.networks.points import NOISE_FREQUENCIES, exactly, noise_features

# Frames of residues, and what a residue sees from its own: its atoms, and its neighbours along the chain.

LARGEST_SEPARATION = 32
"""Residues farther apart along the chain, or of different chains, look equally far."""
LENGTH_UNIT = 10.0
"""Ångström: the unit in which the network sees coordinates."""


class Frames(NamedTuple):
    """Positions of the alpha carbons in ångström, rotations from each residue's frame (columns are its axes), and the
    positions of N and C relative to CA."""

    positions: Float[Tensor, "batch residue 3"]
    rotations: Float[Tensor, "batch residue 3 3"]
    atoms: Float[Tensor, "batch residue 2 3"]


def frames(positions: Float[Tensor, "batch residue 3"], atoms: Float[Tensor, "batch residue 2 3"]) -> Frames:
    """Right-handed frames by orthogonalization: the first axis to C, the second toward N."""
    nitrogen, carbon = atoms.unbind(2)
    first = functional.normalize(carbon, dim=-1, eps=1e-6)
    second = functional.normalize(nitrogen - (nitrogen * first).sum(-1, keepdim=True) * first, dim=-1, eps=1e-6)
    rotations = torch.stack([first, second, torch.linalg.cross(first, second)], -1)
    return Frames(positions, rotations, atoms)


def place_along_chain(
    like: Float[Tensor, "batch residue 3"], chain: Int[Tensor, "batch residue"] | None
) -> Int[Tensor, "_ residue"]:
    """The number of each residue, with a jump of more than `LARGEST_SEPARATION` from each chain to the next."""
    index = torch.arange(like.shape[1], device=like.device)[None]
    return index if chain is None else index + 2 * LARGEST_SEPARATION * chain


NEAR = (-2, -1, 1, 2)
LOCAL_FEATURES = 6 + 3 * len(NEAR) + 2


def local_features(
    positions: Float[Tensor, "batch residue 3"],
    rotations: Float[Tensor, "batch residue 3 3"],
    atoms: Float[Tensor, "batch residue 2 3"],
    real: Float[Tensor, "batch residue 1"],
    index: Int[Tensor, "_ residue"],
) -> Float[Tensor, "batch residue feature"]:
    """N and C, and the alpha carbons of the next residues along the chain, in each residue's frame; and which of the
    chain's ends is at the residue."""
    seen = [torch.einsum("brxy,brvx->brvy", rotations, atoms).flatten(2)]
    near = {offset: _joined(real, index, offset) for offset in NEAR}
    for offset, there in near.items():
        shifted = torch.roll(positions, -offset, 1)
        seen.append(torch.einsum("brxy,brx->bry", rotations, (shifted - positions) / LENGTH_UNIT) * there)
    return torch.cat([*seen, 1 - near[-1], 1 - near[1]], -1)


def _joined(real: Tensor, index: Tensor, offset: int) -> Float[Tensor, "batch residue 1"]:
    """1 where the residue at this offset exists and is of the same chain, else 0."""
    count, far = index.shape[1], 4 * LARGEST_SEPARATION
    there = functional.pad(real, (0, 0, 2, 2))[:, 2 + offset : 2 + count + offset]
    number = functional.pad(index, (2, 2), value=-far)[:, 2 + offset : 2 + count + offset]
    return there * (number - index == offset)[..., None]


# Geometry of pairs of residues: what one sees of another from its own frame, and pulls between them.

FINE = (3.0, 10.5)
"""Ångström: where distances are also seen at a finer scale, that of hydrogen bonds between strands."""


def pair_features(radial: int) -> int:
    """Number of features of `seen_pairs`."""
    return 2 * radial + 15


def seen_pairs(
    positions: Float[Tensor, "batch residue 3"],
    rotations: Float[Tensor, "batch residue 3 3"],
    radial: int,
    reach: float,
) -> Float[Tensor, "batch residue residue feature"]:
    """Distance, directions both ways and relative orientation of each pair, from the frames of both."""
    differences = positions[:, None] - positions[:, :, None]  # from i to j
    distances = differences.square().sum(-1, keepdim=True).add(1e-4).sqrt()
    towards = torch.einsum("bixy,bijx->bijy", rotations, differences / distances)
    back = torch.einsum("bjxy,bijx->bijy", rotations, -differences / distances)
    turned = torch.einsum("bixy,bjxz->bijyz", rotations, rotations).flatten(3)
    coarse = gaussians_between(distances, 0.0, reach, radial)
    return torch.cat([coarse, towards, back, turned, gaussians_between(distances, *FINE, radial)], -1)


def gaussians_between(
    distances: Float[Tensor, "batch residue residue 1"], first: float, last: float, count: int
) -> Float[Tensor, "batch residue residue radial"]:
    """Gaussians of the distance to `count` evenly spaced ones, as wide as their spacing."""
    centres = torch.linspace(first, last, count, device=distances.device, dtype=distances.dtype)
    return torch.exp(-((distances - centres) * (count / (last - first))).square())


def pulled_by(
    positions: Float[Tensor, "batch residue 3"],
    far: Float[Tensor, "batch residue residue"],
    near: Float[Tensor, "batch residue residue"],
    mask: Bool[Tensor, "batch residue"],
) -> tuple[Float[Tensor, "batch residue 3"], Float[Tensor, "batch residue 3"]]:
    """sum_j far_ij (x_j - x_i) / N, and sum_j near_ij (x_j - x_i) / (1 + d_ij), which is bounded at any distance d: a
    force between neighbours in space."""
    real = mask[:, None].to(positions)
    distances = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")  # products lose digits

    def toward(weight: Tensor) -> Tensor:
        return weight @ positions - weight.sum(2, keepdim=True) * positions

    mean, force = real / real.sum(2, keepdim=True), real / (1 + distances)
    return toward(far.to(positions) * mean), toward(near.to(positions) * force)


# What a network of residues sees of an earlier estimate: its residues' surroundings and its pairs, as in a stage.


class Recall(nn.Module):
    """Additions to the features of residues, and to those of pairs in each stage; zero before training.

    Parameters
    ----------
    width, pair_width, stages : int
        Features of residues and of pairs, and number of stages.
    radial, reach : int, float
        As of the stages.
    """

    def __init__(self, width: int, pair_width: int, stages: int, radial: int, reach: float) -> None:
        super().__init__()
        self.stages, self.radial, self.reach = stages, radial, reach
        self.local = nn.Linear(LOCAL_FEATURES, width, bias=False)
        self.pair = nn.Linear(pair_features(radial), stages * pair_width, bias=False)
        for layer in (self.local, self.pair):
            nn.init.zeros_(layer.weight)

    def forward(
        self, earlier: Frames, real: Float[Tensor, "batch residue 1"], index: Int[Tensor, "_ residue"]
    ) -> tuple[Float[Tensor, "batch residue width"], tuple[Float[Tensor, "batch residue residue pair"], ...]]:
        local = self.local(exactly(local_features, *earlier, real, index).to(self.local.weight))
        seen = exactly(seen_pairs, earlier.positions, earlier.rotations, self.radial, self.reach)
        return local, self.pair(seen.to(self.pair.weight)).chunk(self.stages, -1)


# Coordinates along a chain as a linear map of standard normal numbers, so that noise looks like a folded polymer.
#
# White noise tears a chain apart: its neighbours lie as far from each other as any two residues. Here positions are a
# mean-reverting walk (Ingraham et al. 2023, Chroma, supplementary section on globular covariance),
#
#     c_1 = s w_1,     c_i = b c_{i-1} + a w_i,     a = 3.8 / sqrt 3,     b^2 = 1 - a^2 / s^2,     s = R(N) / sqrt 3
#
# of steps with the length between two alpha carbons and of the spread of a globule, R(N) = 2.2 N^0.38 angstrom
# (Skolnick et al. 1997). A diffusion of w with white noise is one of c with this covariance, and a rotation of c is one
# of w.
#
# Where several chains make an assembly, each chain starts anew as the first one, with the spread of the whole.

STEP = 3.8
"""Ångström between the alpha carbons of neighbouring residues."""


def globule_radius(count: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Radius of gyration of a folded chain of `count` residues, in ångström."""
    return 2.2 * count.to(torch.get_default_dtype()) ** 0.38


def _walk(
    count: Int[Tensor, " batch"], like: Tensor
) -> tuple[Float[Tensor, "batch 1 1"], Float[Tensor, "batch 1 1"], float]:
    """Factors s, b and a, for each item. `like` gives type and device."""
    radius = globule_radius(count).clamp(min=1.01 * STEP)
    spread, keep = radius / 3**0.5, (1 - (STEP / radius).square()).sqrt()
    return spread[:, None, None].to(like), keep[:, None, None].to(like), STEP / 3**0.5


def _starts(chain: Int[Tensor, "batch residue"]) -> Bool[Tensor, "batch residue 1"]:
    """Which residues are the first of a chain."""
    changes = chain[:, 1:] != chain[:, :-1]
    return torch.cat([torch.ones_like(changes[:, :1]), changes], 1)[..., None]


def _decay(keep: Float[Tensor, "batch 1 1"], residues: int) -> Float[Tensor, "batch residue residue"]:
    """b^(i-k) of residues i and k, 0 for k > i."""
    index = torch.arange(residues, device=keep.device)
    return (keep ** (index[:, None] - index).clamp(min=0)).tril()


def whiten(
    positions: Float[Tensor, "batch residue 3"],
    count: Int[Tensor, " batch"],
    chain: Int[Tensor, "batch residue"] | None = None,
) -> Float[Tensor, "batch residue 3"]:
    """The numbers w of positions c in ångström. chain: number of each residue's chain; None: there is one chain."""
    spread, keep, step = _walk(count, positions)
    following = (positions[:, 1:] - keep * positions[:, :-1]) / step
    numbers = torch.cat([positions[:, :1] / spread, following], 1)
    return numbers if chain is None else torch.where(_starts(chain), positions / spread, numbers)


def colour(
    numbers: Float[Tensor, "batch residue 3"],
    count: Int[Tensor, " batch"],
    chain: Int[Tensor, "batch residue"] | None = None,
) -> Float[Tensor, "batch residue 3"]:
    """The positions c of numbers w, the inverse of `whiten`: c_i = s b^(i-1) w_1 + sum_k a b^(i-k) w_k."""
    decay, scale = _factors(numbers, count, chain)
    return decay @ (scale * numbers)


def pull_back(
    forces: Float[Tensor, "batch residue 3"],
    count: Int[Tensor, " batch"],
    chain: Int[Tensor, "batch residue"] | None = None,
) -> Float[Tensor, "batch residue 3"]:
    """The transpose of `colour`, over the variance s^2 of a position: forces on positions as those on numbers.

    If the numbers move by them, positions move by the noise's covariance times the forces: where one residue is pulled,
    those around it follow, and bonds hardly change.
    """
    decay, scale = _factors(forces, count, chain)
    return scale * (decay.mT @ forces) / _walk(count, forces)[0].square()


def _factors(
    like: Float[Tensor, "batch residue 3"], count: Int[Tensor, " batch"], chain: Int[Tensor, "batch residue"] | None
) -> tuple[Float[Tensor, "batch residue residue"], Float[Tensor, "batch residue 1"]]:
    """The two factors of `colour`: b^(i-k) within each chain, and s where a chain starts or a elsewhere."""
    spread, keep, step = _walk(count, like)
    decay = _decay(keep, like.shape[1])
    if chain is None:
        first = torch.arange(like.shape[1], device=like.device)[None, :, None] == 0
    else:
        first, decay = _starts(chain), decay * (chain[:, :, None] == chain[:, None, :])
    return decay, torch.where(first, spread, step)


def walk_matrix(count: Int[Tensor, " batch"], residues: int) -> Float[Tensor, "batch residue residue"]:
    """The matrix of `colour`: positions of one chain are its product with the numbers."""
    spread, keep, step = _walk(count, torch.empty(0, device=count.device))
    decay = _decay(keep, residues)
    return torch.cat([decay[:, :, :1] * spread, decay[:, :, 1:] * step], 2)


TRACE, ATOMS = "trace", "atoms"
"""Fields: alpha carbons in whitened coordinates [batch residue 3]; N and C relative to CA [batch residue 6]."""
EARLIER_TRACE, EARLIER_ATOMS = "earlier_trace", "earlier_atoms"
"""Optional given fields: an earlier estimate of both (`diffusion.model`)."""
CHAIN = "chain"
"""Optional given field [batch residue]: the number of each residue's chain, ascending. Without it there is one chain.
Residues of different chains have the largest separation."""
BOND = 0.86
"""Ångström: standard deviation of a coordinate of N or C relative to CA."""


@dataclass(frozen=True)
class ResidueNetworkSettings:
    """width, pair_width: features of each residue and each pair. layers: of each of the `stages`. radial: number of
    radial functions, from 0 to `reach` ångström. context: width of the embedding of noise level and condition."""

    width: int = 128
    pair_width: int = 32
    layers: int = 3
    stages: int = 2
    heads: int = 8
    radial: int = 16
    reach: float = 22.0
    context: int = 128

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ConfigError(f"Expected a {name} above 0, got {value}. Choose a larger one.")
        if self.width % self.heads:
            raise ConfigError(f"Expected a width that {self.heads} heads divide, got {self.width}.")


class ResidueDenoiser(nn.Module):
    """`(z, log_snr, condition, mask) -> v` of the fields `trace` and `atoms`.

    Parameters
    ----------
    columns : sequence of int
        Columns of the condition that the network sees (NaN: not given).
    settings : ResidueNetworkSettings, optional
    recalls : bool
        Whether it sees an earlier estimate, where one is given.
    """

    def __init__(
        self, columns: Sequence[int] = (), settings: ResidueNetworkSettings | None = None, recalls: bool = False
    ) -> None:
        super().__init__()
        self.settings = s = settings or ResidueNetworkSettings()
        self.columns, self.recalls = list(columns), recalls
        self.context = MLP(2 * NOISE_FREQUENCIES + 2 + 2 * len(self.columns), s.context, s.context, 1)
        self.inward = nn.Linear(LOCAL_FEATURES, s.width)
        self.stages = nn.ModuleList([Stage(s) for _ in range(s.stages)])
        self.recall = Recall(s.width, s.pair_width, len(self.stages), s.radial, s.reach) if recalls else None

    def forward(
        self,
        z: Mapping[str, Tensor],
        log_snr: Float[Tensor, " batch"],
        condition: Float[Tensor, "batch property"] | None = None,
        mask: Bool[Tensor, "batch residue"] | None = None,
    ) -> dict[str, Tensor]:
        trace, atoms, chain = z[TRACE], z[ATOMS], z.get(CHAIN)
        if mask is None:
            mask = torch.ones(trace.shape[:2], dtype=torch.bool, device=trace.device)
        count, real = mask.sum(1), mask[..., None].to(trace)
        alpha, sigma = (torch.sigmoid(sign * log_snr).sqrt().to(trace)[:, None, None] for sign in (1, -1))
        context = self._context(log_snr, condition, count, trace)
        v_trace, v_atoms = torch.zeros_like(trace), torch.zeros_like(atoms)
        index = place_along_chain(trace, chain)
        geometry = self._geometry(exactly(colour, trace, count, chain), atoms, count, real)
        hidden = self.inward(exactly(local_features, *geometry, real, index))
        recalled: Sequence[Tensor | None] = [None for _ in self.stages]
        if self.recall is not None and EARLIER_TRACE in z:
            positions = exactly(colour, z[EARLIER_TRACE], count, chain)
            local, recalled = self.recall(self._geometry(positions, z[EARLIER_ATOMS], count, real), real, index)
            hidden = hidden + local
        for number, stage in enumerate(self.stages):
            if number:  # the geometry of the estimate so far, x^ = alpha z - sigma v
                positions = exactly(colour, alpha * trace - sigma * v_trace, count, chain)
                geometry = self._geometry(positions, alpha * atoms - sigma * v_atoms, count, real)
            hidden, moved, turned = stage(hidden, geometry, index, context, mask, recalled[number])
            whitened, pulled, forces = moved
            forced = exactly(pull_back, forces, count, chain)
            v_trace = v_trace + (whitened + whiten(pulled, count, chain) + forced) * real
            v_atoms = v_atoms + turned.flatten(2) * real
        return {TRACE: v_trace, ATOMS: v_atoms}

    def _geometry(self, positions: Tensor, atoms: Tensor, count: Tensor, real: Tensor) -> Frames:
        centre = (positions * real).sum(1, keepdim=True) / count[:, None, None].to(positions)
        return frames((positions - centre) * real, BOND * atoms.unflatten(2, (2, 3)))

    def _context(self, log_snr: Tensor, condition: Tensor | None, count: Tensor, like: Tensor) -> Tensor:
        size = (count.to(like)[:, None] / 16).log1p()
        seen = None if condition is None else condition[:, self.columns]
        known = condition_features(seen, size, len(self.columns))
        return self.context(torch.cat([noise_features(log_snr.to(like)), size, known], -1))


Moved = tuple[Float[Tensor, "batch residue 3"], ...]
"""Parts of v of the trace: in whitened coordinates; in ångström, by pulls at any distance; forces on positions."""


class Stage(nn.Module):
    """Pair features of one geometry, layers of attention, and vectors in each residue's frame."""

    def __init__(self, s: ResidueNetworkSettings) -> None:
        super().__init__()
        self.settings = s
        self.separation = nn.Embedding(2 * LARGEST_SEPARATION + 1, s.pair_width)
        self.pair = nn.Linear(pair_features(s.radial), s.pair_width)
        self.pair_context = nn.Linear(s.context, s.pair_width)
        self.pair_hidden = nn.Linear(s.pair_width, s.pair_width)
        self.local = nn.Linear(LOCAL_FEATURES, s.width)
        self.layers = nn.ModuleList([ResidueLayer(s) for _ in range(s.layers)])
        self.biases = nn.Linear(s.pair_width, s.layers * s.heads)
        self.vectors = nn.Sequential(
            nn.LayerNorm(s.width), nn.Linear(s.width, s.width), nn.SiLU(), nn.Linear(s.width, 12)
        )
        self.pull_pair = nn.Linear(s.pair_width, 2)
        self.pull_ends = nn.Linear(s.width, 2)
        for layer in (self.vectors[-1], self.pull_pair, self.pull_ends):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(
        self,
        hidden: Tensor,
        geometry: Frames,
        index: Tensor,
        context: Tensor,
        mask: Bool[Tensor, "batch residue"],
        recalled: Float[Tensor, "batch residue residue pair"] | None = None,
    ) -> tuple[Tensor, Moved, Float[Tensor, "batch residue 2 3"]]:
        real = mask[..., None].to(hidden)
        pairs = self._pairs(geometry, index, context, recalled)
        biases = self.biases(pairs).movedim(-1, 1).masked_fill(~mask[:, None, None], -1e4)
        hidden = hidden + self.local(exactly(local_features, *geometry, real, index))
        for layer, bias in zip(self.layers, biases.chunk(len(self.layers), 1), strict=True):
            hidden = layer(hidden, pairs, bias, context)
        local = self.vectors(hidden).unflatten(-1, (4, 3)).to(geometry.rotations)
        turned = exactly(_turned, geometry.rotations, local)
        pulled, forces = exactly(pulled_by, geometry.positions, *self._pulls(hidden, pairs), mask)
        forces = STEP * (forces + turned[:, :, 3]) * real
        return hidden, (turned[:, :, 0], pulled, forces), turned[:, :, 1:3]

    def _pulls(self, hidden: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Pulls of each residue to each other one: of any distance, and of near ones."""
        ends = self.pull_ends(hidden)
        far, near = self.pull_pair(pairs).unbind(-1)
        return far + ends[:, :, None, 0] + ends[:, None, :, 1], near

    def _pairs(
        self, geometry: Frames, index: Tensor, context: Tensor, recalled: Tensor | None
    ) -> Float[Tensor, "batch residue residue pair"]:
        """What each residue sees of each other one, from its own frame."""
        features = exactly(
            seen_pairs, geometry.positions, geometry.rotations, self.settings.radial, self.settings.reach
        )
        apart = index[:, None] - index[:, :, None]
        apart = apart.clamp(-LARGEST_SEPARATION, LARGEST_SEPARATION) + LARGEST_SEPARATION
        seen = self.pair(features.to(context.dtype))
        seen = seen if recalled is None else seen + recalled
        inner = functional.silu(seen + self.separation(apart) + self.pair_context(context)[:, None, None])
        return functional.silu(self.pair_hidden(inner))


def _turned(
    rotations: Float[Tensor, "batch residue 3 3"], local: Float[Tensor, "batch residue vector 3"]
) -> Float[Tensor, "batch residue vector 3"]:
    """Vectors in each residue's frame, in the common one."""
    return torch.einsum("brxy,brvy->brvx", rotations, local)


class ResidueLayer(nn.Module):
    """Attention with pair bias that also sums pair features, then a dense part; both modulated by the context.

    Peebles & Xie 2023 (adaptive layer norm).
    """

    def __init__(self, s: ResidueNetworkSettings) -> None:
        super().__init__()
        self.heads = s.heads
        self.modulation = nn.Linear(s.context, 6 * s.width)
        self.attention = nn.Linear(s.width, 3 * s.width)
        self.out = nn.Linear(s.width + s.heads * s.pair_width, s.width)
        self.hidden = nn.Linear(s.width, 4 * s.width)
        self.hidden_out = nn.Linear(4 * s.width, s.width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, hidden: Tensor, pairs: Tensor, bias: Tensor, context: Tensor) -> Tensor:
        scale, shift, gate, scale2, shift2, gate2 = self.modulation(functional.silu(context))[:, None].chunk(6, -1)
        normal = functional.layer_norm(hidden, hidden.shape[-1:]) * (1 + scale) + shift
        q, k, v = self.attention(normal).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias).softmax(-1)
        attended = (weights @ v).transpose(1, 2).flatten(2)
        summed = torch.einsum("bhij,bijp->bihp", weights, pairs).flatten(2)
        hidden = hidden + (1 + gate) * self.out(torch.cat([attended, summed], -1))
        normal = functional.layer_norm(hidden, hidden.shape[-1:]) * (1 + scale2) + shift2
        return hidden + (1 + gate2) * self.hidden_out(functional.silu(self.hidden(normal)))
