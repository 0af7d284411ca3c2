"""Square images: padding, symmetries, context fields as channels on their pixels, blur by a point spread function."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.data.observation import convolve
from sciencegen.errors import ConfigError, ShapeError, unknown_name

AT_ONCE = 32 * 64 * 64
"""Pixels of all images that are computed together, which bounds memory."""


def images_at_once(pixels: int) -> int:
    """How many images of so many pixels are computed together, at least one."""
    return max(1, AT_ONCE // pixels)


def square_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Channels, y and x = y.

    Raises
    ------
    ConfigError
        If it isn't the shape of a square image.
    """
    if len(shape) != 3 or shape[1] != shape[2]:
        raise ConfigError(f"Expected images of shape [channel y x] with y = x, got {list(shape)}.")
    return shape[0], shape[1], shape[2]


def image_of(
    fields: Mapping[str, Tensor], name: str, shape: tuple[int, int, int]
) -> Float[Tensor, "batch channel y x"]:
    """The field `name`.

    Raises
    ------
    ShapeError
        If its images have another shape.
    """
    image = fields[name]
    if tuple(image.shape[1:]) != shape:
        raise ShapeError(f"Expected '{name}' of shape [batch, *{list(shape)}], got {list(image.shape)}.")
    return image


def on_pixels(
    value: Float[Tensor, "batch *channel y x"], side: int, name: str = "image"
) -> Float[Tensor, "batch channels side side"]:
    """A square image, or a number for each item, on side * side pixels around the same centre, zero outside.

    [batch y x] has one channel. An odd image is moved to an even side by averaging the four pixels around each corner,
    and an even one to an odd side likewise. This commutes with rotations by 90 degrees and reflections.
    """
    value = value[:, None] if value.ndim == 3 else value
    if value.ndim != 4 or value.shape[-1] != value.shape[-2]:
        raise ShapeError(f"Expected '{name}' of shape [batch channel y x] with y = x, got {list(value.shape)}.")
    if value.shape[-1] == 1 and side > 1:
        return value.expand(-1, -1, side, side)
    if (value.shape[-1] - side) % 2:
        value = functional.avg_pool2d(functional.pad(value, (1, 1, 1, 1)), 2, 1)
    margin = (side - value.shape[-1]) // 2
    return functional.pad(value, (margin, margin, margin, margin))


def padded_side(side: int, multiple: int) -> int:
    """The least multiple from this side on.

    Examples
    --------
    >>> padded_side(40, 16), padded_side(48, 16)
    (48, 48)
    """
    return math.ceil(side / multiple) * multiple


def padded(image: Float[Tensor, "batch channel y x"], side: int) -> Float[Tensor, "batch channel side side"]:
    """The image in the middle of side * side pixels, zero outside. `cropped` is its inverse."""
    more = side - image.shape[-1]
    low, high = more // 2, more - more // 2
    return functional.pad(image, (low, high, low, high)) if more else image


def cropped(image: Float[Tensor, "batch channel y x"], side: int) -> Float[Tensor, "batch channel side side"]:
    """The middle of an image."""
    low = (image.shape[-1] - side) // 2
    return image[..., low : low + side, low : low + side]


def with_context(
    image: Float[Tensor, "batch channel y x"], fields: Mapping[str, Tensor], context: Mapping[str, int]
) -> Float[Tensor, "batch channels y x"]:
    """The image and its context fields as channels. context: numbers of channels by name of the field."""
    parts = [image]
    for name, channels in context.items():
        if name not in fields:
            raise unknown_name("field (it is to be given beside the image)", name, fields)
        part = on_pixels(fields[name], image.shape[-1], name).to(image)
        if part.shape[1] != channels:
            raise ShapeError(f"Expected '{name}' with {channels} channels, got {list(fields[name].shape)}.")
        parts.append(part)
    return torch.cat(parts, 1)


# The eight symmetries of the square, D4: their action on images and conditions, and equivariant convolutions.
#
# Element g = turns + 4 flipped: it reflects x if `flipped`, then rotates by 90 degrees `turns` times. A feature map is
# a function f(k, pixel) on group and pixels, [batch channel*element y x], which g maps to (g f)(k) = g f(g^-1 k).

SYMMETRIES: Mapping[str, tuple[int, ...]] = {"none": (0,), "d4": tuple(range(8))}
"""Name to the elements of the group."""


def turned(values: Float[Tensor, "*batch y x"], element: int) -> Float[Tensor, "*batch y x"]:
    """Apply g to the last two dimensions, whose sides are equal."""
    flipped = values.flip(-1) if element >= 4 else values
    return torch.rot90(flipped, element % 4, (-2, -1)) if element % 4 else flipped


def product(first: int, second: int) -> int:
    """The element that applies `second`, then `first`. A flip in `first` reverses the rotation of `second`."""
    turns = first % 4 + (second % 4 if first < 4 else -second % 4)
    return turns % 4 + (first & 4 ^ second & 4)


def inverse(element: int) -> int:
    """The inverse element; each reflection is its own inverse."""
    return element if element >= 4 else -element % 4


@dataclass(frozen=True)
class ConditionKinds:
    """How the columns of a condition transform: `scalars` are invariant; each pair of columns in `pairs` has spin 2.

    A pair (e1, e2), such as the components of an ellipticity, goes to (-e1, -e2) under a rotation by 90 degrees and to
    (e1, -e2) under a reflection of x or y. Standardize pairs by a scale alone: a shift would break the symmetry.
    """

    scalars: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        columns = sorted([*self.scalars, *chain(*self.pairs)])
        if columns != list(range(len(columns))):
            raise ConfigError(f"Expected each column 0, 1, ... of a condition once, as scalar or in pairs, got {self}.")

    @property
    def count(self) -> int:
        return len(self.scalars) + 2 * len(self.pairs)

    def signs(self, element: int) -> list[float]:
        """The factor of each column under an element."""
        signs, turn = [1.0] * self.count, (-1.0) ** element
        for first, second in self.pairs:
            signs[first], signs[second] = turn, -turn if element >= 4 else turn
        return signs

    def turned(
        self, condition: Float[Tensor, "batch property"] | None, element: int
    ) -> Float[Tensor, "batch property"] | None:
        """The condition of the items after g; missing values (NaN) stay missing."""
        return None if condition is None else condition * condition.new_tensor(self.signs(element))


class SymmetricConvolution(nn.Module):
    """A convolution that commutes with the group. Cohen & Welling 2016, eq. 10 and 11, as one ordinary convolution.

    between features:        out(h) = sum_k W_hk * f(k),   W_hk = h w[h^-1 k]
    from an image (lifts):   out(h) = (h w) * image        to an image (projects):   out = sum_k (k w) * f(k)

    With stride = size it maps each block of pixels to one (an even size would not commute otherwise), and back if it
    projects. With the group of one element it is the ordinary convolution.
    """

    relative: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        elements: Sequence[int],
        size: int = 3,
        stride: int = 1,
        ends: str = "",
        zero: bool = False,
    ) -> None:
        super().__init__()
        if stride not in (1, size) or (stride == 1 and size % 2 == 0) or ends not in ("", "lifts", "projects"):
            raise ConfigError(f"Expected an odd size, or a stride of {size}, got {size}, {stride}, {ends!r}.")
        self.elements, self.stride, self.ends = tuple(elements), stride, ends
        between = [] if ends else [len(elements)]
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, *between, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        if not zero:
            bound = (inputs * (1 if ends == "lifts" else len(elements)) * size**2) ** -0.5
            nn.init.uniform_(self.weight, -bound, bound)
        relative = [[elements.index(product(inverse(h), k)) for k in elements] for h in elements]
        self.register_buffer("relative", torch.tensor(relative), persistent=False)

    def kernel(self) -> Float[Tensor, "output input y x"]:
        """The ordinary convolution's weights, channels of all elements in a row."""
        if self.ends == "projects":
            return torch.stack([turned(self.weight, k) for k in self.elements], 2).flatten(1, 2)
        if self.ends == "lifts":
            return torch.stack([turned(self.weight, h) for h in self.elements], 1).flatten(0, 1)
        if len(self.elements) == 1:
            return self.weight[:, :, 0]
        rows = zip(self.elements, self.weight[:, :, self.relative].unbind(2), strict=True)
        return torch.stack([turned(row, h) for h, row in rows], 1).flatten(2, 3).flatten(0, 1)

    def forward(self, values: Float[Tensor, "batch input y x"]) -> Float[Tensor, "batch output v u"]:
        kernel, projects = self.kernel(), self.ends == "projects"
        if projects and self.stride > 1:
            return functional.conv_transpose2d(values, kernel.transpose(0, 1), self.bias, self.stride)
        bias = self.bias if projects else self.bias.repeat_interleave(len(self.elements))
        padding = 0 if self.stride > 1 else kernel.shape[-1] // 2
        return functional.conv2d(values, kernel, bias, self.stride, padding)


class SymmetricNorm(nn.Module):
    """Group normalization (Wu & He 2018) over pixels, elements and a group of channels; one gain per channel."""

    def __init__(self, channels: int, elements: Sequence[int]) -> None:
        super().__init__()
        self.order = len(elements)
        self.groups = next(count for count in range(min(8, channels), 0, -1) if channels % count == 0)
        self.gain, self.shift = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, values: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch channel y x"]:
        gain, shift = (each.repeat_interleave(self.order) for each in (self.gain, self.shift))
        return functional.group_norm(values, self.groups, gain, shift)


# Convolution of images by a point spread function, differentiable.


def convolved(
    image: Float[Tensor, "batch band y x"], psf: Float[Tensor, "_ *band v u"] | None
) -> Float[Tensor, "batch band y x"]:
    """Convolves by psf (`data.observation.convolve`); an image whose psf is missing or all zero is unchanged."""
    if psf is None:
        return image
    psf = psf[:, None] if psf.ndim == 3 else psf
    side = psf.shape[-1]
    if side % 2 == 0 or psf.shape[-2] != side or psf.shape[1] not in (1, image.shape[1]):
        raise ShapeError(f"Expected a psf of shape [batch y x] with y = x odd, got {list(psf.shape)}. Pad or crop it.")
    nothing = functional.pad(psf.new_ones(1, 1, 1, 1), [side // 2] * 4)
    psf = torch.where(psf.abs().sum((-2, -1), keepdim=True) > 0, psf, nothing).to(image)
    return convolve(image, psf, torch.fft)
