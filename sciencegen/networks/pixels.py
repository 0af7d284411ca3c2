"""Square images, their padding, and context fields such as a point spread function as channels on their pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

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
