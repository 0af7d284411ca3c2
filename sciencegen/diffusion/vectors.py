"""The diffusion model of plain vectors, for items that are arrays and for latents of an autoencoder."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Generator, nn

from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.spaces import Euclidean
from sciencegen.diffusion.state import Field, State
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.denoiser import VectorDenoiser

LOG_SNR_ENDS = 12.0, -12.0


@dataclass(frozen=True)
class VectorDiffusionSettings:
    """Sizes of the network, and settings of training and sampling.

    Parameters
    ----------
    width : int
        Width of the residual layers.
    depth : int
        Number of these layers.
    diffusion : DiffusionSettings
    """

    width: int = 256
    depth: int = 4
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(dropout=ConditionDropout(some=0.5, everything=0.1, few=0.5))
    )


def vector_diffusion(
    name: str,
    size: int,
    property_count: int = 0,
    settings: VectorDiffusionSettings | None = None,
    seed: int = 0,
    masked: bool = False,
    network: nn.Module | None = None,
) -> DiffusionModel:
    """A diffusion model of one field [batch size] of numbers with a standard deviation of about 1.

    Parameters
    ----------
    name : str
        Name of the field.
    size : int
        Length of an item's vector.
    property_count : int
        Number of columns of the condition.
    settings : VectorDiffusionSettings, optional
    seed : int
        Seed of the initial weights.
    masked : bool
        Whether the mask of a batch [batch size] says which numbers of an item are known. The model is then p of the
        known numbers alone, for any set of them that it was trained on.
    network : torch.nn.Module, optional
        Another denoiser of the field than a `VectorDenoiser` of the settings' sizes.

    Examples
    --------
    >>> import torch
    >>> model = vector_diffusion("x", size=3, settings=VectorDiffusionSettings(width=16, depth=1))
    >>> model.generate(torch.randn(5, 3))["x"].shape
    torch.Size([5, 3])
    """
    s = settings or VectorDiffusionSettings()
    generator = Generator().manual_seed(seed)
    if network is None:
        network = VectorDenoiser(name, size, property_count, s.width, s.depth, generator=generator, masked=masked)
    state = State({name: Field(Euclidean(), positions=int(masked))})
    return DiffusionModel(network, state, Cosine(*LOG_SNR_ENDS), {name: (size,)}, s.diffusion)
