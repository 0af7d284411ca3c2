"""A denoiser of points in space: E[x | z] of positions and of features of points and pairs, from noisy z.

z = alpha x + sigma noise with alpha^2 = sigmoid(log_snr), sigma^2 = sigmoid(-log_snr). Positions are preconditioned so
that the network's inputs and outputs have the same scale at every noise level (Karras et al. 2022, table 1, for this
process): with s the standard deviation of a coordinate and m^2 = alpha^2 s^2 + sigma^2,

    x = (alpha s^2 / m^2) z + (sigma s / m) F(s z / m).

Categorical fields are estimated by probabilities, others by the network's output itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.equivariant.graph import centred, complete_graph
from sciencegen.networks.equivariant.pairs import PairNetwork, PairNetworkSettings
from sciencegen.networks.mlp import MLP

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
        if mask is not None and bool(mask.all()):
            mask = None
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
