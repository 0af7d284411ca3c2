"""The diffusion model of images: a U-Net in Euclidean space under a learned schedule. Kingma et al. 2021."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sciencegen.data.observation import IMAGE
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.schedules import Learned
from sciencegen.diffusion.spaces import Euclidean
from sciencegen.diffusion.state import Field, State
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.symmetry import ConditionKinds
from sciencegen.networks.unet import UNetDenoiser, UNetSettings


@dataclass(frozen=True)
class ImageDiffusionSettings:
    """unet: of the network. log_snr_max, log_snr_min: where the schedule ends; detail finer than e^(-log_snr_max / 2)
    of an image's standard deviation isn't modelled. diffusion: how to train and draw; its weighting is the bound's own:
    an instrument's noise is to be learned as well as what lies behind it."""

    unet: UNetSettings = field(default_factory=UNetSettings)
    log_snr_max: float = 10.0
    log_snr_min: float = -9.0
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            weighting="elbo", dropout=ConditionDropout(some=0.5, everything=0.1, few=0.5), steps=48
        )
    )


def image_diffusion(
    shape: Sequence[int],
    conditions: ConditionKinds | None = None,
    context: Mapping[str, int] | None = None,
    settings: ImageDiffusionSettings | None = None,
) -> DiffusionModel:
    """A `LatentModel` of images of `shape` (channels, y, x) that vary by about 1.

    conditions: how its columns turn. context: fields that are given beside the image, by their numbers of channels
    (`UNetDenoiser`); `generate` then takes a Batch of them as `like`. Its bound is in nats per image:
    `terms(batch).bits_per_dimension(model.state.dimensions(batch), step)`.
    """
    s = settings or ImageDiffusionSettings()
    network = UNetDenoiser(IMAGE, shape, conditions, context, s.unet)
    state = State({IMAGE: Field(Euclidean(), positions=0)})
    schedule = Learned(s.log_snr_max, s.log_snr_min)
    return DiffusionModel(network, state, schedule, {IMAGE: tuple(shape)}, s.diffusion)
