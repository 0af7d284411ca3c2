"""Stamps cut out of a survey's image at the positions of a catalogue, with PSF, noise and masked neighbours.

A stamp is cut at whole pixels, so that its noise stays as it is; with another pixel scale it is resampled
(`resampling`). Flags of a stamp: `neighbour` (masked), `blended` (another source of the catalogue within the galaxy's
own light, which isn't masked), `edge` (a part lies outside of the image), `bad` (NaN, saturated or bad pixels, masked),
`undetected` (no light above the noise in the middle), `large` (the source reaches the edge of its stamp)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.config import CutoutSettings
from sciencegen.data.damage import reading
from sciencegen.domains.capabilities.cutouts import Cut
from sciencegen.domains.galaxies.annotations import NOISES
from sciencegen.domains.galaxies.catalogues import Catalogue, Source, read_catalogue
from sciencegen.domains.galaxies.headers import gaussian_psf, sky_at_edge
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.neighbours import neighbours_in, own_segment, segments
from sciencegen.domains.galaxies.resampling import check_geometry, in_bands, resampled
from sciencegen.domains.galaxies.survey_images import ImageHDU, SurveyImage, Window, open_map, read_part, read_psf
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Refusal

SKY = 0.5
"""Level of the sky, in units of the noise, from which a note says that it isn't subtracted."""
MASK_ADVICE = (
    ", or not 0 in the extension MASK; where its bits mark detected sources too (HSC, LSST), write `mask: none` in "
    "stamps.yaml"
)
"""What may be wrong where an image with a mask has no good pixels."""
IMAGE = "an image with its noise, masks and PSF"
"""What is expected of a file, for an error."""
MOST_HIDDEN = 0.5
"""Share of masked pixels from which a stamp is refused."""


@dataclass(frozen=True)
class Maps:
    """What belongs to an image. noise: kind and HDU, None for none. psf: [y x], [band y x] or None."""

    noise: tuple[str, ImageHDU] | None
    segments: ImageHDU | None
    bad: ImageHDU | None
    psf: np.ndarray | None


@dataclass(frozen=True)
class Part:
    """A part of the image in its own unit. hidden: pixels that don't show the sky. variance: [band] or [band y x].
    sky: median at the edge. flags: of the part."""

    image: Float[np.ndarray, "band y x"]
    hidden: Bool[np.ndarray, "y x"]
    variance: np.ndarray
    sky: Float[np.ndarray, " band"]
    flags: tuple[str, ...]


def cut(image: Path, catalogue: Path, settings: CutoutSettings) -> Iterator[Cut]:
    """Cut a stamp for each row of a catalogue."""
    check_geometry(settings.side, settings.pixel_scale)
    with reading(IMAGE, image):
        survey = SurveyImage(image, settings.extension)
        maps = _maps(survey, settings)
        lacking = [band for band in settings.bands if band not in survey.bands]
        if lacking:
            raise ConfigError(f"Expected bands among {', '.join(survey.bands)}, got {', '.join(lacking)}.")
        sources = read_catalogue(catalogue, settings.first_pixel, settings.limit)
        if sources.on_sky:
            survey.check_sky()
        return _Cutter(survey, maps, settings, _others(catalogue, survey, settings)).cuts(sources)


def _others(catalogue: Path, survey: SurveyImage, settings: CutoutSettings) -> Float[np.ndarray, "source 2"]:
    """Pixels of all sources of the catalogue, also of those after the limit, sorted by y."""
    every = read_catalogue(catalogue, settings.first_pixel)
    found = [_pixel(survey, every, source) for source in every.sources]
    pixels = np.array([one for one in found if not isinstance(one, Refusal)]).reshape(-1, 2)
    return pixels[np.argsort(pixels[:, 1], kind="stable")]


def _pixel(survey: SurveyImage, catalogue: Catalogue, source: Source) -> tuple[float, float] | Refusal:
    if isinstance(source.position, Refusal) or not catalogue.on_sky:
        return source.position
    return survey.pixel_of(*source.position)


def _maps(survey: SurveyImage, settings: CutoutSettings) -> Maps:
    noise = survey.noise()
    if settings.variance is not None:
        noise = ("variance", open_map(settings.variance, survey.shape, "variance"))
    labels = survey.segments()
    if settings.segments is not None:
        labels = open_map(settings.segments, survey.shape, "segments")
    psf = survey.psf()
    if settings.psf is not None:
        psf = read_psf(settings.psf)
    elif settings.psf_fwhm is not None or (psf is None and survey.about.fwhm):
        psf = gaussian_psf(settings.psf_fwhm or survey.about.fwhm or 0.0, survey.about.pixel_scale)
    return Maps(noise, labels, survey.masks(), psf)


class _Cutter:
    """Cuts stamps out of one image. others: pixels of all sources, sorted by y."""

    def __init__(self, survey: SurveyImage, maps: Maps, settings: CutoutSettings, others: np.ndarray) -> None:
        self.survey, self.maps, self.settings, self.others = survey, maps, settings, others
        scale = settings.pixel_scale or survey.about.pixel_scale
        ratio = scale / survey.about.pixel_scale
        self.own_side = settings.side if settings.pixel_scale is None else 2 * math.ceil(settings.side * ratio / 2 + 1)

    def cuts(self, catalogue: Catalogue) -> Iterator[Cut]:
        with reading(IMAGE, self.survey.path), self.survey.hdus:
            for source in catalogue.sources:
                pixel = _pixel(self.survey, catalogue, source)
                if isinstance(pixel, Refusal):
                    yield Cut(source.line, source.name, pixel)
                    continue
                item, values = self._stamp(*pixel, source.name)
                yield Cut(source.line, source.name, item, {**source.values, **values})

    def _stamp(self, x: float, y: float, name: str) -> tuple[Stamp | Refusal, dict[str, Cell]]:
        _, height, width = self.survey.shape
        if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
            return Refusal(
                f"the position {x:.1f}, {y:.1f} lies outside of the image, which has {width} x {height} pixels"
            ), {}
        window = Window.around(x, y, self.own_side)
        part = self._part(window)
        values: dict[str, Cell] = {"x": x + 1, "y": y + 1}
        if part.hidden.mean() > MOST_HIDDEN:
            named = "" if self.survey.masks() is None else MASK_ADVICE
            return Refusal(f"{part.hidden.mean():.0%} of its pixels are bad or outside of the image{named}"), values
        mask, flags = self._masked(part, window, x, y)
        values |= {"flags": " ".join((*part.flags, *flags)), "masked": float(mask.mean())}
        values["sky"] = float(np.mean(part.sky / np.sqrt(_of_bands(part.variance))))
        image = part.image - (part.sky[:, None, None] if self.settings.sky else 0.0)
        scale = self.survey.about.pixel_scale
        image, variance = self.survey.about.nanojansky(image, part.variance, scale)
        hidden = mask if mask.any() else None
        stamp = standardize(Stamp(image, scale, self.maps.psf, variance, self.survey.bands, name, mask=hidden))
        return self._as_asked(stamp), values

    def _as_asked(self, stamp: Stamp | Refusal) -> Stamp | Refusal:
        """In the bands and on the pixels that were asked for."""
        if isinstance(stamp, Stamp) and self.settings.bands:
            stamp = in_bands(stamp, self.settings.bands)
        if isinstance(stamp, Refusal) or self.settings.pixel_scale is None:
            return stamp
        return resampled(stamp, self.settings.side, self.settings.pixel_scale)

    def _part(self, window: Window) -> Part:
        image, inside = self.survey.image(window)
        bad = ~np.isfinite(image).all(0) | (image >= self.survey.about.saturation).any(0)
        if self.maps.bad is not None:
            bad |= (read_part(self.maps.bad, window)[0] != 0).any(0)
        noise = self._noise(window)
        if noise is not None:
            bad |= ~(np.isfinite(noise) & (noise > 0)).all(0)
        bad &= inside
        hidden = bad | ~inside
        clean = np.where(hidden, 0.0, image)
        sky, scatter = sky_at_edge(clean, hidden)
        variance = scatter if noise is None else np.where(hidden, 0.0, noise)
        flags = (*(() if inside.all() else ("edge",)), *(("bad",) if bad.any() else ()))
        return Part(clean, hidden, variance, sky, flags)

    def _noise(self, window: Window) -> np.ndarray | None:
        """[band y x] variance in the image's unit squared, not finite or not positive where a pixel is bad."""
        if self.maps.noise is None:
            return None
        kind, hdu = self.maps.noise
        found = NOISES[kind](read_part(hdu, window)[0])
        return np.broadcast_to(found, (self.survey.shape[0], window.side, window.side))

    def _masked(self, part: Part, window: Window, x: float, y: float) -> tuple[Bool[np.ndarray, "y x"], list[str]]:
        """Pixels to mask, and flags."""
        sigma = np.sqrt(_of_bands(part.variance))[:, None, None]
        if self.maps.segments is not None:
            labels = read_part(self.maps.segments, window)[0][0].astype(np.int64)
        else:  # sources in the sum of all bands in units of their noise
            stacked = ((part.image - part.sky[:, None, None]) / sigma).sum(0) / math.sqrt(len(part.image))
            labels = segments(stacked, 1.0, part.hidden)
        own, others = own_segment(labels), neighbours_in(labels)
        flags = ["undetected"] if not own else []
        if own and self._within(labels == own, window, x, y):
            flags.append("blended")
        if others.any():
            flags.append("neighbour")
        if own and _reaches_edge(labels == own):
            flags.append("large")
        hidden = part.hidden if self.settings.neighbours else part.hidden | others
        return hidden, flags

    def _within(self, own: Bool[np.ndarray, "y x"], window: Window, x: float, y: float) -> bool:
        """Whether another source of the catalogue lies in the pixels of this one."""
        first, last = np.searchsorted(self.others[:, 1], (window.top - 0.5, window.top + window.side))
        near = self.others[first:last]
        places = np.rint(near[np.abs(near - (x, y)).max(1) > 1] - (window.left, window.top)).astype(int)
        places = places[((places >= 0) & (places < window.side)).all(1)]
        return bool(own[places[:, 1], places[:, 0]].any())


def _of_bands(variance: np.ndarray) -> Float[np.ndarray, " band"]:
    """The typical variance of each band."""
    if variance.ndim == 1:
        return variance
    return np.array([np.median(plane[plane > 0]) if (plane > 0).any() else 1.0 for plane in variance])


def _reaches_edge(own: Bool[np.ndarray, "y x"]) -> bool:
    return bool(own[[0, -1]].any() or own[:, [0, -1]].any())


LARGE = ": the source reaches the stamp's edge, where noise and sky are measured; take a larger `side`"


def notes(values: list[Mapping[str, Cell]]) -> list[str]:
    """Notes on all stamps: how many have each flag, and a sky that isn't subtracted."""
    counts = Counter(flag for one in values for flag in str(one.get("flags", "")).split())
    found = [
        f"{count} of {len(values)} stamps are flagged {flag}{LARGE if flag == 'large' else ''}"
        for flag, count in sorted(counts.items())
    ]
    levels = [float(one["sky"]) for one in values if "sky" in one]
    if levels and not counts["large"] and abs(float(np.median(levels))) > SKY:
        found.append(
            f"the sky at the stamps' edges is {float(np.median(levels)):+.2g} sigma: `sky` subtracts its median"
        )
    return found
