"""The diffusion model of backbones: noise that looks like a folded polymer, an SE(3)-equivariant network of residues.

Each chain is the whitened trace of its alpha carbons and the positions of N and C relative to them. Lengths follow the
training chains, or the requested condition `length`, which the network doesn't see: it knows the number of residues.
Conditions that aren't requested follow the training chains too, so that draws have the secondary structure of nature.

Frames of residues with flow matching on SO(3), as in FrameFlow (Yim et al. 2023), were tried in place of N and C. On
equal time neither state drew clearly better chains (`tests/benchmarks/backbone_states.py`). Coordinates are the simpler
one: likelihoods, samplers and guidance are those of any Euclidean field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor, inf
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from sciencegen.batch import Batch
from sciencegen.diffusion.model import Bend, Condition, DiffusionModel, DiffusionSettings, TypicalConditions, vary
from sciencegen.diffusion.objectives import Norms
from sciencegen.diffusion.posterior import Correction, least_change, reconstructing
from sciencegen.diffusion.process import Denoiser, Levels, symmetrized
from sciencegen.diffusion.samplers import row_keys
from sciencegen.diffusion.schedules import noise_schedule
from sciencegen.diffusion.sizes import SizedDiffusion, SizeTable
from sciencegen.diffusion.state import Euclidean, Field, Fields, State, with_fields
from sciencegen.diffusion.steering import fitted
from sciencegen.domains.capabilities import DrawTask, DrawTasks, TaskSettings
from sciencegen.domains.proteins.backbones.files import POSITIONS, parse, read
from sciencegen.domains.proteins.backbones.geometry import C_O, LEAST_APART, OVERLAP_SEPARATION, SIDE_CHAIN
from sciencegen.domains.proteins.backbones.given_atoms import LEAST_TO_GIVEN, GivenAtoms, overlaps
from sciencegen.domains.proteins.backbones.inverse_folding import beta_carbons
from sciencegen.domains.proteins.backbones.items import SHORTEST, Backbone, copy_count, rotations
from sciencegen.domains.proteins.backbones.metrics import measure
from sciencegen.domains.proteins.backbones.motifs import Lengths, Motif, read_motif
from sciencegen.domains.proteins.backbones.relaxation import join
from sciencegen.domains.proteins.backbones.representation import (
    AROUND,
    COPIES,
    LENGTH,
    LETTER,
    LETTERS_IN_ORDER,
    OXYGEN,
    BackboneRepresentation,
    around_trace,
    padded_places,
    places_of,
    relative_to_trace,
    why_broken,
)
from sciencegen.domains.proteins.residues import UNKNOWN
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Cell, Refusal
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.points import centred, exactly
from sciencegen.networks.residues import (
    ATOMS,
    BOND,
    CHAIN,
    TRACE,
    ResidueDenoiser,
    ResidueNetworkSettings,
    colour,
    globule_radius,
    place_along_chain,
    pull_back,
    walk_matrix,
    whiten,
)

# Draws of chains without overlaps: residues that an estimate places closer than those of proteins are moved apart.
#
# Where two parts of a drawn chain come to lie in the same place they stay there: estimates at high noise are means,
# and at low noise the network has seen no chain that passes through itself. So estimates are moved, `ROUNDS` times,
# by
#
#     w <- w - r (C^T / s^2) dE/dc,     E = 1/2 sum_{j - i >= 3} sum_{a, b} (d_ab - |x_ia - x_jb|)_+^2
#
# with whitened coordinates w, positions c = C w of alpha carbons (`networks.residues`), and positions x_ia of N, CA,
# C, O, CB and the beginning of a side chain, which keep their places relative to them; and by forces toward the centre
# while the radius of gyration is above the estimate's, so that parts move into empty places instead of outward. d_ab
# are distances within which few native atoms lie (`geometry.LEAST_APART`). C^T makes it a move that the noise could
# have made: where one residue is pushed, those around it follow, and bonds hardly change. Both are guiding potentials
# as in Watson et al. 2023 (RFdiffusion), applied to the estimate itself.

FIRST_LEVEL = 0.0
"""Log-SNR from which on estimates are moved: those of more noise are means of different folds."""
RATE, ROUNDS = 0.25, 6
CENTRING = 0.5
"""Of the forces toward the centre: the share of the excess over the estimate's radius."""
LONGEST_MOVE = 1.0
"""Ångström: longest move of a residue in one round."""
REACH = 10.0
"""Ångström: residues with alpha carbons farther apart have no atoms that overlap."""


def without_overlaps(denoise: Denoiser) -> Denoiser:
    """A denoiser whose estimates are moved as above. They hold no gradient of the move."""

    def moved(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = denoise(z, log_snr, condition, mask)
        late = log_snr.amin() >= FIRST_LEVEL
        if known_false(late):
            return estimate
        trace, atoms = (estimate[name].detach() for name in (TRACE, ATOMS))
        change = exactly(trace_change, trace, atoms, z.get(CHAIN), mask)
        return {**estimate, TRACE: torch.where(late, estimate[TRACE] + change, estimate[TRACE])}

    return moved


def known_false(flag: Bool[Tensor, ""]) -> bool:
    """Whether a flag is false, on a CPU: elsewhere the host would have to wait for it. What is left out by it would
    change nothing."""
    return flag.device.type == "cpu" and not flag


@torch.no_grad()
def trace_change(
    trace: Float[Tensor, "batch residue 3"],
    atoms: Float[Tensor, "batch residue 6"],
    chain: Tensor | None = None,
    mask: Bool[Tensor, "batch residue"] | None = None,
) -> Float[Tensor, "batch residue 3"]:
    """The change of whitened coordinates that moves overlapping residues apart, zero where there are none.

    Parameters
    ----------
    trace, atoms : tensor
        Alpha carbons in whitened coordinates; N and C relative to them, over `BOND`.
    chain : tensor [batch, residue], optional
        The number of each residue's chain.
    mask : tensor [batch, residue], optional
        False for padding.
    """
    real = torch.ones_like(trace[..., 0], dtype=torch.bool) if mask is None else mask
    count, index = real.sum(1), place_along_chain(trace, chain)
    pairs = real[:, :, None] & real[:, None] & (index[:, None] - index[:, :, None] >= OVERLAP_SEPARATION)
    positions = colour(trace, count, chain)
    size, places = gyration(positions, real), heavy_atoms(positions, atoms, index)
    pairs = (pairs & (torch.cdist(positions, positions) < REACH)).nonzero()
    total = torch.zeros_like(trace)
    for _ in range(ROUNDS):
        forces = repulsion(places, pairs)
        if known_false(forces.any()):
            break
        overlapping = forces.flatten(1).any(1)[:, None, None]  # others of the batch stay, as they would alone
        excess = 1 - size / gyration(positions, real)
        forces = forces - overlapping * CENTRING * excess * centred(positions, real)
        step = RATE * pull_back(forces, count, chain) * real[..., None]
        shift = colour(step, count, chain)
        longest = shift.norm(dim=-1).amax(1)[:, None, None]
        shorter = LONGEST_MOVE / longest.clamp(min=LONGEST_MOVE)
        total, shift = total + shorter * step, shorter * shift
        positions, places = positions + shift, places + shift[:, :, None]
    return total


class Around(NamedTuple):
    """The motif and the given atoms of chains of one length, in one frame.

    motif: N, CA and C of the fixed residues. fixed: which these are. places: of the given atoms. least: distances to
    them of a residue's six atoms (`heavy_atoms`). apart: whether a residue must not overlap an atom.
    """

    motif: Float[Tensor, "batch residue 3 3"]
    fixed: Bool[Tensor, "batch residue"]
    places: Float[Tensor, "atom 3"]
    least: Float[Tensor, "6 atom"]
    apart: Bool[Tensor, "batch residue atom"]


def without_given_overlaps(denoise: Denoiser, around: Around) -> Denoiser:
    """A denoiser whose estimates are moved out of the given atoms, which follow the motif of each estimate. The motif
    stays where it is."""

    def moved(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = denoise(z, log_snr, condition, mask)
        late = log_snr.amin() >= FIRST_LEVEL
        if known_false(late):
            return estimate
        change = exactly(given_change, estimate[TRACE], estimate[ATOMS], around)
        return {**estimate, TRACE: torch.where(late, estimate[TRACE] + change, estimate[TRACE])}

    return moved


@torch.no_grad()
def given_change(
    trace: Float[Tensor, "batch residue 3"], atoms: Float[Tensor, "batch residue 6"], around: Around
) -> Float[Tensor, "batch residue 3"]:
    """The change of whitened coordinates that moves drawn residues out of the given atoms, as `trace_change` does from
    each other; of all with the same effect, the one that leaves fixed residues where they are."""
    count = torch.full(trace.shape[:1], trace.shape[1], device=trace.device)
    walk = walk_matrix(count, trace.shape[1]).to(trace)
    positions = walk @ trace
    given, least = placed_with(around, positions, atoms), around.least.to(trace).T
    places = heavy_atoms(positions, atoms, place_along_chain(trace, None))
    total = torch.zeros_like(trace)
    for _ in range(ROUNDS):
        near = around.apart & (torch.cdist(places[:, :, 1], given) < REACH)
        item, row, atom = near.nonzero().T
        apart = places[item, row] - given[item, atom][:, None]
        length = apart.norm(dim=-1, keepdim=True).clamp(min=1e-3)
        push = ((least[atom][..., None] - length).clamp(min=0) / length * apart).sum(1)
        if known_false(push.any()):
            break
        forces = torch.zeros_like(trace).index_put_((item, row), push, accumulate=True)
        step = RATE * pull_back(forces, count)
        step = step - least_change(walk, around.fixed, walk @ step)
        shift = walk @ step
        shorter = LONGEST_MOVE / shift.norm(dim=-1).amax(1)[:, None, None].clamp(min=LONGEST_MOVE)
        total, shift = total + shorter * step, shorter * shift
        places = places + shift[:, :, None]
    return total


def placed_with(
    around: Around, positions: Float[Tensor, "batch residue 3"], atoms: Float[Tensor, "batch residue 6"]
) -> Float[Tensor, "batch atom 3"]:
    """The given atoms, moved with the motif as it lies in a chain."""
    size = 3 * positions.shape[1]
    given = around.places.to(positions).expand(len(positions), -1, -1)
    points = torch.cat([around.motif.to(positions).flatten(1, 2), given], 1)
    there = torch.zeros_like(points[..., :1], dtype=torch.bool)
    there[:, :size] = around.fixed.repeat_interleave(3, 1)[..., None]
    target = torch.cat([around_trace(positions, atoms).flatten(1, 2), torch.zeros_like(given)], 1)
    return fitted(points, there, target, reflect=False)[:, size:]


def heavy_atoms(
    positions: Float[Tensor, "batch residue 3"],
    atoms: Float[Tensor, "batch residue 6"],
    index: Int[Tensor, "_ residue"],
) -> Float[Tensor, "batch residue 6 3"]:
    """N, CA, C, O, ideal CB, and where the side chain begins. A residue that isn't followed by the next one has its O
    opposite to CA."""
    n, c = (BOND * atoms).split(3, -1)
    joined = (index[:, 1:] - index[:, :-1] == 1)[..., None]
    away = normalize(c, dim=-1)
    bond = positions[:, :-1] + c[:, :-1] - positions[:, 1:] - n[:, 1:]
    away = torch.cat([away[:, :-1] + joined * normalize(bond, dim=-1), away[:, -1:]], 1)
    oxygen = c + C_O * normalize(away, dim=-1)
    beta = beta_carbons(n, c)
    return positions[:, :, None] + torch.stack([n, torch.zeros_like(n), c, oxygen, beta, SIDE_CHAIN * beta], 2)


def repulsion(
    places: Float[Tensor, "batch residue atom 3"], pairs: Int[Tensor, "pair 3"]
) -> Float[Tensor, "batch residue 3"]:
    """-dE/dc of E = 1/2 sum over pairs of residues and their atoms of max(0, d - |x - y|)^2. pairs: item, residue,
    residue."""
    item, one, other = pairs.T
    apart = places[item, one][:, :, None] - places[item, other][:, None]
    length = apart.norm(dim=-1).clamp(min=1e-3)
    least = torch.from_numpy(LEAST_APART).to(length)
    push = ((least - length).clamp(min=0) / length)[..., None] * apart
    push = push.sum((1, 2))
    forces = torch.zeros_like(places[:, :, 0])
    forces.index_put_((item, one), push, accumulate=True)
    return forces.index_put_((item, other), -push, accumulate=True)


def gyration(
    points: Float[Tensor, "batch residue 3"], real: Bool[Tensor, "batch residue"]
) -> Float[Tensor, "batch 1 1"]:
    """Radius of gyration."""
    squares = centred(points, real).square().sum((1, 2)) / real.sum(1)
    return squares.sqrt()[:, None, None]


CONDITIONS = (LENGTH, "helix", "strand", "rg_ratio")
TRAINING = {"batch_size": 12, "learning_rate": 6e-4}
CHECKED_DRAWS = 8
CPU_ROWS = 4
"""More chains at once are slower, since features of pairs leave the processor's cache."""
CONTACT, APART = 7.0, 3
"""Ångström: distance of alpha carbons in contact, at least so many residues apart."""
LOG_SNR_ENDS, SHIFT = (9.0, -9.0), 1.0


@dataclass(frozen=True)
class BackboneDiffusionSettings:
    """network, diffusion: nested settings. placement: weight, from 0 to 1, of errors of positions and contacts in the
    loss (`chain_norms`). shift: log-SNR about which noise levels lie in training and draws. condition_bias: by how much
    draws exceed the values of conditions, such as {rg_ratio: 0.07}, measured after training; less is asked of the
    network. excluded_volume: whether residues that overlap are moved apart while chains are drawn
    (`without_overlaps`)."""

    network: ResidueNetworkSettings = field(default_factory=ResidueNetworkSettings)
    placement: float = 0.6
    shift: float = SHIFT
    condition_bias: Mapping[str, float] = field(default_factory=dict)
    excluded_volume: bool = True
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            prediction="v",
            weighting="edm",
            dropout=ConditionDropout(some=0.5, everything=0.5),
            sampler="ancestral",
            steps=49,
            crowding=1.5,
            step_noise=0.5,
            self_conditioning=0.5,
        )
    )

    def __post_init__(self) -> None:
        if not 0 <= self.placement <= 1:
            raise ConfigError(f"Expected a placement from 0 to 1, got {self.placement}. Choose one between.")
        if not LOG_SNR_ENDS[1] < self.shift < LOG_SNR_ENDS[0]:
            ends = " to ".join(f"{end:g}" for end in LOG_SNR_ENDS[::-1])
            raise ConfigError(f"Expected a shift of {ends}, got {self.shift}. Choose one between.")
        for name, value in self.condition_bias.items():
            if not np.isfinite(value):
                raise ConfigError(f"Expected a number as condition_bias of '{name}', got {value}. Leave it out.")


def backbone_diffusion(representation: BackboneRepresentation, settings: BackboneDiffusionSettings) -> SizedDiffusion:
    """Build the model of chains up to the longest training chain."""
    columns = [column for column, name in enumerate(representation.properties) if name != LENGTH]
    state = State({TRACE: Field(Euclidean()), ATOMS: Field(Euclidean())})
    longest = int(representation.sizes[-1])
    shapes = {TRACE: (longest, 3), ATOMS: (longest, 6)}
    network = ResidueDenoiser(columns, settings.network, recalls=settings.diffusion.self_conditioning > 0)
    norms = chain_norms(state, settings.placement)
    guide = without_overlaps if settings.excluded_volume else None
    schedule = noise_schedule(settings.diffusion.schedule or "cosine", *LOG_SNR_ENDS, settings.shift)
    diffusion = DiffusionModel(network, state, schedule, shapes, settings.diffusion, norms, guide)
    return SizedDiffusion(
        diffusion, size_table(representation), typical_conditions(representation, settings.condition_bias)
    )


def adapted(
    model: SizedDiffusion, old: BackboneRepresentation, new: BackboneRepresentation,
    settings: BackboneDiffusionSettings, seed: int,
) -> SizedDiffusion:  # fmt: skip
    """The model for the chains of `new`, which may be longer ones, with the weights of `model`.

    A network of more stages begins as the old one: further stages change nothing until they have learned.

    Raises
    ------
    ConfigError
        If another network is asked for, such as a wider one.
    """
    built, known = backbone_diffusion(new, settings), model.state_dict()
    weights = built.state_dict()
    for name, value in known.items():
        place = weights.get(name)
        if place is None or place.shape[1:] != value.shape[1:] or len(place) < len(value):
            raise ConfigError(
                "Expected a `network` with the sizes of the one that is fine-tuned, or with more `stages`, got other "
                f"sizes of '{name}'. Leave them out."
            )
        place[: len(value)] = value
    built.load_state_dict(weights)
    return built


def chain_norms(state: State, placement: float) -> Norms:
    """Squared errors of a chain, for its trace with a part in real space.

        (1 - p) |w|^2 + p / 2 (sum_i |c_i|^2 + sum_contacts |c_i - c_j|^2) / s^2

    with errors w in whitened coordinates and c = c(w) in ångström, and s the spread of a coordinate in a globule
    (`networks.residues`). In w a chain's shape, a sum of them, counts as little as any bond; but a shift of a strand by
    1 Å breaks its hydrogen bonds. Contacts are those of the native chain, as in the auxiliary losses of Yim et al. 2023
    (FrameDiff), each once. They depend on x: the best estimate is a mean weighted by them, not exactly E[x | z].
    """

    def norms(errors: Fields, x: Batch) -> dict[str, Tensor]:
        found = state.squared_norms(errors, x.mask)
        trace = errors[TRACE]
        real = torch.ones_like(trace[..., :1]) if x.mask is None else x.mask[..., None].to(trace)
        placed = exactly(_placed, trace, x[TRACE], real)
        found[TRACE] = (1 - placement) * found[TRACE] + 0.5 * placement * placed
        return found

    return norms


def _placed(
    errors: Float[Tensor, "batch residue 3"],
    whitened: Float[Tensor, "batch residue 3"],
    real: Float[Tensor, "batch residue 1"],
) -> Float[Tensor, " batch"]:
    """Squared errors of positions, and of differences between contacts, over the variance of a position."""
    count = real.sum((1, 2)).long()
    moved, native = (colour(values * real, count) * real for values in (errors, whitened))
    index = torch.arange(native.shape[1], device=native.device)
    contact = torch.cdist(native, native) < CONTACT
    contact = contact & (index - index[:, None] >= APART) & (real * real.mT > 0)
    differences = (moved[:, None] - moved[:, :, None]).square().sum(-1)
    squares = moved.square().sum((1, 2)) + (differences * contact).sum((1, 2))
    return 3 * squares / globule_radius(count).square().to(squares)


def size_table(representation: BackboneRepresentation) -> SizeTable:
    """Distribution of the number of residues, with the properties' moments at each number."""
    parts = (representation.sizes, representation.counts, representation.size_mean, representation.size_std)
    return SizeTable(*map(torch.from_numpy, parts))


def typical_conditions(
    representation: BackboneRepresentation, bias: Mapping[str, float] | None = None
) -> TypicalConditions:
    """Shares of helix and strand, and so on, of training chains: unconditional models draw too few strands.

    Raises
    ------
    UnknownNameError
        If a bias is that of no condition.
    """
    known, lengths, names = representation.known, representation.lengths, list(representation.properties)
    off, seen = np.zeros(len(names)), [name for name in names if name != LENGTH]
    for name, value in (bias or {}).items():
        if name not in seen:
            raise unknown_name("condition that the network sees", name, seen)
        off[names.index(name)] = value / representation.standardization.std[names.index(name)]
    parts = torch.from_numpy(known).float(), torch.from_numpy(lengths)
    return TypicalConditions(*parts, torch.from_numpy(off).float() if bias else None)


def backbone_figures(
    model: SizedDiffusion, representation: BackboneRepresentation, known: Sequence[np.ndarray]
) -> Mapping[str, float]:
    """Of draws without requested conditions: shares that are well formed, and mean shares of helix and strand."""
    noise = torch.randn(CHECKED_DRAWS, model.latent_size, generator=torch.Generator().manual_seed(0))
    batch = model.generate(noise)
    decoded = representation.decode(batch)
    items = [item for item in decoded if not isinstance(item, Refusal)]
    figures = {"well_formed": float(representation.well_formed(batch, decoded).mean())}
    if items:
        figures |= dict(zip(("helix", "strand"), measure(items, ("helix", "strand")).mean(0).tolist(), strict=True))
    return figures


# The lengths that a task may draw: what `where` accepts, up to the longest chain that the model has seen.


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


# Cyclic oligomers by symmetric noise: one chain is drawn, the network sees all chains of the assembly.

RARE = 1e-6
"""Relative frequency of assemblies whose size no training chain has."""


@dataclass(frozen=True)
class OligomerTask:
    """Assemblies of `copies` equal chains. lengths: of a chain."""

    model: SizedDiffusion
    copies: int
    lengths: LengthRange

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """A batch with the given field `copies`."""
        diffusion, settings = self.model.diffusion, self.model.diffusion.settings

        def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
            x = diffusion.draw(z, settings.sampler, settings.steps, bend=symmetric(self.model, self.copies))
            return rewhitened(x, self.copies, 1)

        drawn = self.model.each_size(noise, self._counts(noise[:, 0].cpu()), work, condition)
        return with_copies(drawn, self.copies)

    def _counts(self, quantile: Float[Tensor, " batch"]) -> Int[Tensor, " batch"]:
        """Lengths of a chain, by the distribution of the whole assembly's size among the training chains."""
        lengths = torch.arange(self.lengths.shortest, self.lengths.longest + 1)
        table = self.model.table
        place = self.copies * lengths - int(table.sizes[0])
        inside = (place >= 0) & (place < len(table.counts))
        weight = torch.where(inside, table.counts.cpu().double()[place.clamp(0, len(table.counts) - 1)], RARE)
        below = weight.cumsum(0) / weight.sum()
        chosen = torch.searchsorted(below, torch.special.ndtr(quantile.double()))
        return lengths[chosen.clamp(max=len(lengths) - 1)]


def symmetric(model: SizedDiffusion, copies: int) -> Bend:
    """A function from the denoiser of whole assemblies to that of one chain."""
    group = torch.from_numpy(rotations(copies))

    def bend(denoise: Denoiser) -> Denoiser:
        return symmetrized(denoise, model.state, group, CHAIN)

    return bend


def rewhitened(x: Batch, before: int, after: int) -> Batch:
    """Chains of one size whose trace is whitened as part of an assembly of `after` chains, instead of `before`."""
    count = torch.full((len(x),), x[TRACE].shape[1], device=x[TRACE].device)
    return with_fields(x, {TRACE: whiten(colour(x[TRACE], before * count), after * count)})


def with_copies(x: Batch, copies: int) -> Batch:
    """The batch with the number of chains of each assembly."""
    return with_fields(x, {COPIES: torch.full((len(x),), copies, device=x[TRACE].device)})


def oligomer_task(model: SizedDiffusion, settings: TaskSettings) -> OligomerTask:
    """Check that the model can draw so many residues."""
    copies, asked = copy_count(str(settings.symmetry)), length_range(model, settings)
    lengths = LengthRange(asked.shortest, min(asked.longest, model.largest // copies))
    if model.largest // copies < SHORTEST:
        raise ConfigError(
            f"Expected a `symmetry` of at most C{model.largest // SHORTEST} with this model, got {settings.symmetry}: "
            f"it sees all chains together, at most {model.largest} residues. Choose fewer copies."
        )
    if lengths.shortest > lengths.longest:
        raise ConfigError(
            f"Expected {copies} chains of {SHORTEST} to {model.largest // copies} residues with `symmetry` "
            f"{settings.symmetry}, got a length of {asked}: the longest chain that the model has seen has "
            f"{model.largest}, and it sees all chains together. Ask for shorter chains or fewer copies."
        )
    return OligomerTask(model, copies, lengths)


# Motif scaffolding: chains drawn around the residues of a motif, whose rigid placement is free.

CLEARANCE = "clearance"
"""Column of scaffolds of a motif with side chains, or beside atoms to keep free."""
SAMPLER = "ancestral"
"""Random steps correct what guidance leaves wrong at earlier ones, so that fewer chains break at the motif."""

Layout = Bool[np.ndarray, " residue"]
"""Of a chain: True at the motif's residues."""


@dataclass(frozen=True, eq=False)
class MotifTask:
    """Draws around a motif, in the frame of its file.

    The free lengths follow from each row's noise. Estimates are guided by reconstruction and replaced at the motif,
    which is placed anew at every level; in the end its exact atoms replace the drawn ones, and the neighbours fit them.
    """

    model: SizedDiffusion
    motif: Motif
    lengths: Lengths
    sampler: str = SAMPLER

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """A batch with the given fields `letter` and `oxygen`."""
        diffusion, layouts = self.model.diffusion, [self._layout(key) for key in row_keys(noise)]

        def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
            around = self._around([layouts[row] for row in rows.tolist()], z[TRACE])
            correction = motif_correction(around.motif, around.fixed)

            def bend(denoise: Denoiser) -> Denoiser:
                guided = reconstructing(denoise, diffusion.state, correction)
                return without_given_overlaps(guided, around) if len(around.places) else guided

            return diffusion.draw(z, self.sampler, diffusion.settings.steps, bend=bend)

        counts = torch.tensor([len(one) for one in layouts])
        drawn = self.model.each_size(noise, counts, work, condition).to("cpu")
        return self._joined(places_of(drawn), layouts, drawn)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that say where the motif is, and how near drawn residues come to the given atoms."""
        return (POSITIONS, *((CLEARANCE,) if len(self.motif.given) else ()))

    def cells(self, item: Backbone) -> tuple[Cell, ...]:
        """The residues of the motif's pieces in a design, such as `21-33,53-60`, and the least distance in ångström of
        N, CA, C, O and CB of others to side chains of the motif and to atoms to keep free."""
        rows = motif_rows(self.motif, item)
        positions = motif_positions(self.motif, item)
        if not len(self.motif.given):
            return (positions,)
        layout = np.isin(np.arange(len(item)), rows)
        return positions, round(overlaps(item.coordinates, self._given(layout), layout)[1], 2)

    def _layout(self, key: int) -> Layout:
        before, *after = self.lengths.draw(np.random.Generator(np.random.Philox(key)))
        parts = [np.zeros(before, bool)]
        for size, free in zip(self.motif.sizes, after, strict=True):
            parts += [np.ones(size, bool), np.zeros(free, bool)]
        return np.concatenate(parts)

    def _around(self, layouts: Sequence[Layout], like: Tensor) -> Around:
        """The motif and the given atoms for chains of one length."""
        fixed, centre = np.stack(layouts), self.motif.coordinates[:, 1].mean(0)
        places = np.zeros((*fixed.shape, 3, 3))
        for row, there in enumerate(fixed):
            places[row, there] = self.motif.coordinates[:, :3] - centre
        given = [self._given(there) for there in layouts]
        return Around(
            torch.from_numpy(places).to(like),
            torch.from_numpy(fixed).to(like.device),
            torch.from_numpy(self.motif.given.places - centre).to(like),
            torch.from_numpy(LEAST_TO_GIVEN[:, self.motif.given.kinds]).to(like),
            torch.from_numpy(np.stack([one.apart(there) for one, there in zip(given, layouts, strict=True)])).to(
                like.device
            ),
        )

    def _given(self, layout: Layout) -> GivenAtoms:
        """The given atoms, by the rows of a design."""
        rows, of_motif = np.flatnonzero(layout), self.motif.given.residues
        return replace(self.motif.given, residues=np.where(of_motif < 0, of_motif, rows[np.maximum(of_motif, 0)]))

    def _joined(self, drawn: Sequence[np.ndarray], layouts: Sequence[Layout], like: Batch) -> Batch:
        """The chains with the motif's exact atoms and letters."""
        places = [join(one, fixed, self.motif.coordinates) for one, fixed in zip(drawn, layouts, strict=True)]
        assert like.mask is not None  # chains differ in length
        size = like.mask.shape[1]
        letters = np.full((len(places), size), LETTERS_IN_ORDER.index(UNKNOWN))
        oxygens = np.full((len(places), size, 3), np.nan, np.float32)
        for row, (one, fixed) in enumerate(zip(places, layouts, strict=True)):
            there = np.flatnonzero(fixed)
            letters[row, there] = [LETTERS_IN_ORDER.index(letter) for letter in self.motif.sequence]
            oxygens[row, there] = (one[:, 3] - one[:, 1])[there]
        batch = padded_places([one[:, :3] for one in places], size)
        given = {LETTER: torch.from_numpy(letters), OXYGEN: torch.from_numpy(oxygens)}
        if len(self.motif.given):
            given[AROUND] = torch.from_numpy(np.stack([self._given(one).packed() for one in layouts]))
        return Batch({**batch.fields, **given}, batch.mask, like.condition)


def motif_rows(motif: Motif, item: Backbone) -> Int[np.ndarray, " residue"]:
    """The rows of the motif's residues in an item, which has the motif's alpha carbons in the same frame."""
    return np.linalg.norm(motif.coordinates[:, None, 1] - item.trace, axis=-1).argmin(1)


def motif_positions(motif: Motif, item: Backbone) -> str:
    """The residue numbers of each piece in an item."""
    rows, stops = motif_rows(motif, item), np.cumsum(motif.sizes)
    ends = (
        (item.numbers[rows[stop - size]], item.numbers[rows[stop - 1]])
        for size, stop in zip(motif.sizes, stops, strict=True)
    )
    return ",".join(first if first == last else f"{first}-{last}" for first, last in ends)


def motif_correction(
    motif: Float[Tensor, "batch residue 3 3"], fixed: Bool[Tensor, "batch residue"]
) -> Correction:  # fmt: skip
    """The least changes of whitened traces and of N and C after which the fixed residues have the motif's shape.

    motif: N, CA and C of the fixed residues in ångström, in any frame, which is fitted to each estimate.
    """
    count = torch.full(fixed.shape[:1], fixed.shape[1], device=fixed.device)
    walk = walk_matrix(count, fixed.shape[1]).to(motif)
    points, there = motif.flatten(1, 2), fixed.repeat_interleave(3, 1)[..., None]

    def correction(estimate: Fields) -> dict[str, Tensor]:
        trace = walk @ estimate[TRACE]
        places = around_trace(trace, estimate[ATOMS]).flatten(1, 2)
        placed = fitted(points, there, places, reflect=False).unflatten(1, (-1, 3))
        return {
            TRACE: least_change(walk, fixed, placed[:, :, 1] - trace),
            ATOMS: (relative_to_trace(placed) - estimate[ATOMS]) * fixed[..., None],
        }

    return correction


def motif_task(model: SizedDiffusion, settings: TaskSettings) -> MotifTask:
    """Read the motif, and check that designs around it have lengths that the model can draw and that `where` accepts.

    Raises
    ------
    ConfigError, DataError
        With what to change.
    """
    asked, what = length_range(model, settings), "`contigs`" if settings.contigs else "a `scaffold`"
    longest = model.largest if LENGTH in settings.bounds else None
    motif = read_motif(Path(str(settings.scaffold)), settings.contigs, longest, settings.keep_free)
    lengths = Lengths(motif.free, len(motif), *asked)
    least, most = lengths.possible
    if least > model.largest:
        raise ConfigError(
            f"Expected {what} of at most {model.largest} residues with those around it, the longest chain that the "
            f"model has seen, got at least {least}. Choose fewer by `contigs`."
        )
    if most == len(motif):
        raise ConfigError("Expected `contigs` with free residues to draw, such as '10-40,A163-181,10-40', got none.")
    if lengths.empty:
        raise ConfigError(
            f"Expected {what} and `where` that agree, got designs of {least} to {most} residues and a length of "
            f"{asked}. Change one of them."
        )
    return MotifTask(model, motif, lengths, settings.sampler or SAMPLER)


# Variations of given backbones by partial diffusion.

LEVEL = 0.3
"""Default noise level."""


@dataclass(frozen=True, eq=False)
class BackboneVariationTask:
    """Variations of chains. places: N, CA and C of each, ångström. copies: number of chains of their assemblies."""

    model: SizedDiffusion
    places: Sequence[Float[np.ndarray, "residue 3 3"]]
    copies: int
    level: float

    def draw(self, noise: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """Each row varies one of the chains, by its first number."""
        share = torch.special.ndtr(noise[:, 0].cpu().double())
        chosen = (share * len(self.places)).long().clamp(max=len(self.places) - 1).tolist()
        bend = symmetric(self.model, self.copies) if self.copies > 1 else None

        def work(z: Batch, rows: Int[Tensor, " row"]) -> Batch:
            chains = padded_places([self.places[chosen[row]] for row in rows.tolist()]).to(noise.device)
            start = rewhitened(Batch(chains.fields, None, z.condition), 1, self.copies)
            return rewhitened(vary(self.model.diffusion, start, z.fields, self.level, bend), self.copies, 1)

        counts = torch.tensor([len(self.places[one]) for one in chosen])
        drawn = self.model.each_size(noise, counts, work, condition)
        return with_copies(drawn, self.copies) if self.copies > 1 else drawn


def variation_task(model: SizedDiffusion, settings: TaskSettings) -> BackboneVariationTask:
    """Read the chains to vary, and check that they have lengths that `where` accepts."""
    items, asked = _items(str(settings.vary)), length_range(model, settings)
    for item in items:
        if refusal := why_broken(item):
            raise DataError(f"Expected chains to `vary` that the model can draw, got {item.name}: {refusal.reason}.")
    symmetries = {item.symmetry for item in items}
    if len(symmetries) > 1:
        raise ConfigError(f"Expected chains of one symmetry to `vary`, got {', '.join(sorted(symmetries))}.")
    lengths = sorted({len(item) for item in items})
    copies = copy_count(symmetries.pop())
    if copies * lengths[-1] > model.largest:
        raise ConfigError(
            f"Expected chains, and assemblies, of at most {model.largest} residues to `vary`, the longest chain that "
            f"the model has seen, got one of {copies * lengths[-1]}. Pass a part of it."
        )
    if other := [one for one in lengths if not asked.shortest <= one <= asked.longest]:
        raise ConfigError(
            f"Expected `vary` and `where` that agree, got a chain of {other[0]} residues and a length of {asked}. "
            "A variation keeps the number of residues; change one of them."
        )
    level = LEVEL if settings.noise_level is None else settings.noise_level
    return BackboneVariationTask(model, [_placed_variation(item) for item in items], copies, level)


def _items(source: str) -> list[Backbone]:
    """All items of a file or a folder, or the item of a reference such as `designs.pdb[3]`."""
    path = Path(source)
    texts = [row.text for row in read(path)] if path.exists() else [source]
    items = [parse(text) for text in texts]
    if refused := next((one for one in items if isinstance(one, Refusal)), None):
        raise DataError(f"Expected backbones to `vary` in {source}, got one that can't be read: {refused.reason}.")
    if not items:
        raise DataError(f"Expected backbones to `vary` in {source}, found none.")
    return [item for item in items if isinstance(item, Backbone)]


def _placed_variation(item: Backbone) -> Float[np.ndarray, "residue 3 3"]:
    """N, CA and C; a chain by itself is centred, as the model has seen it, an assembly has its own axis."""
    places = item.coordinates[:, :3].astype(np.float64)
    return places if item.symmetry else places - places[:, 1].mean(0)


# What else the diffusion of backbones draws: scaffolds of motifs, variations of chains, symmetric oligomers.


def resolve(model: SizedDiffusion, representation: BackboneRepresentation, settings: TaskSettings) -> DrawTask:
    """The one task of the settings."""
    if settings.scaffold is not None:
        return motif_task(model, settings)
    if settings.vary is not None:
        return variation_task(model, settings)
    return oligomer_task(model, settings)


TASKS = DrawTasks(
    settings=frozenset({"scaffold", "contigs", "keep_free", "vary", "noise_level", "symmetry"}),
    resolve=resolve,
    samplers={"scaffold": SAMPLER},
)
