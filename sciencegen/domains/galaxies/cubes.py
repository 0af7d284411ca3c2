"""Cubes of stamps in HDF5, Zarr and .npz: `images` [n y x], [n band y x] or [n y x band], and columns of n numbers.
With names of bands beside the file, as many as it has images [n y x], these are the bands of one stamp.

Examples are the layouts of GalaxiesML (images [n band y x]) and Galaxy10 (images [n y x band], `pxscale` in arcsec of
each stamp). Bytes without a unit are the colours of pictures. Data sets called psf [y x], [band y x], [n y x] or
[n band y x], variance [n], [n band] or of the images' shape, sigma [band] or as variance, weights of the images'
shape, and mask or segmentation [n y x] are used as such. Unit, pixel scale and the rest are read from attributes of the
images or of the file, or from a file next to it (`headers`).
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.data.array_files import ENDINGS as STORES
from sciencegen.data.array_files import HDF5, check_returns, note_gaps, open_arrays
from sciencegen.domains.galaxies.headers import NOISES as OF_NOISE
from sciencegen.domains.galaxies.headers import About, about, band_names, changed_at, psf_of, saturated, told_beside
from sciencegen.domains.galaxies.items import (
    MASKS,
    SEGMENTS,
    Stamp,
    hidden_pixels,
    history,
    per_band,
    provenance,
    same_side,
    shape_problem,
)
from sciencegen.domains.galaxies.measurements import PROPERTIES
from sciencegen.domains.galaxies.sersic_fit import FITTED
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_write
from sciencegen.items import Cell, Origin, Refusal, Row

if TYPE_CHECKING:
    from astropy.io.fits import HDUList

ENDINGS = (*HDF5, ".npz", ".npy", *STORES)
IMAGES = ("images", "image", "stamps", "cutouts", "data")
SCALES = ("pixel_scale", "pxscale", "pixscale")
PLANES = {"psf": ("psf", "psfs"), "weights": ("weights", "weight", "ivar", "wht")}
"""Key beside the file that names images of this kind -> their usual names; weights are inverse variances."""
NOISES = {"variance": OF_NOISE["variance"], "sigma": OF_NOISE["sigma"], "weights": OF_NOISE["inverse"]}
"""Name of the noise -> its variance."""
NOT_COLUMNS = frozenset({"psf", *NOISES, *SCALES})
NAMES = ("id", "name", "object_id")
OF_PICTURES = {"UNITS": "nJy", "SECPIX": 1.0, "BAND": "R,G,B"}
"""What bytes without a unit are taken as: the last keyword of each kind, so that those of the file come first."""


class Cube:
    """An open file of named arrays. arrays: read plane by plane. header: attributes by name. is_picture: whether it has
    bytes without a unit, which are taken as the colours of pictures."""

    def __init__(self, path: Path) -> None:
        self.path, overrides = path, told_beside(path)
        self.arrays, self.header = open_arrays(path, "images")
        name = overrides.get("images") or next((one for one in IMAGES if one in self.arrays), None)
        if name is None and len(self.arrays) == 1:
            name = next(iter(self.arrays))
        if name not in self.arrays or not _is_stack(self.arrays[name]):
            found = ", ".join(f"{one} {list(array.shape)}" for one, array in list(self.arrays.items())[:12])
            raise DataError(
                f"Expected images [n y x], [n band y x] or [n y x band] in {path}, found {found or 'nothing'}. "
                "Name the data set in stamps.yaml beside it: images: NAME."
            )
        self.images = self.arrays.pop(name)
        self.header = {**self.header, **({} if isinstance(self.images, np.ndarray) else dict(self.images.attrs))}
        self.scales = next((self.arrays[one] for one in SCALES if self._is_column(one)), None)
        header = {**self.header, **({} if self.scales is None else {"PIXSCALE": 1.0})}
        if (bands := self.arrays.get("bands")) is not None and len(bands.shape) == 1 and bands.dtype.kind in "USO":
            header.setdefault("BANDS", ",".join(map(_text, bands[:])))
        self.about: About | Refusal = about(header, overrides)
        self.is_picture = False
        if isinstance(self.about, Refusal) and self.images.dtype == np.uint8:
            self.about = about({**OF_PICTURES, **header}, overrides)
            self.is_picture = isinstance(self.about, About)
        stated = self.about.bands if isinstance(self.about, About) and self.about.told_bands else ()
        if len(self.images.shape) == 3 and 1 < len(stated) == len(self):  # one stamp [band y x]
            self.images = np.asarray(self.images)[None]
        for kind, usual in PLANES.items():
            places = (overrides[kind],) if kind in overrides else usual
            planes = [one for one in places if one in self.arrays and len(self.arrays[one].shape) > 1]
            if kind in overrides and not planes:
                raise DataError(f"Expected images {overrides[kind]} in {path}, as `{kind}` says beside it, found none.")
            if planes:
                self.arrays[kind] = self.arrays.pop(planes[0])
        names = [overrides["mask"]] if "mask" in overrides else [*MASKS, *SEGMENTS]
        self.masks = [one for one in self.arrays if one.upper() in {name.upper() for name in names}]

    def __len__(self) -> int:
        return int(self.images.shape[0])

    def _is_column(self, name: str) -> bool:
        return name in self.arrays and self.arrays[name].shape == (len(self),)

    def columns(self) -> dict[str, np.ndarray]:
        """Numeric columns with one value for each stamp."""
        names = [one for one in self.arrays if self._is_column(one) and one not in NOT_COLUMNS]
        return {one: np.asarray(self.arrays[one], float) for one in names if self.arrays[one].dtype.kind in "iufb"}

    @cached_property
    def names(self) -> list[str] | None:
        """Names of the stamps in the catalogue."""
        name = next((one for one in NAMES if self._is_column(one)), None)
        return None if name is None else [_text(cell) for cell in self.arrays[name][:]]

    @property
    def shape(self) -> tuple[int, ...]:
        """[band y x] of each image."""
        sides = tuple(map(int, self.images.shape[1:]))
        sides = (1, *sides) if len(sides) == 2 else sides
        return (sides[2], *sides[:2]) if sides[0] == sides[1] != sides[2] else sides

    def image(self, index: int) -> np.ndarray:
        """The image [band y x] at `index`."""
        plane = np.asarray(self.images[index], np.float64)
        if plane.ndim == 2:
            return plane[None]
        return np.moveaxis(plane, 2, 0) if plane.shape[0] == plane.shape[1] != plane.shape[2] else plane


def _is_stack(array: Any) -> bool:
    return len(array.shape) in (3, 4) and min(array.shape[1:]) > 0 and array.dtype.kind in "iufb"


def _text(cell: bytes | str | np.generic) -> str:
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell)


@lru_cache(maxsize=4)
def _opened(path: Path, changed: tuple[int, ...]) -> Cube:
    return Cube(path)


def opened(path: Path) -> Cube:
    """Open a file; it is cached for the next stamp."""
    return _opened(path, changed_at(path))


def is_picture(path: Path) -> bool:
    """Whether a file has bytes without a unit; False for one that can't be read."""
    with suppress(Exception):
        return opened(path).is_picture
    return False


def _try(path: Path) -> None:
    with suppress(Exception):  # they are raised in the parent process, too
        cube = opened(path)
        _ = cube.columns(), cube.names, cube.images[:1]


def rows(path: Path) -> Iterator[Row]:
    """Each stamp of a file as a reference, with its values."""
    check_returns(path, _try)
    cube = opened(path)
    note_gaps([cube.images, *cube.arrays.values()])
    columns, names = cube.columns(), cube.names
    for index in range(len(cube)):
        values = {name: float(cells[index]) for name, cells in columns.items() if math.isfinite(cells[index])}
        yield Row(index + 1, f"{path}[{index}]", values, names[index] if names is not None else "")


def stamp_at(path: Path, index: int) -> Stamp | Refusal:
    """The stamp at `cube.h5[index]`, not yet standardized."""
    cube = opened(path)
    said = cube.about
    if isinstance(said, Refusal):
        return said
    if reason := shape_problem(cube.shape):
        return Refusal(reason)
    image = cube.image(index)
    if reason := saturated(image, said):
        return Refusal(reason)
    pixel_scale = said.pixel_scale if cube.scales is None else float(cube.scales[index])
    bands = band_names(said, len(image))
    variance = _variance(cube, said, image, index)
    if said.in_sigma:
        image = image * np.sqrt(per_band(variance))
    image, variance = said.nanojansky(image, variance, pixel_scale)
    name = "" if cube.names is None else cube.names[index]
    psf, mask = psf_of(_psf(cube, len(image), index), said, pixel_scale), _mask(cube, index)
    return Stamp(image, pixel_scale, psf, variance, bands, name, mask=mask)


def _psf(cube: Cube, bands: int, index: int) -> np.ndarray | None:
    """[y x] or [band y x]; one of three sides holds a PSF of each stamp, else of each band."""
    given = cube.arrays.get("psf")
    if given is None:
        return None
    for_all = len(given.shape) == 2 or (len(given.shape) == 3 and given.shape[0] == bands != len(cube))
    return np.asarray(given[()] if for_all else given[index], np.float64)


def _mask(cube: Cube, index: int) -> np.ndarray | None:
    """The masked pixels [y x] of a stamp, None without a mask."""
    found = [
        hidden_pixels(np.asarray(cube.arrays[name][index]), name)
        for name in cube.masks
        if cube.arrays[name].dtype.kind in "iub" and cube.arrays[name].shape == (len(cube), *cube.shape[1:])
    ]
    return np.any(found, 0) if found else None


def _variance(cube: Cube, said: About, image: np.ndarray, index: int) -> np.ndarray:
    """[band] or [band y x], in the file's unit: by an array of the noise, else a keyword or the stamp's edge."""
    known = {one: cube.arrays[one].shape for one in NOISES if one in cube.arrays}
    name = next((one for one, shape in known.items() if len(shape) > (one == "weights")), None)
    if name is None:
        if said.in_sigma:
            raise ValueError("pixels in units of the noise, without an array `sigma` of it")
        return said.noise_of(image)
    said.check_noise(f"the array `{name}`")
    given = cube.arrays[name]
    for_all = given.shape in (image.shape[:1], image.shape) and len(image) != len(cube)
    own = NOISES[name](np.asarray(given[()] if for_all else given[index], np.float64))
    return np.broadcast_to(own, (len(image),) if own.ndim < 2 else image.shape)


def write_hdf5(
    path: Path, stamps: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """Write arrays images [n band y x], psf [n y x], variance, pixel_scale, id and the numeric columns; attributes of
    the images hold the unit, those of the file the provenance."""
    import h5py

    check_alike(path, stamps)
    with atomic_write(path, "wb") as sink, h5py.File(sink, "w") as file:
        if not stamps:
            return
        images = file.create_dataset("images", data=np.stack([one.image for one in stamps]), track_times=False)
        file.attrs.update({keyword.lower(): value for keyword, (value, _) in provenance(origin).items()})
        if lines := history(origin):
            file.attrs["history"] = "\n".join(lines)
        images.attrs.update({"unit": "nJy", "bands": ",".join(stamps[0].bands)})
        variance = variance_cube(stamps) if mapped(stamps) else np.stack([one.variance for one in stamps])
        columns = {"variance": variance, "pixel_scale": np.array([one.pixel_scale for one in stamps])}
        if any(one.psf is not None for one in stamps):
            columns["psf"] = same_side([one.psf for one in stamps])
        if any(one.mask is not None for one in stamps):
            columns["mask"] = mask_cube(stamps)
        for name, cells in values.items():
            if all(cell is None or isinstance(cell, (bool, int, float, np.number, np.bool_)) for cell in cells):
                columns[name] = np.array([math.nan if cell is None else float(cell) for cell in cells])
        columns["id"] = np.array([str(name).encode() for name in names])
        for name, array in columns.items():
            file.create_dataset(name, data=array, track_times=False)


# Stamps written as FITS: one cube that DS9, astropy and pipelines read, with its catalogue.

SUFFIXES = ("_lower", "_upper")
"""Ends of a predictor's interval, in the unit of what it predicts."""


def write_fits(
    path: Path, stamps: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """A cube of stamps [n y x], or [n band y x], with the cubes PSF, VARIANCE and MASK where stamps have them, and a
    table CATALOG: id, the columns given, pixel_scale, psf_fwhm and variance_<band> of each. The header says how the
    stamps came to be; no time of day is written."""
    check_alike(path, stamps)
    hdus = hdu_list(stamps, names, values, origin)
    with atomic_write(path, "wb") as sink:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile("", "wb", 6, sink, mtime=0) as packed:
                hdus.writeto(packed)
        else:
            hdus.writeto(sink)


def hdu_list(
    stamps: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Cell]], origin: Origin | None = None
) -> HDUList:
    """What `write` writes, in memory. The stamps have one shape and the same bands."""
    from astropy.io import fits

    primary = fits.PrimaryHDU()
    if stamps:
        cube = np.stack([stamp.image for stamp in stamps]).astype(np.float32)
        primary = fits.PrimaryHDU(cube[:, 0] if cube.shape[1] == 1 else cube, _header(stamps, origin))
    hdus = fits.HDUList([primary])
    if any(stamp.psf is not None for stamp in stamps):
        hdus.append(fits.ImageHDU(same_side([stamp.psf for stamp in stamps]), name="PSF"))
    if mapped(stamps):
        maps = variance_cube(stamps)
        hdus.append(fits.ImageHDU(maps.squeeze(1) if maps.shape[1] == 1 else maps, name="VARIANCE"))
        hdus[-1].header["BUNIT"] = "nJy2"
    if any(stamp.mask is not None for stamp in stamps):
        hdus.append(fits.ImageHDU(mask_cube(stamps), name="MASK"))
    if stamps:
        hdus.append(_table(stamps, names, values))
    return hdus


def check_alike(path: Path, stamps: Sequence[Stamp]) -> None:
    """A cube holds stamps of one shape in the same bands."""
    shapes = {(stamp.image.shape, stamp.bands) for stamp in stamps}
    if len(shapes) > 1:
        found = ", ".join(sorted(f"{list(shape)} of {'/'.join(bands)}" for shape, bands in shapes))
        raise ConfigError(f"Expected stamps of one shape and the same bands for {path}, got {found}. Write them apart.")


def mapped(stamps: Sequence[Stamp]) -> bool:
    """Whether noise differs within a stamp."""
    return any(stamp.variance.ndim > 1 for stamp in stamps)


def variance_cube(stamps: Sequence[Stamp]) -> np.ndarray:
    """[n band y x]: the noise variance of each pixel."""
    return np.stack([np.broadcast_to(per_band(stamp.variance), stamp.image.shape) for stamp in stamps])


def mask_cube(stamps: Sequence[Stamp]) -> np.ndarray:
    """[n y x] uint8: 1 where a pixel is masked."""
    nothing = np.zeros(stamps[0].image.shape[1:], bool)
    return np.stack([nothing if stamp.mask is None else stamp.mask for stamp in stamps]).astype(np.uint8)


def _header(stamps: Sequence[Stamp], origin: Origin | None) -> Any:
    from astropy.io import fits

    scale, header = stamps[0].pixel_scale, fits.Header()
    header["BUNIT"] = ("nJy", "in a pixel; AB magnitude of 1: 31.4")
    header["MAGZERO"] = (31.4, "AB magnitude of 1")
    header["BANDS"] = ",".join(stamps[0].bands)
    header["PIXSCALE"] = (scale, "[arcsec] of the first stamp; all: CATALOG")
    for axis in (1, 2):
        header[f"CTYPE{axis}"] = ("LINEAR", "a stamp has no place on the sky")
        header[f"CUNIT{axis}"] = "deg"
        header[f"CRPIX{axis}"] = (stamps[0].side + 1) / 2
        header[f"CRVAL{axis}"] = 0.0
        header[f"CD{axis}_{axis}"] = (scale / 3600, "[deg]")
    last = 3 + (len(stamps[0].bands) > 1)
    for axis in range(3, last + 1):
        header[f"CD{axis}_{axis}"] = 1.0
    header[f"CTYPE{last}"] = ("STAMP", "row of CATALOG")
    for keyword, card in provenance(origin).items():
        header[keyword] = card
    for line in history(origin):
        header["HISTORY"] = line
    noise_free, sharp = all(one.noise_free for one in stamps), all(one.psf is None for one in stamps)
    where = "CATALOG, as a map in VARIANCE" if mapped(stamps) else "CATALOG"
    header["COMMENT"] = "Noise: none." if noise_free else f"Noise: variance (nJy2) in {where}."
    header["COMMENT"] = "PSF: none." if sharp else "PSF: of each stamp in PSF, without the pixel's response."
    return header


def _table(stamps: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Cell]]) -> Any:
    from astropy.io import fits

    columns = [_column("id", [str(name) for name in names])]
    columns += [_column(name, list(cells)) for name, cells in values.items()]
    taken = {column.name for column in columns}
    own = {"pixel_scale": [stamp.pixel_scale for stamp in stamps], "psf_fwhm": [psf_fwhm(stamp) for stamp in stamps]}
    for place, band in enumerate(stamps[0].bands):
        own[f"variance_{band}"] = [float(np.mean(stamp.variance[place], dtype=np.float64)) for stamp in stamps]
    columns += [_column(name, cells) for name, cells in own.items() if name not in taken]
    return fits.BinTableHDU.from_columns(columns, name="CATALOG")


def _column(name: str, cells: list[Cell]) -> Any:
    """Numbers as doubles, missing ones as NaN, with the unit of what is known by this name; else ASCII text."""
    from astropy.io import fits

    numbers = all(cell is None or isinstance(cell, (bool, int, float, np.number, np.bool_)) for cell in cells)
    if numbers:
        array = np.array([math.nan if cell is None else float(cell) for cell in cells])
        return fits.Column(name, "D", unit=_unit(name), array=array)
    texts = [("" if cell is None else str(cell)).encode("ascii", "replace").decode() for cell in cells]
    return fits.Column(name, f"{max(1, *map(len, texts))}A", array=np.array(texts, dtype=str))


def _unit(name: str) -> str | None:
    """As FITS writes it; None for a pure number and for what isn't known here."""
    known = {one.name: one.unit for one in PROPERTIES.values()} | {one: unit for one, (_, unit) in FITTED.items()}
    known |= {"pixel_scale": "arcsec", "psf_fwhm": "arcsec"}
    plain = next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name)
    return "nJy2" if plain.startswith("variance_") else known.get(plain) or None


def psf_fwhm(stamp: Stamp) -> float:
    """arcsec: twice the radius at which the PSF's mean profile falls to half; ln of it is taken as linear in r² between
    two radii, as a Gaussian's is. 0 without a PSF."""
    psf = stamp.psf_of(0)
    if psf is None:
        return 0.0
    half = len(psf) // 2
    r2 = np.add.outer(np.arange(-half, half + 1) ** 2, np.arange(-half, half + 1) ** 2).ravel()
    radii2, ring = np.unique(r2, return_inverse=True)
    profile = np.bincount(ring, psf.ravel().astype(np.float64)) / np.bincount(ring)
    below = int(np.argmax(profile <= profile[0] / 2))
    if below == 0 or profile[below] <= 0:
        return math.nan
    high, low = np.log(profile[below - 1 : below + 1] / profile[0])
    part = (high + math.log(2)) / (high - low)
    return 2 * stamp.pixel_scale * math.sqrt(radii2[below - 1] + part * (radii2[below] - radii2[below - 1]))
