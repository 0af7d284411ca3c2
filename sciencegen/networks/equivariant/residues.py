"""A denoiser of protein backbones: equivariant to rotations and translations, not to reflections.

Each residue has a frame (from its atoms N, CA, C). All that it knows of others is seen from its frame: distances,
directions, relative orientations, and the separation along the chain. Directions change sign in a mirror image while
frames, right-handed by construction, do not: so the network tells a left-handed helix from a right-handed one, which a
network of distances alone can't.

The network is a transformer over residues whose attention is biased by features of pairs, and that also sums these
features (Jumper et al. 2021, invariant point attention, with the points replaced by pair features). It works in two
stages: the second one sees the geometry of the first one's estimate, whose frames are meaningful at high noise too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.equivariant.chain import STEP, colour, pull_back, whiten
from sciencegen.networks.equivariant.denoiser import NOISE_FREQUENCIES, noise_features
from sciencegen.networks.equivariant.graph import exactly
from sciencegen.networks.equivariant.residue_frames import (
    LARGEST_SEPARATION,
    LOCAL_FEATURES,
    Frames,
    frames,
    local_features,
    place_along_chain,
)
from sciencegen.networks.equivariant.residue_pairs import pair_features, pulled_by, seen_pairs
from sciencegen.networks.equivariant.residue_recall import Recall
from sciencegen.networks.mlp import MLP

TRACE, ATOMS = "trace", "atoms"
"""Fields: alpha carbons in whitened coordinates [batch residue 3]; N and C relative to CA [batch residue 6]."""
EARLIER_TRACE, EARLIER_ATOMS = "earlier_trace", "earlier_atoms"
"""Optional given fields: an earlier estimate of both (`diffusion.self_conditioning`)."""
CHAIN = "chain"
"""Optional given field [batch residue]: the number of each residue's chain, ascending. Without it there is one chain.
Residues of different chains have the largest separation."""
BOND = 0.86
"""Ångström: standard deviation of a coordinate of N or C relative to CA."""


@dataclass(frozen=True)
class ResidueNetworkSettings:
    """width, pair_width: features of each residue and each pair. layers: of each of the two stages. radial: number of
    radial functions, from 0 to `reach` ångström. context: width of the embedding of noise level and condition."""

    width: int = 128
    pair_width: int = 32
    layers: int = 3
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
        self.stages = nn.ModuleList([Stage(s) for _ in range(2)])
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
            forced = exactly(pull_back, moved.forces, count, chain)
            v_trace = v_trace + (moved.whitened + whiten(moved.pulled, count, chain) + forced) * real
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


class Moved(NamedTuple):
    """Parts of v of the trace: in whitened coordinates; in ångström, by pulls at any distance; forces on positions."""

    whitened: Float[Tensor, "batch residue 3"]
    pulled: Float[Tensor, "batch residue 3"]
    forces: Float[Tensor, "batch residue 3"]


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
        return hidden, Moved(turned[:, :, 0], pulled, forces), turned[:, :, 1:3]

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
