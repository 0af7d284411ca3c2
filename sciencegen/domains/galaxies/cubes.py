"""Cubes of stamps in HDF5, Zarr and .npz: `images` [n y x], [n band y x] or [n y x band], and columns of n numbers.

Examples are the layouts of GalaxiesML (images [n band y x]) and Galaxy10 (images [n y x band], `pxscale` in arcsec of
each stamp). Bytes without a unit are the colours of pictures. Data sets called psf [y x], [band y x], [n y x] or
[n band y x], variance [n], [n band] or of the images' shape, sigma [band] or as variance, and mask or segmentation
[n y x] are used as such. Unit, pixel scale and the rest
are read from attributes of the images or of the file, or from a file next to it (`headers`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.data.array_files import HDF5, check_returns, open_arrays
from sciencegen.data.zarr_stores import ENDINGS as STORES
from sciencegen.data.zarr_stores import note_gaps
from sciencegen.domains.galaxies.beside import changed_at, told_beside
from sciencegen.domains.galaxies.encoded_stamps import per_band, same_side
from sciencegen.domains.galaxies.headers import About, about, band_names, psf_of, saturated
from sciencegen.domains.galaxies.items import Stamp, shape_problem
from sciencegen.domains.galaxies.masks import MASKS, SEGMENTS, hidden_pixels
from sciencegen.domains.galaxies.provenance import history, provenance
from sciencegen.errors import DataError
from sciencegen.files import atomic_write
from sciencegen.items import Cell, Origin, Refusal, Row

ENDINGS = (*HDF5, ".npz", ".npy", *STORES)
IMAGES = ("images", "image", "stamps", "cutouts", "data")
SCALES = ("pixel_scale", "pxscale", "pixscale")
NOISES = ("variance", "sigma")
NOT_COLUMNS = frozenset({"psf", *NOISES, *SCALES})
NAMES = ("id", "name", "object_id")
OF_PICTURES = {"UNITS": "nJy", "SECPIX": 1.0, "BAND": "R,G,B"}
"""What bytes without a unit are taken as: the last keyword of each kind, so that those of the file come first."""
NO_UNIT = "colours of pictures without a unit: they are taken as nJy, but flux and magnitude mean nothing"


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
    name = next((one for one in NOISES if one in cube.arrays and cube.arrays[one].shape), None)
    if name is None:
        if said.in_sigma:
            raise ValueError("pixels in units of the noise, without an array `sigma` of it")
        return said.noise_of(image)
    said.check_noise(f"the array `{name}`")
    given = cube.arrays[name]
    for_all = given.shape == (len(image),) and len(image) != len(cube)
    own = np.asarray(given[()] if for_all else given[index], np.float64)
    own = own if name == "variance" else own**2
    return np.broadcast_to(own, (len(image),) if own.ndim < 2 else image.shape)


def write_hdf5(
    path: Path, stamps: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """Write arrays images [n band y x], psf [n y x], variance, pixel_scale, id and the numeric columns; attributes of
    the images hold the unit, those of the file the provenance."""
    import h5py

    from sciencegen.domains.galaxies.fits_writing import check_alike, mapped, mask_cube, variance_cube

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
