"""A survey's image in FITS, of which parts are read: it may be larger than memory."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from sciencegen.config.data import CutoutSettings
from sciencegen.data.damage import reading
from sciencegen.data.tables import READ_TABLES, column_names, read_table
from sciencegen.domains.capabilities.observation import Cut
from sciencegen.domains.galaxies.fits import ENDINGS, open_whole
from sciencegen.domains.galaxies.headers import (
    ANNOTATIONS,
    NOISES,
    PASSED_OVER,
    About,
    about,
    band_names,
    gaussian_psf,
    sky_at_edge,
    told_beside,
)
from sciencegen.domains.galaxies.items import MASKS, SEGMENTS, Stamp, standardize
from sciencegen.domains.galaxies.observation import check_geometry, in_bands, resampled
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import found_at
from sciencegen.items import Cell, Refusal

if TYPE_CHECKING:
    from astropy.wcs import WCS

TIE = 1e-3
"""Pixels by which two distances are taken as equal."""


class ImageSection(Protocol):
    """Parts of an image on the disk."""

    def __getitem__(self, place: tuple[slice, ...]) -> np.ndarray: ...


class ImageHDU(Protocol):
    """An image in FITS as astropy gives it."""

    name: str
    ver: int
    is_image: bool
    shape: tuple[int, ...]
    header: Mapping[str, object]
    data: np.ndarray
    section: ImageSection


@dataclass(frozen=True)
class Window:
    """Rows and columns of a square in an image, some of which may lie outside: top, left, side."""

    top: int
    left: int
    side: int

    @classmethod
    def around(cls, x: float, y: float, side: int) -> Window:
        """The square whose middle is nearest to a position, in pixels from 0; the upper one of two that are as near."""
        half = (side - 1) / 2 - 0.5 - TIE
        return cls(math.floor(y - half), math.floor(x - half), side)

    def within(self, height: int, width: int) -> tuple[slice, slice]:
        """The part that lies in an image."""
        rows = slice(min(max(self.top, 0), height), max(min(self.top + self.side, height), 0))
        columns = slice(min(max(self.left, 0), width), max(min(self.left + self.side, width), 0))
        return rows, columns


class SurveyImage:
    """An open file: its image [y x] or [band y x], and the maps that belong to it, read in parts."""

    def __init__(self, path: Path, extension: str | None = None) -> None:
        if not path.is_file():
            raise DataError(f"Expected an image at {path}, found {found_at(path)}.")
        if not path.name.lower().endswith(ENDINGS):
            raise DataError(f"Expected an image in FITS ({', '.join(ENDINGS)}), got {path.name}.")
        self.path, self.hdus = path, open_whole(path)
        self.hdu, self.is_only = _image_of(self.hdus, extension, path)
        header = {**self.hdus[0].header, **self.hdu.header}
        overrides = told_beside(path)
        found = about(header, overrides)
        if isinstance(found, Refusal):
            raise DataError(f"Expected an image with unit and pixel scale in {path}, found that {found.reason}.")
        self.about: About = found
        self.bands = band_names(found, self.shape[0])
        self.mask = str(overrides.get("mask", "")).upper()

    @property
    def shape(self) -> tuple[int, int, int]:
        """[band y x]."""
        sides = tuple(map(int, self.hdu.shape))
        return (1, *sides) if len(sides) == 2 else (sides[0], sides[1], sides[2])

    def image(self, window: Window) -> tuple[Float[np.ndarray, "band y x"], Bool[np.ndarray, "y x"]]:
        """A part, and its pixels that lie in the image; the others are 0."""
        return read_part(self.hdu, window)

    def beside(self, names: Sequence[str]) -> ImageHDU | None:
        """The HDU of the same shape with one of these names that belongs to the image, None if there is none."""
        named = (hdu for hdu in self._own if hdu.name.upper() in names)
        return next((hdu for hdu in named if hdu.shape[-2:] == self.shape[1:]), None)

    @property
    def _own(self) -> Iterator[ImageHDU]:
        """The image HDUs that belong to the image: of several images in a file, those of the same EXTVER."""
        images = (hdu for hdu in self.hdus if getattr(hdu, "is_image", False))
        return (hdu for hdu in images if self.is_only or hdu.ver == self.hdu.ver)

    def noise(self) -> tuple[str, ImageHDU] | None:
        """Kind ("variance", "inverse", "sigma") and HDU of a map of the noise."""
        for name, kind in ANNOTATIONS.items():
            if kind != "psf" and (hdu := self.beside((name,))) is not None:
                return kind, hdu
        return None

    def psf(self) -> np.ndarray | None:
        """The image of the PSF in an extension."""
        found = (hdu for hdu in self._own if hdu.name.upper() == "PSF" and len(hdu.shape) in (2, 3))
        hdu = next(found, None)
        return None if hdu is None else np.asarray(hdu.data, np.float64)

    def masks(self) -> ImageHDU | None:
        """The mask that is told beside the file, else one with a usual name; a map of segments is none."""
        return self.beside(() if self.mask in SEGMENTS else (self.mask,) if self.mask else MASKS)

    def segments(self) -> ImageHDU | None:
        return self.beside(SEGMENTS)

    def pixel_of(self, ra: float, dec: float) -> tuple[float, float] | Refusal:
        """Pixels (x, y) from 0 of a position on the sky."""
        from astropy.wcs import NoConvergence

        try:
            x, y = self._wcs.all_world2pix(ra, dec, 0)
        except (NoConvergence, ValueError) as error:
            return Refusal(f"the image's WCS has no pixel for {ra}, {dec} ({str(error).splitlines()[0]})")
        if not np.isfinite(x) or not np.isfinite(y):
            return Refusal(f"the image's WCS has no pixel for {ra}, {dec}")
        return float(x), float(y)

    def check_sky(self) -> None:
        """Raise a DataError without a WCS."""
        if not self._wcs.has_celestial:
            raise DataError(f"Expected a WCS in {self.path} for positions on the sky, found none. Give x and y.")

    @cached_property
    def _wcs(self) -> WCS:
        from astropy.wcs import WCS, FITSFixedWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            return WCS(self.hdu.header).celestial


def read_part(hdu: ImageHDU, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """A window [band y x] of an image HDU, and its pixels [y x] that lie in the image; the others are 0."""
    rows, columns = window.within(*map(int, hdu.shape[-2:]))
    leading = () if len(hdu.shape) == 2 else (slice(None),)
    part = np.asarray(hdu.section[(*leading, rows, columns)], np.float64) if rows.stop > rows.start else np.empty(0)
    bands = 1 if len(hdu.shape) == 2 else int(hdu.shape[0])
    image, inside = np.zeros((bands, window.side, window.side)), np.zeros((window.side, window.side), bool)
    if part.size:
        place = (
            slice(rows.start - window.top, rows.stop - window.top),
            slice(columns.start - window.left, columns.stop - window.left),
        )
        image[(slice(None), *place)] = part
        inside[place] = True
    return image, inside


def _first_image(path: str, what: str) -> ImageHDU | None:
    """The first image HDU of the file of a setting, None without one."""
    place = Path(path)
    if not place.is_file():
        raise ConfigError(f"Expected a file for `{what}` at {path}, found {found_at(place)}.")
    return next((hdu for hdu in open_whole(place) if hdu.is_image and len(hdu.shape) in (2, 3)), None)


def read_psf(path: str) -> Float[np.ndarray, "*band y x"]:
    """The image of a PSF in a file."""
    found = _first_image(path, "psf")
    if found is None:
        raise DataError(f"Expected the image of a PSF [y x] or [band y x] in {path}, found none.")
    with reading("whole pixels", path):
        return np.asarray(found.data, np.float64)


def open_map(path: str, shape: tuple[int, int, int], what: str) -> ImageHDU:
    """The first image HDU of a file, which has as many pixels as the survey's image."""
    found = _first_image(path, what)
    if found is None or found.shape[-2:] != shape[1:]:
        got = "no image" if found is None else f"{list(found.shape)}"
        raise DataError(f"Expected pixels {list(shape[1:])} in {path}, as in the image, found {got}.")
    return found


def _image_of(hdus: Iterable[ImageHDU], extension: str | None, path: Path) -> tuple[ImageHDU, bool]:
    """The HDU that is the image, and whether it is the only one."""
    found = [
        (number, hdu)
        for number, hdu in enumerate(hdus)
        if getattr(hdu, "is_image", False) and len(hdu.shape) in (2, 3) and min(hdu.shape) >= 1
    ]
    images = [(number, hdu) for number, hdu in found if hdu.name.upper() not in (*ANNOTATIONS, *PASSED_OVER)]
    only = len(images) == 1
    if extension is not None:
        named = [hdu for number, hdu in found if extension.upper() in (hdu.name.upper(), str(number))]
    else:
        named = [hdu for _, hdu in images if hdu.name.upper() == "SCI"] or [hdu for _, hdu in images]
    if named:
        return named[0], only
    listed = ", ".join(f"{number} {hdu.name}".strip() for number, hdu in images) or "none"
    wanted = "an image" if extension is None else f"the image {extension}"
    raise DataError(f"Expected {wanted} [y x] or [band y x] in {path}, found {listed}.")


# Positions of a catalogue: pixels, or right ascension and declination in degrees or sexagesimal.
#
# Pixels: columns `x` and `y` count from 1, as in FITS and SExtractor (`X_IMAGE`); `xcentroid` and `ycentroid`
# (photutils) count from 0. Sky: `ra` and `dec` and other usual names (`COLUMNS`). Numbers are degrees; texts with
# `:`, blanks or letters are sexagesimal, right ascension in hours: 10:30:12.5, 10h30m12.5s, -02 13 05.

FITS = (".fits", ".fit", ".fits.gz", ".cat", ".ldac")


class Pair(NamedTuple):
    """Names of two columns, in lower case; first: number of the first pixel, None for sky coordinates."""

    across: str
    along: str
    first: int | None


COLUMNS = (
    Pair("x", "y", 1), Pair("x_image", "y_image", 1), Pair("xwin_image", "ywin_image", 1),
    Pair("xcentroid", "ycentroid", 0), Pair("x_centroid", "y_centroid", 0),
    Pair("ra", "dec", None), Pair("raj2000", "dej2000", None), Pair("alpha_j2000", "delta_j2000", None),
    Pair("alphawin_j2000", "deltawin_j2000", None), Pair("raj2000", "decj2000", None), Pair("ra_deg", "dec_deg", None),
)  # fmt: skip
NAMES = ("id", "name", "object_id", "objid", "source_id", "number")
"""Columns that name a source, in lower case."""


@dataclass(frozen=True)
class Source:
    """A row of a catalogue. across, along: pixels from 0, or degrees, or a Refusal for a cell that is neither. values:
    its other columns of numbers."""

    line: int
    name: str
    position: tuple[float, float] | Refusal
    values: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """pair: the columns of the positions. sources: read one by one. rows: number of them, where known."""

    pair: Pair
    sources: Iterator[Source]

    @property
    def on_sky(self) -> bool:
        return self.pair.first is None


def read_catalogue(path: Path, first_pixel: int | None = None, limit: int | None = None) -> Catalogue:
    """Open a catalogue: CSV, TSV, Parquet, Excel, or a table in FITS.

    Parameters
    ----------
    path : Path
    first_pixel : int, optional
        Number of the first pixel, 0 or 1, instead of that of the columns' names.
    limit : int, optional
        Only the first rows.

    Raises
    ------
    DataError
        For a file without columns of positions.
    """
    if not path.is_file():
        raise DataError(f"Expected a catalogue at {path}, found {found_at(path)}.")
    if path.name.lower().endswith(FITS):
        with open(path, "rb") as file:  # SExtractor's catalogues are also text
            is_fits = file.read(6) == b"SIMPLE" or path.name.lower().endswith(".gz")
        names, records = (_fits_records if is_fits else _ascii_records)(path)
    elif path.name.lower().endswith((*READ_TABLES, ".xlsx", ".txt")):
        names = column_names(path)
        records = ((row.line, row.cells) for row in read_table(path, [name.lower() for name in names], None, True))
    else:
        raise DataError(f"Expected a catalogue ({', '.join((*READ_TABLES, *FITS))}), got {path.name}.")
    pair = _pair_of(names, path)
    if first_pixel is not None and pair.first is not None:
        pair = pair._replace(first=first_pixel)
    return Catalogue(pair, (_source(line, cells, pair) for line, cells in islice(records, limit)))


def _ascii_records(path: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Cell]]]]:
    """Names and rows of SExtractor's text."""
    from astropy.table import Table

    with reading("a catalogue of SExtractor", path):
        table = Table.read(path, format="ascii.sextractor")
    names = list(table.colnames)
    rows = ((number, {name: _plain(row[name]) for name in names}) for number, row in enumerate(table, 1))
    return names, rows


def _fits_records(path: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Cell]]]]:
    """Names and rows of the first table of a FITS file that has positions."""
    from astropy.io import fits

    hdus = open_whole(path)
    with reading("a catalogue in FITS", path):
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
        found = next((hdu for hdu in tables if _known(hdu.columns.names)), None)
        if found is None:
            listed = ", ".join(name for hdu in tables for name in hdu.columns.names) or "no table"
            raise _no_positions(path, listed)
        data, names = found.data, list(found.columns.names)

    def rows() -> Iterator[tuple[int, Mapping[str, Cell]]]:
        with reading("a catalogue in FITS", path):
            for number in range(len(data)):
                row = data[number]
                yield number + 1, {name: _plain(row[name]) for name in names if np.ndim(row[name]) == 0}

    return names, rows()


def _plain(cell: object) -> Cell:
    return cell.item() if isinstance(cell, np.generic) else cell if isinstance(cell, str | int | float) else str(cell)


def _known(names: Sequence[str]) -> Pair | None:
    lower = {name.lower() for name in names}
    return next((pair for pair in COLUMNS if pair.across in lower and pair.along in lower), None)


def _pair_of(names: Sequence[str], path: Path) -> Pair:
    pair = _known(names)
    if pair is None:
        raise _no_positions(path, ", ".join(names))
    return pair


def _no_positions(path: Path, found: str) -> DataError:
    return DataError(
        f"Expected columns of positions in {path}, such as x and y (pixels) or ra and dec, found {found}. Rename them."
    )


def _source(line: int, cells: Mapping[str, Cell], pair: Pair) -> Source:
    lower = {str(name).lower(): cell for name, cell in cells.items()}
    name = next((str(lower[one]).strip() for one in NAMES if lower.get(one) not in (None, "")), "")
    values = {
        str(key): number
        for key, cell in cells.items()
        if str(key).lower() not in (*pair[:2], *NAMES) and (number := _number(cell)) is not None
    }
    return Source(line, name, _position(lower.get(pair.across), lower.get(pair.along), pair), values)


def _position(across: Cell, along: Cell, pair: Pair) -> tuple[float, float] | Refusal:
    first, second = _number(across), _number(along)
    if pair.first is not None:
        if first is None or second is None:
            return Refusal(f"'{across}', '{along}' is no position in pixels")
        return first - pair.first, second - pair.first
    if first is None or second is None:
        return _sexagesimal(str(across), str(along))
    if not -90 <= second <= 90 or not -360 <= first <= 360:
        return Refusal(f"{first}, {second} is no position on the sky in degrees")
    return first % 360, second


def _sexagesimal(across: str, along: str) -> tuple[float, float] | Refusal:
    """Degrees from hours and degrees."""
    from astropy import units
    from astropy.coordinates import Angle

    try:
        ra, dec = float(Angle(across, units.hourangle).degree), float(Angle(along, units.deg).degree)
    except (ValueError, TypeError, units.UnitsError):
        return Refusal(f"'{across}', '{along}' is no position on the sky")
    if not (math.isfinite(ra) and 0 <= ra <= 360 and -90 <= dec <= 90):
        return Refusal(f"'{across}', '{along}' is no position on the sky")
    return ra % 360, dec


def _number(cell: Cell) -> float | None:
    """A finite number, None for other cells."""
    if cell is None or isinstance(cell, bool):
        return None
    try:
        found = float(cell)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


# Sources beside the one in the middle of a cut: found above the noise, or given as a map of segments.
#
# Pixels above `THRESHOLD` sigma of the image, smoothed by a Gaussian of `SMOOTHING` pixels, are segments where they
# touch. Those that don't reach the middle are neighbours; they are widened by `MARGIN` pixels. What touches the
# source in the middle belongs to it, also a neighbour whose light overlaps: other positions of the catalogue tell
# that (`blended`).

THRESHOLD, NEIGHBOUR_SMOOTHING = 3.5, 1.0
"""Sigma of the smoothed image, which noise alone exceeds in one of 60 cuts of 64 x 64; pixels."""
FEWEST, MARGIN, REACH = 5, 2, 2.5
"""Fewest pixels of a segment; pixels around a neighbour that are masked too; pixels from the middle within which a
segment is that of the source."""


def segments(image: Float[np.ndarray, "y x"], sigma: float, hidden: Bool[np.ndarray, "y x"]) -> np.ndarray:
    """[y x] numbers of the sources in an image, 0 for the sky. hidden: pixels that aren't looked at."""
    smooth = ndimage.gaussian_filter(np.where(hidden, 0.0, image), NEIGHBOUR_SMOOTHING)
    white = sigma / (
        2 * math.sqrt(math.pi) * NEIGHBOUR_SMOOTHING
    )  # noise of the smoothed image, if it isn't correlated
    seen = smooth[~hidden]
    spread = 1.4826 * float(np.median(np.abs(seen - np.median(seen)))) if seen.size else 0.0
    level = THRESHOLD * max(white, min(spread, sigma))
    found, _ = ndimage.label((smooth > level) & ~hidden, np.ones((3, 3)))
    few = np.flatnonzero(np.bincount(found.ravel()) < FEWEST)
    return np.where(np.isin(found, few), 0, found)


def own_segment(found: np.ndarray) -> int:
    """The number of the segment in the middle, 0 for none."""
    side = np.array(found.shape)
    y, x = np.mgrid[: side[0], : side[1]]
    distance = np.hypot(y - (side[0] - 1) / 2, x - (side[1] - 1) / 2)
    near = np.where((found > 0) & (distance <= REACH), distance, np.inf)
    return int(found.flat[near.argmin()]) if np.isfinite(near).any() else 0


def neighbours_in(found: np.ndarray) -> Bool[np.ndarray, "y x"]:
    """Pixels of other sources than the one in the middle, widened, but not into the source's own."""
    own = own_segment(found)
    others = (found > 0) & (found != own)
    wide = ndimage.binary_dilation(others, np.ones((3, 3)), MARGIN) if others.any() else others
    return wide & ~((found == own) & (own > 0))


# Stamps cut out of a survey's image at the positions of a catalogue, with PSF, noise and masked neighbours.
#
# A stamp is cut at whole pixels, so that its noise stays as it is; with another pixel scale it is resampled
# (`observation.resampled`). Flags of a stamp: `neighbour` (masked), `blended` (another source of the catalogue within
# the galaxy's own light, which isn't masked), `edge` (a part lies outside of the image), `bad` (NaN, saturated or bad
# pixels, masked), `undetected` (no light above the noise in the middle), `large` (the source reaches the edge of its
# stamp).

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
        edge = np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()])
        if own and (edge == own).any():
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
