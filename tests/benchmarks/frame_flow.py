"""Residues as frames: rotations by flow matching on SO(3), alpha carbons by the diffusion of `backbone-diffusion`.

The rotations of a chain go from uniform ones R_0 to those of the data R_1 along geodesics (Yim et al. 2023, FrameFlow),

    R_t = R_0 exp(t log(R_0^T R_1)),

with 1 - t the time of the diffusion. A step of a draw goes a share of the way to the estimate R^ of R_1,

    R <- R exp(share log(R^T R^)),     share = dt / (1 - t)  or  min(1, rate dt),

where the second is FrameFlow's exponential rate schedule (their rate: 10): rotations are decided before positions.

A rotation is held as the positions of N and C of an ideal residue in its frame, so that network, loss and fields are
those of the model of coordinates. The network estimates E[N, C | z], whose frame is R^. Its loss is the squared error
of these positions, which for small errors is that of the angle, weighted as in the model of coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel, with_last_estimate
from sciencegen.diffusion.objectives import low_discrepancy_times, weighting
from sciencegen.diffusion.process import Denoiser, ancestral_step, diffuse, levels, predict
from sciencegen.diffusion.samplers import clean, noise_of_start, scaled
from sciencegen.diffusion.schedules import log_snr_and_slope
from sciencegen.diffusion.state import Euclidean, Field, State, with_fields
from sciencegen.domains.proteins.backbones.geometry import CA_C, N_CA, N_CA_C
from sciencegen.networks.residues import ATOMS, BOND, TRACE, frames

_ANGLE = math.radians(N_CA_C)
IDEAL = ((N_CA * math.cos(_ANGLE), N_CA * math.sin(_ANGLE), 0.0), (CA_C, 0.0, 0.0))
"""N and C in a residue's frame, in ångström."""
TRACE_ALONE = State({TRACE: Field(Euclidean())})


def rotations_of(atoms: Float[Tensor, "*residue 6"]) -> Float[Tensor, "*residue 3 3"]:
    """Frames of residues from N and C relative to CA."""
    pairs = atoms.reshape(1, -1, 2, 3)
    return frames(pairs[:, :, 0], pairs).rotations.reshape(*atoms.shape[:-1], 3, 3)


def ideal_atoms(rotations: Float[Tensor, "*residue 3 3"]) -> Float[Tensor, "*residue 6"]:
    """N and C of ideal residues in these frames, over `BOND`: the field `atoms`."""
    return (rotations.new_tensor(IDEAL) / BOND @ rotations.mT).flatten(-2)


def uniform_rotations(count: int, generator: Generator) -> Float[Tensor, "residue 3 3"]:
    """Uniform on SO(3), float64: the directions of normal quaternions are uniform."""
    quaternions = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    return torch.from_numpy(Rotation.from_quat(quaternions.numpy()).as_matrix())


def geodesic(
    first: Float[Tensor, "residue 3 3"], last: Float[Tensor, "residue 3 3"], share: Float[Tensor, " residue"]
) -> Float[Tensor, "residue 3 3"]:
    """R_0 exp(share log(R_0^T R_1))."""
    start, end = (Rotation.from_matrix(one.detach().double().numpy()) for one in (first, last))
    turn = share.double().numpy()[:, None] * (start.inv() * end).as_rotvec()
    return torch.from_numpy((start * Rotation.from_rotvec(turn)).as_matrix()).to(first)


def toward(
    atoms: Float[Tensor, "batch residue 6"],
    others: Float[Tensor, "batch residue 6"],
    share: Float[Tensor, " batch"],
    mask: Bool[Tensor, "batch residue"],
) -> Float[Tensor, "batch residue 6"]:
    """Ideal residues a share of the way from some frames to others; zero at padding."""
    each = share[:, None].expand_as(mask)[mask]
    moved = geodesic(rotations_of(atoms[mask]), rotations_of(others[mask]), each)
    return torch.zeros_like(atoms).masked_scatter(mask[..., None], ideal_atoms(moved))


@dataclass(frozen=True)
class Turning:
    """weight: of errors of frames in the loss. rate: of the exponential schedule in draws; 0: the straight one."""

    weight: float = 0.25
    rate: float = 10.0


class FrameFlow(DiffusionModel):
    """The model of `backbone_diffusion` with frames instead of free N and C. Batches have a mask."""

    turning = Turning()

    def noise_at(self, x: Batch, time: Float[Tensor, " batch"], generator: Generator) -> Batch:
        """z at a time: noised alpha carbons, and frames at 1 - time on the way from uniform ones to those of x."""
        z = diffuse(TRACE_ALONE, x, self.schedule(time), TRACE_ALONE.noise(x, generator))
        return with_fields(z, {ATOMS: toward(self.uniform(x, generator), x[ATOMS], 1 - time, _mask(x))})

    def start(self, like: Batch, generator: Generator) -> Batch:
        """Noise for draws."""
        return with_fields(like, {**TRACE_ALONE.noise(like, generator), ATOMS: self.uniform(like, generator)})

    def uniform(self, like: Batch, generator: Generator) -> Float[Tensor, "batch residue 6"]:
        """Ideal residues in uniform frames."""
        atoms, mask = like[ATOMS], _mask(like)
        made = ideal_atoms(uniform_rotations(int(mask.sum()), generator)).to(atoms)
        return torch.zeros_like(atoms).masked_scatter(mask[..., None], made)

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """The loss of `DiffusionModel`, of ideal residues."""
        x = with_fields(batch, {ATOMS: toward(batch[ATOMS], batch[ATOMS], torch.zeros(len(batch)), _mask(batch))})
        time = low_discrepancy_times(len(x), generator, x[TRACE])
        log_snr, slope = log_snr_and_slope(self.schedule, time)
        z = self.noise_at(x, time, generator)
        estimate = predict(self.training_denoiser(generator), self.state, z, log_snr)
        found = self.norms({name: x[name] - estimate[name] for name in self.state.fields}, x)
        error = log_snr.exp() * (found[TRACE] + self.turning.weight * found[ATOMS])
        losses = -0.5 * weighting(self.settings.weighting)(log_snr) * slope * error
        return {"loss": losses.mean() / self.state.dimensions(x).mean()}

    @torch.no_grad()
    def draw(self, z: Batch, steps: int) -> Batch:
        """Denoise z to items with ideal residues."""
        denoise = with_last_estimate(self) if self.settings.self_conditioning else self
        *_, last = self.flow(denoise, z, steps)
        found = clean(denoise, self.state, last, self.schedule(torch.zeros(1).to(z[TRACE])))
        return with_fields(found, {ATOMS: toward(last[ATOMS], found[ATOMS], torch.ones(len(z)), _mask(z))})

    def flow(self, denoise: Denoiser, z: Batch, steps: int) -> Iterator[Batch]:
        """z after each step. Alpha carbons are drawn by ancestral steps."""
        times = torch.from_numpy(np.linspace(1, 0, steps + 1) ** self.settings.crowding).to(z[TRACE])
        noise = scaled(noise_of_start(TRACE_ALONE, z), self.settings.step_noise)
        for step, (now, then) in enumerate(pairwise(times)):
            t, s = (levels(self.schedule(at[None]), z) for at in (now, then))
            x = predict(denoise, self.state, z, t)
            fresh = TRACE_ALONE.project(noise(step, z), z.mask)
            share = (self.turning.rate * (now - then)).clamp(max=1) if self.turning.rate else (now - then) / now
            turned = toward(z[ATOMS], x[ATOMS], share.expand(len(z)), _mask(z))
            z = with_fields(ancestral_step(TRACE_ALONE, z, x, t, s, fresh), {ATOMS: turned})
            yield z


def _mask(batch: Batch) -> Bool[Tensor, "batch residue"]:
    assert batch.mask is not None  # chains differ in length
    return batch.mask
