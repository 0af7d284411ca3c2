"""Settings of `compress` and `decompress`."""

from __future__ import annotations

from pydantic import Field

from sciencegen.config.base import THREADS, Settings


class CompressSettings(Settings):
    """Settings of `compress`."""

    quantize: float | None = Field(
        None,
        gt=0,
        description="Lose at most the noise divided by twice this: 16 keeps steps of a sixteenth of the noise. "
        "[default: lose nothing]",
    )
    noise: float | None = Field(
        None,
        gt=0,
        description="For --quantize: standard deviation of the noise, in the images' unit. [default: estimated for "
        "each band]",
    )
    threads: int = THREADS


class DecompressSettings(Settings):
    """Settings of `decompress`."""

    partial: bool = Field(
        False, description="Restore what is whole of a damaged file, with zeros or NaN (floats) elsewhere."
    )
    threads: int = THREADS
