"""The diffusion model of plain vectors: what items that are arrays, and latents of an autoencoder, need."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Generator

from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.spaces import Euclidean
from sciencegen.diffusion.state import Field, State
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.denoiser import VectorDenoiser

LOG_SNR_ENDS = 12.0, -12.0


@dataclass(frozen=True)
class VectorDiffusionSettings:
    """Sizes of the network, and how to train and draw.

    Parameters
    ----------
    width : int
        Of the residual layers.
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
    name: str, size: int, property_count: int = 0, settings: VectorDiffusionSettings | None = None, seed: int = 0
) -> DiffusionModel:
    """A diffusion of one field [batch size] of numbers that vary by about 1.

    Parameters
    ----------
    name : str
        Of the field.
    size : int
        Numbers of an item.
    property_count : int
        Columns of the condition.
    settings : VectorDiffusionSettings, optional
    seed : int
        The starting weights follow from it alone.

    Examples
    --------
    >>> import torch
    >>> model = vector_diffusion("x", size=3, settings=VectorDiffusionSettings(width=16, depth=1))
    >>> model.generate(torch.randn(5, 3))["x"].shape
    torch.Size([5, 3])
    """
    s = settings or VectorDiffusionSettings()
    generator = Generator().manual_seed(seed)
    network = VectorDenoiser(name, size, property_count, s.width, s.depth, generator=generator)
    state = State({name: Field(Euclidean(), positions=0)})
    return DiffusionModel(network, state, Cosine(*LOG_SNR_ENDS), {name: (size,)}, s.diffusion)
