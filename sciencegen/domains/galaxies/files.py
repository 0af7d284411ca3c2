"""Files of galaxies: FITS, HDF5, Zarr, .npz and .npy, pictures, tables and lists of them, folders. The text of an item
is an encoded stamp or a reference.

A reference is `stamps.fits[3]` or `cube.h5[3]`: the stamp with this number, from 0, in the order of the file (of its
extensions, and in each stack); or `one.fits`, a file of one stamp. Paths in a table may be relative to the working
directory or to the table."""

from __future__ import annotations

import gzip
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from sciencegen.compression.archive import array_parts
from sciencegen.compression.images import is_image
from sciencegen.data import array_files as zarr_stores
from sciencegen.data.damage import open_binary, reading
from sciencegen.data.tables import read_table, referred_place
from sciencegen.domains.galaxies import cubes, pictures
from sciencegen.domains.galaxies import fits as fits_files
from sciencegen.domains.galaxies.fits import Extent, whole_extents
from sciencegen.domains.galaxies.headers import ANNOTATIONS, PASSED_OVER, sky_at_edge, told_beside
from sciencegen.domains.galaxies.items import LARGEST_PSF, PREFIX, UNREADABLE, Stamp, parse_text, standardize
from sciencegen.domains.galaxies.observation import in_bands, resampled
from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.files import found_at
from sciencegen.items import Cell, ImagePart, Origin, Part, Refusal, Row

# FITS files and arrays in parts for `compress`: the data of images as arrays, all else as bytes, kept as they are.
#
# A FITS file that is packed by gzip is coded as what it holds. Tables and tile-compressed images (.fz) are bytes.

ARRAYS = (".npy", ".npz")
KINDS = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
"""BITPIX -> type of the numbers (FITS standard 4.0, section 4.4.1.1)."""


def parts(path: Path) -> Iterator[Part]:
    """The parts of a file."""
    if path.name.lower().endswith(ARRAYS):
        yield from array_parts(path)
        return
    extents = whole_extents(path)
    content = _content(path)
    at = 0
    for extent in extents:
        yield (header := content[at : extent.start].tobytes())
        at = extent.start + extent.announced
        data = content[extent.start : at]
        picture = _picture(header, data, extent)
        if picture is not None:
            yield picture
        elif data.size:
            yield data.tobytes()
    if at < content.size:
        yield content[at:].tobytes()


def _content(path: Path) -> np.ndarray:
    if path.name.lower().endswith(".gz"):
        return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)
    return np.memmap(path, np.uint8, "r")


def _picture(header: bytes, data: np.ndarray, extent: Extent) -> ImagePart | None:
    """The data of an HDU as an image, None for other data. header: may start with the padding of the HDU before."""
    from astropy.io import fits

    start = max(header.find(b"SIMPLE  ="), header.find(b"XTENSION="))
    cards = fits.Header.fromstring(header[max(start, 0) :].decode("latin-1"))
    if cards.get("XTENSION", "IMAGE").strip() != "IMAGE" or cards.get("GROUPS", False):
        return None
    kind, axes = KINDS[int(cards["BITPIX"])], int(cards["NAXIS"])
    shape = tuple(int(cards[f"NAXIS{axis}"]) for axis in range(axes, 0, -1))
    if math.prod(shape) * np.dtype(kind).itemsize != extent.announced or not axes:
        return None
    array = data.view(kind).reshape(shape)
    name = str(cards.get("EXTNAME", "")).strip().upper()
    return ImagePart(array, exact=name in ANNOTATIONS or name in PASSED_OVER) if is_image(array) else None


ITEM_COLUMNS = ("item", "stamp", "image", "file", "path")
TABLES = (".csv", ".csv.gz", ".parquet")
LISTS = (".txt",)
STDIN = "stdin."
"""Prefix of the temporary file for standard input; since it is deleted, its stamps get no `source`."""
STACKS = (*fits_files.ENDINGS, *cubes.ENDINGS, *pictures.ENDINGS)
FORMATS = (*STACKS, *TABLES, *LISTS)
WRITTEN = (".fits", ".fit", ".fits.gz", *cubes.HDF5)
_REFERENCE = re.compile(r"(?P<path>.+?)(\[(?P<number>\d{1,9})\])?")


def ending(path: Path | str) -> str:
    """The longest of `FORMATS` that is a suffix of a name, in any case; "" for none."""
    name = Path(path).name.lower()
    return next((one for one in sorted(FORMATS, key=len, reverse=True) if name.endswith(one)), "")


def read(path: Path, column: str | None = None) -> Iterator[Row]:
    """Stream the rows of a file or a folder of files, stamps as references; unreadable ones give rows too."""
    path = Path(path)
    if path.is_dir() and not zarr_stores.is_store(path):
        files = [one for one in sorted(path.iterdir()) if ending(one) in STACKS]
        if not files:
            raise DataError(f"Expected FITS or HDF5 files, pictures or Zarr stores in the folder {path}, found none.")
        return _numbered(_expanded(map(str, files), path))
    kind = ending(path)
    if not kind:
        raise ConfigError(f"Expected a file of galaxies ({', '.join(FORMATS)}), got '{path}'. Convert it or rename it.")
    if kind in TABLES:
        return (replace(row, text=_found(row.text, path)) for row in read_table(path, ITEM_COLUMNS, column))
    if not _is_there(path):
        raise DataError(f"Expected a file of galaxies at {path}, found {found_at(path)}.")
    if path.stat().st_size == 0:
        raise DataError(f"Expected galaxies in {path}, found an empty file.")
    return _expanded(_lines(path), path) if kind in LISTS else _stamps_in(path)


def _is_there(path: Path) -> bool:
    """Whether a file exists, or a store, which may be a folder; False for what can't be a path."""
    with suppress(OSError, ValueError):  # a name that is too long, or that has a NUL
        return path.is_file() or zarr_stores.is_store(path)
    return False


def _exists(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return path.exists()
    return False


def _lines(path: Path) -> Iterator[str]:
    with open_binary(path) as stream:
        for line in stream:
            yield line.decode("utf-8", "replace").removeprefix("\ufeff").strip()


def _expanded(texts: Iterator[str], source: Path) -> Iterator[Row]:
    """Replace each file's name in a list by its stamps; an unreadable file is kept, and `parse` refuses it."""
    for line, text in enumerate(texts, start=1):
        place = _found(text, source)
        is_file = ending(place) in STACKS and _is_there(Path(place))
        if not text or text.startswith(PREFIX) or place.endswith("]") or not is_file:
            yield Row(line, place)
            continue
        try:
            yield from (replace(row, line=line) for row in _stamps_in(Path(place)))
        except SciencegenError:
            yield Row(line, place)


def _stamps_in(path: Path) -> Iterator[Row]:
    with reading("a file of galaxies", path):
        yield from _kind(path).rows(path)


def _numbered(rows: Iterator[Row]) -> Iterator[Row]:
    return (replace(row, line=number) for number, row in enumerate(rows, start=1))


def _found(text: str, source: Path) -> str:
    """A reference unchanged if its file exists, else from the folder of the table or list that contains it."""
    if text.startswith(PREFIX) or not (match := _REFERENCE.fullmatch(text)):
        return text
    path = Path(match["path"])
    place = path if _exists(path) else referred_place(path, source, _is_there)
    return text if place == path else f"{place}{text[len(match['path']) :]}"


def parse(text: str) -> Stamp | Refusal:
    """Parse a text or a reference to a standardized stamp, or a Refusal with the reason."""
    if not isinstance(text, str) or not text.strip():
        return Refusal("empty")
    text = text.strip()
    if text.startswith(PREFIX):
        return parse_text(text)
    if text.startswith(UNREADABLE):
        return Refusal(text.removeprefix(UNREADABLE).strip() or "unreadable")
    if "\n" in text:
        return Refusal("a text of several lines, or a file's name with a line break: rename it")
    match = _REFERENCE.fullmatch(text) if len(text) < 4096 else None
    if match is None or ending(match["path"]) not in STACKS:
        return Refusal("neither a stamp's text nor a reference such as stamps.fits[3]")
    path = Path(match["path"])
    if not _is_there(path):
        return Refusal(f"there is no file {path}")
    source = "" if path.name.startswith(STDIN) else text
    try:
        with reading("a file of galaxies", path), np.errstate(all="ignore"):  # `standardize` refuses what overflows
            stamp = _stamp_at(path, None if match["number"] is None else int(match["number"]))
            told = told_beside(path)
            if isinstance(stamp, Stamp) and _has_sky(path, told):
                dark = less_sky(stamp)
                stamp = dark if isinstance(dark, Stamp) or "sky" in told else stamp  # a black edge has no sky
            found = standardize(stamp) if isinstance(stamp, Stamp) else stamp
            found = _as_told(found, told) if isinstance(found, Stamp) else found
            return replace(found, source=source) if isinstance(found, Stamp) else found
    except SciencegenError as error:
        return Refusal(f"{path} can't be read: {error}")


def _as_told(stamp: Stamp, told: Mapping[str, Any]) -> Stamp | Refusal:
    """The stamp in the bands and on the pixels that are told beside its file."""
    found: Stamp | Refusal = stamp
    if "use" in told:
        names = [told["use"]] if isinstance(told["use"], str) else told["use"]
        found = in_bands(stamp, [str(name) for name in names])
    if "resample" in told and isinstance(found, Stamp):
        scale = told["resample"].get("pixel_scale")
        found = resampled(found, told["resample"]["side"], None if scale is None else float(scale))
    return found


def less_sky(stamp: Stamp) -> Stamp | Refusal:
    """The stamp less the median of each band in its outer fifth on each side, and with the scatter there as noise."""
    bad = ~np.isfinite(stamp.image).all(0)
    hidden = bad if stamp.mask is None else bad | stamp.mask
    sky, variance = sky_at_edge(np.where(hidden, 0.0, stamp.image), hidden, stamp.side // 5)
    if not variance.all():
        return Refusal("most pixels at its edge are equal: `sky: edge` finds no noise; leave it out, or mask them")
    return replace(stamp, image=stamp.image - sky[:, None, None], variance=variance)


def _is_picture(path: Path, told: Mapping[str, Any]) -> bool:
    """Whether a file has the colours of pictures, in no unit."""
    if ending(path) in pictures.ENDINGS:
        return not {"unit", "zero_point"} & set(told)
    return ending(path) in cubes.ENDINGS and cubes.is_picture(path)


def _has_sky(path: Path, told: Mapping[str, Any]) -> bool:
    """Whether the sky is subtracted: where that is told, and from pictures of which no noise is told."""
    return told["sky"] == "edge" if "sky" in told else _is_picture(path, told) and not {"sigma", "variance"} & set(told)


def _kind(path: Path) -> ModuleType:
    """The module that reads a file."""
    found = ending(path)
    return next((kind for kind in (fits_files, pictures) if found in kind.ENDINGS), cubes)


def left_out(text: str) -> str:
    """What reading changes in a stamp or lacks, for a note; "" for nothing."""
    match = _REFERENCE.fullmatch(text) if len(text) < 4096 and not text.startswith(PREFIX) else None
    if match is None or not _is_there(Path(match["path"])):
        return ""
    path = Path(match["path"])
    told = told_beside(path)
    changed = _not_square(path, int(match["number"] or 0))
    taken = []
    if _is_picture(path, told):
        scale = "" if "pixel_scale" in told or ending(path) in cubes.ENDINGS else ", and pixels as 1 arcsec"
        taken = [f"pictures without a unit: numbers are taken as nJy{scale}; fluxes and magnitudes mean nothing"]
    if _has_sky(path, told):
        assumed = "" if "sky" in told else " (`sky: none` in stamps.yaml: not)"
        taken.append(f"stamps whose sky was subtracted, with the noise of their edge{assumed}")
    taken += changed
    if "resample" not in told:
        return "; ".join(taken)
    asked = told["resample"]
    scale = f' of {asked["pixel_scale"]:g}"' if "pixel_scale" in asked else ""
    return "; ".join([*taken, f"stamps that were resampled to {asked['side']} x {asked['side']} pixels{scale}"])


def _not_square(path: Path, number: int) -> list[str]:
    """What is said of a stamp's image and PSF that aren't squares in the file, or of an even or too large side."""
    try:
        stamp = _stamp_at(path, number) if ending(path) in (*fits_files.ENDINGS, *cubes.ENDINGS) else None
    except Exception:  # of any damaged file, of which reading tells
        return []
    if not isinstance(stamp, Stamp) or stamp.image.ndim < 2:
        return []
    height, width = stamp.image.shape[-2:]
    said = [] if height == width else ["images that aren't square, which were padded with masked pixels"]
    if stamp.psf is None or stamp.psf.ndim < 2:
        return said
    height, width = stamp.psf.shape[-2:]
    if height == width and height % 2 and height <= LARGEST_PSF:
        return said
    return [*said, f"a PSF of {width} x {height} pixels, which was padded or cropped to a square of an odd side"]


def _stamp_at(path: Path, number: int | None) -> Stamp | Refusal:
    kind = _kind(path)
    count = len(kind.opened(path))
    if number is None and count != 1:
        return Refusal(f"{path} holds {count} stamps: write which, such as {path.name}[0]")
    if (number or 0) >= count:
        return Refusal(f"{path} holds {count} stamps: there is no number {number} (they count from 0)")
    return kind.stamp_at(path, number or 0)


def cell(stamp: Stamp) -> str:
    """Text of a stamp in a table for users: its place in a file; "" for a stamp that isn't in a file yet."""
    return stamp.source


def text_at(path: Path, number: int) -> str:
    """The reference to a stamp of a file that `write` wrote."""
    return f"{path}[{number}]"


def check_writable(path: Path) -> None:
    """Raise a ConfigError unless a path ends in one of `WRITTEN`."""
    if ending(path) not in WRITTEN:
        raise ConfigError(f"Expected an output of galaxies ending in {', '.join(WRITTEN)}, got '{path}'. Choose one.")


def write(
    path: Path, items: Sequence[Stamp], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """Write stamps as FITS or HDF5 in one step; the same stamps give the same bytes."""
    check_writable(path)
    writer: Callable[..., None] = cubes.write_hdf5 if ending(path) in cubes.HDF5 else cubes.write_fits
    writer(Path(path), items, names, values, origin)
