"""The diffusion model of images: a U-Net or U-ViT in Euclidean space, a learned schedule. Kingma et al. 2021."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from sciencegen.data.observation import IMAGE
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.schedules import Learned
from sciencegen.diffusion.spaces import Euclidean
from sciencegen.diffusion.state import Field, State
from sciencegen.errors import unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.image_uvit import ImageUViTDenoiser
from sciencegen.networks.symmetry import ConditionKinds
from sciencegen.networks.unet import UNetDenoiser, UNetSettings
from sciencegen.networks.uvit import UViTSettings

ImageNetworkName = Literal["unet", "uvit"]

IMAGE_NETWORKS: tuple[str, ...] = get_args(ImageNetworkName)


@dataclass(frozen=True)
class ImageDiffusionSettings:
    """network: "unet", which may be equivariant, or "uvit". unet, uvit: settings of the networks. log_snr_max,
    log_snr_min: ends of the schedule; variations below e^(-log_snr_max / 2) of an image's standard deviation are not
    modelled. diffusion: settings of training and of sampling; its default weighting is that of the bound, because the
    instrument's noise is modelled with the signal. A draw takes 32 evaluations of the network: the first step from pure
    noise, 30 further steps, the last estimate."""

    unet: UNetSettings = field(default_factory=UNetSettings)
    log_snr_max: float = 10.0
    log_snr_min: float = -9.0
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            weighting="elbo",
            dropout=ConditionDropout(some=0.5, everything=0.1, few=0.5),
            steps=30,
            pure_noise=True,
        )
    )
    network: ImageNetworkName = "unet"
    uvit: UViTSettings = field(default_factory=lambda: UViTSettings(patch=4))

    def __post_init__(self) -> None:
        if self.network not in IMAGE_NETWORKS:
            raise unknown_name("network", self.network, IMAGE_NETWORKS)


def image_diffusion(
    shape: Sequence[int],
    conditions: ConditionKinds | None = None,
    context: Mapping[str, int] | None = None,
    settings: ImageDiffusionSettings | None = None,
) -> DiffusionModel:
    """A `LatentModel` of images of `shape` (channels, y, x) whose values have a standard deviation of about 1.

    conditions: how the columns of the condition transform. context: number of channels of each field that is given with
    the image (`UNetDenoiser`); `generate` then takes a Batch of these fields as `like`. `terms` gives the bound in nats
    per image; in bits per dimension: `terms(batch).bits_per_dimension(model.state.dimensions(batch), step)`.
    """
    s = settings or ImageDiffusionSettings()
    if s.network == "uvit":
        network: UNetDenoiser | ImageUViTDenoiser = ImageUViTDenoiser(IMAGE, shape, conditions, context, s.uvit)
    else:
        network = UNetDenoiser(IMAGE, shape, conditions, context, s.unet)
    state = State({IMAGE: Field(Euclidean(), positions=0)})
    schedule = Learned(s.log_snr_max, s.log_snr_min)
    return DiffusionModel(network, state, schedule, {IMAGE: tuple(shape)}, s.diffusion)
