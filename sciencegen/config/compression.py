"""Settings of `compress` and `decompress`."""

from __future__ import annotations

from pydantic import Field

from sciencegen.config.base import Settings


class CompressSettings(Settings):
    """quantize: the step of a lossy code is the noise divided by this, and the error at most half a step; None codes
    without loss. noise: its standard deviation in the image's unit; None estimates it for each band. threads: 0 is
    every core."""

    quantize: float | None = Field(None, gt=0)
    noise: float | None = Field(None, gt=0)
    threads: int = Field(0, ge=0)


class DecompressSettings(Settings):
    """partial: restore what is whole of a damaged stream, with zeros (NaN for floats) in place of the rest. threads: 0
    is every core."""

    partial: bool = False
    threads: int = Field(0, ge=0)
