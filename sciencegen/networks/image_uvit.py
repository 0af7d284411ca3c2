"""A U-ViT that denoises images. Bao et al., "All are Worth Words: A ViT Backbone for Diffusion Models", CVPR 2023."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from sciencegen.networks.patches import PatchTokens
from sciencegen.networks.pixels import image_of, square_shape, with_context
from sciencegen.networks.symmetry import ConditionKinds
from sciencegen.networks.uvit import UViT, UViTSettings


class ImageUViTDenoiser(nn.Module):
    """`(z, log_snr, condition, mask) -> estimate` of one field of images [batch channel y x], y = x.

    Tokens of the `UViT` are patches of the image and its context. The network isn't equivariant: like the U-Net of the
    symmetry "none", it doesn't turn with what it is given, and nothing is turned in training. It starts as the zero
    function.

    Parameters
    ----------
    name, shape, conditions, context
        As of `UNetDenoiser`. Images have any side: patches are padded.
    settings : UViTSettings, optional

    Examples
    --------
    >>> import torch
    >>> network = ImageUViTDenoiser("image", (1, 9, 9), settings=UViTSettings(width=8, depth=1, heads=2))
    >>> network({"image": torch.randn(3, 1, 9, 9)}, torch.zeros(3), None, None)["image"].shape
    torch.Size([3, 1, 9, 9])
    """

    def __init__(
        self,
        name: str,
        shape: Sequence[int],
        conditions: ConditionKinds | None = None,
        context: Mapping[str, int] | None = None,
        settings: UViTSettings | None = None,
    ) -> None:
        super().__init__()
        s = settings or UViTSettings()
        self.name, self.shape, self.context = name, square_shape(shape), dict(context or {})
        self.conditions = conditions or ConditionKinds()
        inputs = self.shape[0] + sum(self.context.values())
        self.patches = PatchTokens(self.shape, s.patch, s.width, inputs)
        self.transformer = UViT(self.patches.count, self.conditions.count, s)

    def forward(
        self, z: Mapping[str, Tensor], log_snr: Float[Tensor, " batch"], condition: Tensor | None, mask: Tensor | None
    ) -> dict[str, Tensor]:
        image = image_of(z, self.name, self.shape)
        tokens = self.patches(with_context(image, z, self.context))
        return {self.name: self.patches.read(self.transformer(tokens, log_snr, condition))}
