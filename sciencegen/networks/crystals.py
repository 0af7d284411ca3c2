"""A denoiser of crystals: fractional coordinates, elements and the cell, equivariant as crystals are.

Atoms i and j of a cell with rows L = exp(S), S symmetric, are joined by the vectors to images of j that may be near,

    d_ijk = (f_j - f_i + k) L,     k in {-1, 0, 1}^3,     f_j - f_i in -1/2..1/2,

and i with its own images by those of k other than 0. Pair features start as sum_k phi_b(|d_ijk|), with radial functions
phi_b that fall to zero at a cutoff. They and the atoms' features exchange messages as in `networks.points`; the outputs
are sums over pairs with weights c_ijb, w_ijb that are linear in the pairs' features,

    atoms:  v_i = sum_jb c_ijb sum_k phi_b(|d_ijk|) d_ijk L^-1 / |d_ijk|          (a force, in fractional coordinates)
    cell:   T = sum_ijb w_ijb sum_k phi_b(|d_ijk|) d_ijk d_ijk^T / |d_ijk|^2      (a stress, in the frame of S)

Nothing changes when all atoms are translated, permuted or wrapped; forces and stress turn with the axes when these are
permuted or reversed. Rotations are not there: S is that of the metric tensor, S = 1/2 log(L L^T).

Xie & Jaakkola 2018 (graphs of images); Jiao et al. 2023 (DiffCSP: the joint diffusion); Yim et al. 2024 and
Miller et al. 2024 compare representations of the cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.networks.points import NOISE_FREQUENCIES, exactly, noise_features, radial_functions, where_padded

PLACES, TYPES, CELL = "places", "types", "cell"
"""Fields: fractional coordinates [batch atom 3], vectors of elements [batch atom entry] and the cell [batch 6]."""
EARLIER_PLACES, EARLIER_TYPES, EARLIER_CELL = "earlier_places", "earlier_types", "earlier_cell"
"""Optional given fields: an earlier estimate of these (`diffusion.model`)."""
CONDITION_FREQUENCIES = 7
"""Sines and cosines of a standardized condition at frequencies 2^0 .. 2^6, which tell numbers of space groups apart."""
LEAST_DISTANCE = 0.3
"""Ångström, added in squares to distances, so that directions are smooth where two atoms coincide."""


# Noise of points on a torus: y = x + s eps modulo 1 (`diffusion.spaces`).

WINDINGS = 3
"""Whole numbers from -3 to 3 by which noise may have wrapped around; s is below 1."""
QUADRATURE = 32


def displacement(difference: Tensor, deviation: Tensor) -> Tensor:
    """d* of x - y and the standard deviation s of the noise."""
    nearest = difference - difference.round()
    lifts = nearest[..., None] + torch.arange(-WINDINGS, WINDINGS + 1, dtype=nearest.dtype, device=nearest.device)
    share = (-0.5 * (lifts / deviation[..., None]).square()).softmax(-1)
    return (share * lifts).sum(-1)


def displacement_scale(log_snr: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Root of the mean square of d* over the noise: s where that is small, falling to nothing where y is uniform."""
    deviation = (-0.5 * log_snr).exp()[:, None]
    grid = (torch.arange(QUADRATURE, dtype=log_snr.dtype, device=log_snr.device) + 0.5) / QUADRATURE
    away = torch.special.ndtri(grid)[None] * deviation
    return displacement(away, deviation.expand_as(away)).square().mean(1).sqrt()


# The cell as six numbers.


def symmetric(parts: Float[Tensor, "*batch 6"]) -> Float[Tensor, "*batch 3 3"]:
    """The symmetric matrix with these coordinates in an orthonormal basis: the identity over sqrt 3 first, then
    matrices without a trace."""
    trace, one, two, yz, xz, xy = parts.unbind(-1)
    yz, xz, xy = (value / math.sqrt(2) for value in (yz, xz, xy))
    mean = trace / math.sqrt(3)
    x = mean + one / math.sqrt(2) + two / math.sqrt(6)
    y = mean - one / math.sqrt(2) + two / math.sqrt(6)
    z = mean - 2 * two / math.sqrt(6)
    return torch.stack([x, xy, xz, xy, y, yz, xz, yz, z], -1).unflatten(-1, (3, 3))


def parts_of(matrix: Float[Tensor, "*batch 3 3"]) -> Float[Tensor, "*batch 6"]:
    """The inverse of `symmetric`."""
    x, y, z = matrix.diagonal(dim1=-2, dim2=-1).unbind(-1)
    off = [math.sqrt(2) * matrix[..., i, j] for i, j in ((1, 2), (0, 2), (0, 1))]
    diagonal = [(x + y + z) / math.sqrt(3), (x - y) / math.sqrt(2), (x + y - 2 * z) / math.sqrt(6)]
    return torch.stack([*diagonal, *off], -1)


@dataclass(frozen=True)
class CrystalNetworkSettings:
    """width, pair_width: features of each atom and each pair. radial: number of radial functions. reach: Å, where they
    end. context: width of the embedding of the noise level, the size and the condition."""

    width: int = 128
    pair_width: int = 32
    layers: int = 4
    heads: int = 8
    radial: int = 24
    reach: float = 7.0
    context: int = 64

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ConfigError(f"Expected a width that {self.heads} heads divide, got {self.width}.")


class PairSums(NamedTuple):
    """Of each ordered pair of atoms: radial functions, summed over images, alone and times the direction as fractional
    coordinates of a cell of volume 1, and times its square in the basis of `symmetric`."""

    radial: Float[Tensor, "batch atom atom radial"]
    forces: Float[Tensor, "batch atom atom radial 3"]
    stresses: Float[Tensor, "batch atom atom radial 6"]


def neighbours(
    places: Float[Tensor, "batch atom 3"], cell: Float[Tensor, "batch 3 3"], count: int, reach: float
) -> PairSums:
    """cell: S, in the unit of log Å. Each unordered pair is computed once: the force on the other atom is opposite."""
    lattice, size = torch.linalg.matrix_exp(cell), places.shape[1]
    first, second = torch.triu_indices(size, size, device=places.device)
    apart = places[:, second] - places[:, first]
    apart = apart - apart.round()
    images = torch.cartesian_prod(*3 * [torch.arange(-1, 2, device=places.device)]).to(places)
    steps = apart[:, :, None] + images  # [batch pair image 3]
    vectors = torch.einsum("bpkx,bxy->bpky", steps, lattice)
    length = (vectors.square().sum(-1) + LEAST_DISTANCE**2).sqrt()
    itself = (first == second)[:, None] & (images == 0).all(-1)
    near = (length < reach) & ~itself
    envelope = torch.where(near, 0.5 * torch.cos(math.pi * length.clamp(max=reach) / reach) + 0.5, 0.0)
    radial = radial_functions(length, count, reach) * envelope[..., None]
    scale = (cell.diagonal(dim1=-2, dim2=-1).sum(-1) / 3).exp()[:, None, None]
    x, y, z = (vectors / length[..., None]).unbind(-1)
    squares = [(x * x + y * y + z * z) / math.sqrt(3), (x * x - y * y) / math.sqrt(2)]
    squares += [(x * x + y * y - 2 * z * z) / math.sqrt(6), *(math.sqrt(2) * one for one in (y * z, x * z, x * y))]
    towards = (steps * (scale / length)[..., None]).unbind(-1)
    weights = torch.stack([torch.ones_like(x), *towards, *squares], -1)
    sums = radial.transpose(2, 3) @ weights  # [batch pair radial 10]
    pair = torch.empty(size, size, dtype=torch.long, device=places.device)
    pair[first, second] = pair[second, first] = torch.arange(len(first), device=places.device)
    whole = sums[:, pair]
    sign = torch.ones_like(places[0, :, :1] @ places[0, :, :1].T).triu() * 2 - 1
    return PairSums(whole[..., 0], whole[..., 1:4] * sign[..., None, None], whole[..., 4:])


class CrystalLayer(nn.Module):
    """Messages between pairs and atoms; the context shifts and scales normalized features."""

    def __init__(self, settings: CrystalNetworkSettings) -> None:
        super().__init__()
        width, pair = settings.width, settings.pair_width
        self.heads = settings.heads
        self.modulation = nn.Linear(settings.context, 4 * width)
        self.ends = nn.Linear(width, 2 * pair)
        self.pair = nn.Linear(pair, 2 * pair, bias=False)
        self.pair_out = nn.Linear(2 * pair, pair)
        self.bias = nn.Linear(pair, settings.heads, bias=False)
        self.attention = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width + pair, width)
        self.hidden = nn.Linear(width, 3 * width)
        self.hidden_out = nn.Linear(3 * width, width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        for layer in (self.pair_out, self.attention_out, self.hidden_out):
            nn.init.normal_(layer.weight, std=0.5 * (layer.in_features * settings.layers) ** -0.5)
            nn.init.zeros_(layer.bias)

    def forward(
        self,
        atoms: Float[Tensor, "batch atom width"],
        pairs: Float[Tensor, "batch atom atom pair_width"],
        context: Float[Tensor, "batch context"],
        real: Float[Tensor, "batch atom"] | None,
    ) -> tuple[Tensor, Tensor]:
        scale, shift, hidden_scale, hidden_shift = self.modulation(context)[:, None].chunk(4, -1)
        normal = functional.layer_norm(atoms, atoms.shape[-1:]) * (1 + scale) + shift
        ends = self.ends(normal)
        inner = self.pair(functional.layer_norm(pairs, pairs.shape[-1:])) + ends[:, :, None] + ends[:, None]
        pairs = pairs + self.pair_out(functional.silu(inner))
        attended, mean = self._attend(normal, pairs, real)
        atoms = atoms + self.attention_out(torch.cat([attended, mean], -1))
        normal = functional.layer_norm(atoms, atoms.shape[-1:]) * (1 + hidden_scale) + hidden_shift
        return atoms + self.hidden_out(functional.silu(self.hidden(normal))), pairs

    def _attend(self, normal: Tensor, pairs: Tensor, real: Tensor | None) -> tuple[Tensor, Tensor]:
        """Attention with a bias by pairs, and the mean of each atom's pairs."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.attention(normal).chunk(3, -1)
        )
        logits = query @ key.transpose(-1, -2) * key.shape[-1] ** -0.5 + self.bias(pairs).permute(0, 3, 1, 2)
        if real is None:
            mean = pairs.mean(2)
        else:
            logits = logits.masked_fill(real[:, None, None] == 0, float("-inf"))
            mean = (pairs * real[:, None, :, None]).sum(2) / real.sum(1)[:, None, None].clamp(min=1)
        return (logits.softmax(-1) @ value).transpose(1, 2).flatten(-2), mean


def cell_invariants(cell: Float[Tensor, "batch 6"]) -> Float[Tensor, "batch 6"]:
    """Numbers of the field `cell` that don't depend on the order and the signs of the axes."""
    shape = symmetric(torch.cat([torch.zeros_like(cell[:, :1]), cell[:, 1:]], 1))
    square = shape @ shape
    powers = [(power.diagonal(dim1=1, dim2=2).sum(1) / 4)[:, None] for power in (square, square @ shape)]
    return torch.cat([cell[:, :1], *powers, shape.diagonal(dim1=1, dim2=2).sort(1).values], 1)


def log_lattice(
    cell: Float[Tensor, "batch 6"], count: Float[Tensor, " batch"], moments: tuple[float, float, float]
) -> Float[Tensor, "batch 3 3"]:
    """S of the field `cell` and the number of atoms. moments: as of a `CrystalDenoiser`."""
    mean, deviation, shape = moments
    log_volume = mean + deviation * cell[:, 0] + count.log()
    return symmetric(torch.cat([(log_volume / math.sqrt(3))[:, None], shape * cell[:, 1:]], -1))


def cell_field(
    log_lattice: Float[Tensor, "batch 3 3"], count: Float[Tensor, " batch"], moments: tuple[float, float, float]
) -> Float[Tensor, "batch 6"]:
    """The inverse of `log_lattice`."""
    mean, deviation, shape = moments
    parts = parts_of(log_lattice)
    volume = (parts[:, :1] * math.sqrt(3) - count.log()[:, None] - mean) / deviation
    return torch.cat([volume, parts[:, 1:] / shape], 1)


class CrystalEncoder(nn.Module):
    """A batch of crystals -> mean and logarithm of the standard deviation of a code [batch latent], which doesn't
    depend on the origin, the order of atoms and that of the axes."""

    def __init__(
        self,
        entries: int,
        latent: int,
        cell: tuple[float, float, float],
        settings: CrystalNetworkSettings | None = None,
    ) -> None:
        super().__init__()
        s = self.settings = settings or CrystalNetworkSettings()
        self.cell = cell
        self.context = MLP(7, s.context, s.context, 1)
        self.atom_in = nn.Linear(entries, s.width)
        self.pair_in = nn.Linear(s.radial, s.pair_width)
        self.layers = nn.ModuleList([CrystalLayer(s) for _ in range(s.layers)])
        self.out = MLP(2 * s.width + 7, 2 * latent, s.width, 1)

    def forward(self, batch: Batch) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        places, types, cell = batch[PLACES], batch[TYPES], batch[CELL]
        real = torch.ones_like(places[..., 0]) if batch.mask is None else batch.mask.to(places)
        count = real.sum(1)
        shape = log_lattice(cell, count, self.cell)
        geometry = exactly(neighbours, places, shape, self.settings.radial, self.settings.reach)
        known = torch.cat([(count / 8).log()[:, None], cell_invariants(cell)], 1)
        context, atoms, pairs = self.context(known), self.atom_in(types), self.pair_in(geometry.radial)
        for layer in self.layers:
            atoms, pairs = layer(atoms, pairs, context, real)
        atoms = functional.layer_norm(atoms, atoms.shape[-1:])
        mean = (atoms * real[..., None]).sum(1) / count[:, None]
        most = atoms.masked_fill(real[..., None] == 0, float("-inf")).amax(1)
        centre, log_std = self.out(torch.cat([mean, most, known], 1)).chunk(2, 1)
        return centre, log_std.clamp(-8, 2) - 1


class CrystalDenoiser(nn.Module):
    """`(z, log_snr, condition, mask) -> estimates` of the fields places, types and cell.

    Parameters
    ----------
    elements : Tensor [element entry]
        The vector of each element.
    conditions : int
        Number of columns of the condition (NaN: not given).
    latent : int
        Number of further columns, a code of the crystal.
    shifts : mapping
        Field -> its shift of the log-SNR.
    cell : (float, float, float)
        Moments that turn the field `cell` into S: the mean of log(volume / atoms), its standard deviation, and that of
        a coordinate of S without its trace.
    """

    recalls = True
    elements: Float[Tensor, "element entry"]

    def __init__(
        self,
        elements: Float[Tensor, "element entry"],
        conditions: int = 0,
        shifts: Mapping[str, float] | None = None,
        latent: int = 0,
        cell: tuple[float, float, float] = (2.8, 0.35, 0.15),
        settings: CrystalNetworkSettings | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings = settings or CrystalNetworkSettings()
        self.conditions, self.latent, self.cell = conditions, latent, cell
        self.register_buffer("elements", elements, persistent=False)
        self.shifts = {PLACES: 0.0, TYPES: 0.0, CELL: 0.0, **(shifts or {})}
        width, pair, radial = settings.width, settings.pair_width, settings.radial
        inputs = 2 * NOISE_FREQUENCIES + 9 + (2 + 2 * CONDITION_FREQUENCIES) * conditions + latent
        self.context = MLP(inputs, settings.context, settings.context, 2)
        self.atom_in = nn.Linear(2 * elements.shape[1], width)
        self.pair_in = nn.Linear(2 * radial, pair)
        self.layers = nn.ModuleList([CrystalLayer(settings) for _ in range(settings.layers)])
        self.types = nn.Linear(width, len(elements))
        self.force = nn.Linear(pair, 2 * radial)
        self.gate = nn.Linear(width, 2 * radial)
        self.stress = nn.Linear(pair, 2 * radial)
        self.whole = MLP(width, 1 + 3, width, 1)

    def forward(
        self,
        z: Mapping[str, Tensor],
        log_snr: Float[Tensor, " batch"],
        condition: Float[Tensor, "batch property"] | None = None,
        mask: Bool[Tensor, "batch atom"] | None = None,
    ) -> dict[str, Tensor]:
        """Estimates of each field; that of places is y = z / alpha plus a displacement without a mean."""
        self._check(z)
        mask = where_padded(mask)
        real = None if mask is None else mask.to(z[PLACES].dtype)
        count = log_snr.new_full(log_snr.shape, z[PLACES].shape[1]) if real is None else real.sum(1)
        at = {name: log_snr + shift for name, shift in self.shifts.items()}
        places = z[PLACES] / torch.sigmoid(at[PLACES]).sqrt()[:, None, None]
        cell = torch.sigmoid(at[CELL]).sqrt()[:, None] * z[CELL]  # the mean of N(0, 1) given z, so never far from it
        geometry = [exactly(neighbours, places, log_lattice(cell, count, self.cell), *self._radial)]
        known = [z[TYPES]]
        if recalled := EARLIER_PLACES in z:
            shape = log_lattice(z[EARLIER_CELL], count, self.cell)
            geometry.append(exactly(neighbours, z[EARLIER_PLACES], shape, *self._radial))
            known.append(z[EARLIER_TYPES])
        else:
            geometry.append(geometry[0])
            known.append(torch.zeros_like(z[TYPES]))
        context = self._context(log_snr, cell, count, condition, recalled)
        atoms = self.atom_in(torch.cat(known, -1))
        pairs = self.pair_in(torch.cat([one.radial for one in geometry], -1))
        for layer in self.layers:
            atoms, pairs = layer(atoms, pairs, context, real)
        atoms = functional.layer_norm(atoms, atoms.shape[-1:])
        pairs = functional.layer_norm(pairs, pairs.shape[-1:])
        force, stress = self.force(pairs), self.stress(pairs)
        if real is not None:
            both = (real[:, :, None] * real[:, None])[..., None]
            force, stress, atoms = force * both, stress * both, atoms * real[..., None]
        kinds = self.types(atoms).softmax(-1) @ self.elements.to(atoms)
        return {
            PLACES: self._places(places, atoms, force, geometry, at[PLACES], real),
            TYPES: kinds if real is None else kinds * real[..., None],
            CELL: self._cell(cell, atoms, stress, geometry, at[CELL], count),
        }

    @property
    def _radial(self) -> tuple[int, float]:
        return self.settings.radial, self.settings.reach

    def _check(self, z: Mapping[str, Tensor]) -> None:
        for name, width in ((PLACES, 3), (TYPES, self.elements.shape[1]), (CELL, 6)):
            if name not in z:
                raise unknown_name("field (the state lacks it)", name, z)
            if z[name].shape[-1] != width or z[name].ndim != (2 if name == CELL else 3):
                layout = "batch" if name == CELL else "batch atom"
                raise ShapeError(f"Expected '{name}' of shape [{layout} {width}], got {list(z[name].shape)}.")

    def _context(
        self, log_snr: Tensor, cell: Tensor, count: Tensor, condition: Tensor | None, recalled: bool
    ) -> Tensor:
        """Embedding of the noise level, the number of atoms, what the axes' order and signs leave of the cell, and the
        condition with its missing values."""
        size = (count / 8).log()[:, None]
        own = None if condition is None else condition[:, : self.conditions]
        code = [] if condition is None or not self.latent else [condition[:, self.conditions :].to(size)]
        known = condition_features(own, size, self.conditions)
        value, present = known.chunk(2, 1)
        phase = value[..., None] * 2.0 ** torch.arange(CONDITION_FREQUENCIES, device=value.device)
        waves = (torch.cat([phase.sin(), phase.cos()], -1) * present[..., None]).flatten(1)
        flag = torch.full_like(size, float(recalled))
        return self.context(
            torch.cat([noise_features(log_snr), size, cell_invariants(cell), flag, known, waves, *code], -1)
        )

    def _places(
        self,
        places: Tensor,
        atoms: Tensor,
        force: Tensor,
        geometry: list[PairSums],
        log_snr: Tensor,
        real: Tensor | None,
    ) -> Tensor:
        weights = force * (1 + self.gate(atoms))[:, :, None]
        forces = torch.cat([one.forces for one in geometry], 3)
        moved = torch.einsum("bijr,bijrx->bix", weights, forces)
        if real is None:
            moved = moved - moved.mean(1, keepdim=True)
        else:
            moved = moved * real[..., None]
            moved = (moved - moved.sum(1, keepdim=True) / real.sum(1)[:, None, None].clamp(min=1)) * real[..., None]
        return places + displacement_scale(log_snr)[:, None, None] * moved

    def _cell(
        self,
        cell: Tensor,
        atoms: Tensor,
        weights: Tensor,
        geometry: list[PairSums],
        log_snr: Tensor,
        count: Tensor,
    ) -> Tensor:
        """Alpha z + sigma F: preconditioned for coordinates of unit variance (Karras et al. 2022)."""
        stresses = torch.cat([one.stresses for one in geometry], 3)
        stress = torch.einsum("bijr,bijrx->bx", weights, stresses) / count[:, None]
        mean = atoms.sum(1) / count[:, None]
        volume, one, two, three = self.whole(mean).split(1, -1)
        shape = symmetric(torch.cat([torch.zeros_like(cell[:, :1]), cell[:, 1:]], 1))
        bent = one * cell[:, 1:] + two * parts_of(shape @ shape)[:, 1:] + (1 + three) * stress[:, 1:]
        change = torch.cat([volume + stress[:, :1], bent], 1)
        return cell + torch.sigmoid(-log_snr).sqrt()[:, None] * change
