"""Pictures as stamps: PNG and JPEG, in gray or as the bands R, G and B.

A picture has no unit, and its numbers are usually a stretched brightness. They are taken as nJy, and pixels as
1 arcsec, unless `stamps.yaml` beside the file tells more (`headers`). The first row of a picture is its top one, that
of a stamp its bottom one. Transparent pixels are masked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.data.damage import reading
from sciencegen.domains.galaxies.headers import about, band_names, psf_of, saturated, told_beside
from sciencegen.domains.galaxies.items import LARGEST_SIDE, Stamp, shape_problem
from sciencegen.items import Refusal, Row

ENDINGS = (".png", ".jpg", ".jpeg")
BANDS = {"L": ("gray",), "I;16": ("gray",), "I": ("gray",), "LA": ("gray",), "RGB": ("R", "G", "B")}
BANDS |= {"RGBA": BANDS["RGB"]}
"""Mode of a picture (Pillow) -> names of its bands."""
REFUSED = {
    "P": "its pixels are colours of a palette, not brightness; save it in gray or as RGB",
    "PA": "its pixels are colours of a palette, not brightness; save it in gray or as RGB",
    "CMYK": "its pixels are inks (CMYK), not light; save it as RGB",
    "1": "its pixels are black or white; save it in gray",
}
DEPTH_AT, COLOUR_AT = 24, 25
"""Bytes of a PNG file that hold the bits of a number and the kind of its colours (its first chunk, IHDR)."""


@dataclass(frozen=True)
class Pixels:
    """image [band y x], and its pixels [y x] that are transparent, None for no alpha channel."""

    image: Float[np.ndarray, "band y x"]
    hidden: Bool[np.ndarray, "y x"] | None
    bands: tuple[str, ...]


def opened(path: Path) -> tuple[Path]:
    """The one picture of a file."""
    return (path,)


def rows(path: Path) -> Iterator[Row]:
    """The picture as a reference."""
    from PIL import Image

    with reading("a picture", path), Image.open(path):
        pass
    yield Row(1, f"{path}[0]", {}, path.stem)


def stamp_at(path: Path, index: int) -> Stamp | Refusal:
    """The stamp of a picture, not yet standardized."""
    told = told_beside(path)
    said = about({"PIXSCALE": 1.0, "BUNIT": "nJy"}, told)
    if isinstance(said, Refusal):
        return said
    found = _pixels(path)
    if isinstance(found, Refusal):
        return found
    if reason := saturated(found.image, said):
        return Refusal(reason)
    image, variance = said.nanojansky(found.image, said.noise_of(found.image), said.pixel_scale)
    bands = band_names(said, len(image)) if said.told_bands else found.bands
    psf = psf_of(None, said, said.pixel_scale)
    return Stamp(image, said.pixel_scale, psf, variance, bands, path.stem, mask=found.hidden)


def _pixels(path: Path) -> Pixels | Refusal:
    from PIL import Image

    if reason := _reduced(path):
        return Refusal(reason)
    with reading("a picture", path), Image.open(path) as picture:
        width, height = picture.size
        if picture.mode not in BANDS:
            return Refusal(REFUSED.get(picture.mode, f"its mode {picture.mode} isn't gray or RGB; save it as RGB"))
        if max(width, height) > LARGEST_SIDE:
            return Refusal(shape_problem((len(BANDS[picture.mode]), height, width)))
        numbers = np.asarray(picture, np.float64)
    planes = np.moveaxis(numbers[::-1] if numbers.ndim == 3 else numbers[::-1, :, None], 2, 0)
    bands = BANDS[picture.mode]
    hidden = planes[-1] == 0 if len(planes) > len(bands) else None
    return Pixels(planes[: len(bands)], hidden, bands)


def _reduced(path: Path) -> str:
    """Why a file's numbers would lose bits: Pillow keeps 8 of the 16 of a coloured PNG."""
    if path.suffix.lower() != ".png":
        return ""
    with open(path, "rb") as file:
        start = file.read(COLOUR_AT + 1)
    if len(start) > COLOUR_AT and start[DEPTH_AT] == 16 and start[COLOUR_AT] in (2, 4, 6):
        return "its colours have 16 bits, of which 8 would be lost; save it as FITS, or each band as a gray picture"
    return ""
