"""Reads FITS: stamps as images, cubes and extensions, plain or compressed, with their catalogue.

A two-dimensional image is a stamp. A cube is a stack of stamps [n y x], unless its header names as many bands as it has
planes (BANDS = 'g,r,i'): then it is one stamp; four dimensions are [n band y x]. Extensions called PSF, VARIANCE (or
VAR), IVAR (WHT, WEIGHT), ERR (SIGMA, RMS), MASK and SEG belong to the image of the same EXTVER or to the only image. A
table with as many rows as there are stamps is their catalogue. If any image is called SCI, only images of this name are
read.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from sciencegen.data.damage import BLOCK, GZIP_START, check_claim, reading, reason_of
from sciencegen.domains.galaxies.headers import (
    ANNOTATIONS,
    PASSED_OVER,
    About,
    about,
    band_names,
    changed_at,
    psf_of,
    saturated,
    told_beside,
    variance_of,
)
from sciencegen.domains.galaxies.items import MASKS, SEGMENTS, Stamp, hidden_pixels, shape_problem
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal, Row

# The layout of a FITS file by its headers alone, to find out whether all bytes that they announce are there.
#
# astropy reads a truncated file, packed or not, without an error, and leaves out what is missing.

CARD, RECORD = 80, 2880
MOST_RECORDS = 4096
"""Maximum length of a header, 147,456 cards."""
MOST_PADDING = 1 << 18
"""Blank bytes after the last HDU, as of tapes; astropy takes seconds for each megabyte of them."""
_PACKED: dict[bytes, Callable[..., Any]] = {GZIP_START: gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_INTEGER = re.compile(rb"([A-Z0-9_-]{1,8}) *= *([+-]?\d{1,18}) *(?:/.*)?", re.DOTALL)
_BITS = (8, 16, 32, 64, -32, -64)
_BLANK = b"\0 \t\r\n"
_OF_CATALOGUE = b"row of CATALOG"
"""In the header of files by sciencegen, which end in a catalogue."""


@dataclass(frozen=True)
class Extent:
    """Data of an HDU: its first byte, and the numbers of bytes that the header announces and that are present."""

    start: int
    announced: int
    present: int


class _Stream:
    """The unpacked bytes of a file until its end or the first damage."""

    def __init__(self, path: Path) -> None:
        self.handle = open(path, "rb")  # noqa: SIM115 - closed by its user
        self.place, self.damage, start = 0, "", self.handle.read(6)
        self.size = self.handle.seek(0, io.SEEK_END)
        self.handle.seek(0)
        packed = next((kind for magic, kind in _PACKED.items() if start.startswith(magic)), None)
        self.is_packed = packed is not None
        self.stream: IO[bytes] = self.handle if packed is None else packed(self.handle, "rb")

    def read(self, size: int) -> bytes:
        parts = []
        while size > 0 and (block := self._block(min(size, BLOCK))):
            parts.append(block)
            size -= len(block)
        return b"".join(parts)

    def _block(self, size: int) -> bytes:
        try:
            block = b"" if self.damage else self.stream.read1(size)  # type: ignore[attr-defined]
        except Exception as error:  # the libraries raise almost anything on damaged files
            self.damage, block = reason_of(error), b""
        self.place += len(block)
        return block

    def skip(self, size: int) -> int:
        """Skip bytes; returns how many there were."""
        if not self.is_packed:
            skipped = max(0, min(size, self.size - self.place))
            self.place = self.handle.seek(self.place + skipped)
            return skipped
        before = self.place
        while self.place - before < size and self._block(min(BLOCK, size - self.place + before)):
            pass
        return self.place - before


def read_layout(path: Path) -> tuple[list[Extent], str]:
    """The extent of each HDU, and what is missing or damaged, "" for a whole file. Reads the headers of all HDUs and
    skips their data; a packed file is unpacked once, up to its checksum."""
    stream, extents = _Stream(path), list[Extent]()
    with stream.handle:
        problem = _read_hdus(stream, extents)
        return extents, f"a damaged one ({stream.damage})" if stream.damage else problem


def whole_extents(path: Path) -> list[Extent]:
    """The data of each HDU of a file that must be whole. Raises a DataError if a part is missing or damaged."""
    extents, problem = read_layout(path)
    if problem:
        raise DataError(f"Expected a FITS file at {path}, found {problem}. Get it again.")
    return extents


def first_bytes(path: Path, size: int) -> bytes:
    """The first unpacked bytes of a file."""
    stream = _Stream(path)
    with stream.handle:
        return stream.read(size)


def _read_hdus(stream: _Stream, extents: list[Extent]) -> str:
    """Read HDUs to the end of the file; returns a problem."""
    expected, has_catalogue, has_images = 0, True, True
    while record := stream.read(RECORD):
        if not record.startswith(b"XTENSION" if extents else b"SIMPLE"):
            problem = _after_last(record, stream, len(extents))
            return problem or _lacking(expected, len(extents) - 1, has_catalogue)
        header = _header(record, stream)
        if header is None:
            return f"one that ends in, or has no end of, the header of HDU {len(extents)}"
        integers = filter(None, (_INTEGER.fullmatch(one.rstrip()) for one in reversed(header)))
        numbers = {found[1].decode(): int(found[2]) for found in integers}  # the first card of a name counts
        size = _data_size(numbers)
        if size is None:
            return f"a header of HDU {len(extents)} that doesn't say the size of its data"
        if not extents:
            has_images = numbers["NAXIS"] > 0
            expected = 0 if has_images else numbers.get("NEXTEND", 0)
            has_catalogue = not any(_OF_CATALOGUE in card for card in header)
        has_catalogue = has_catalogue or any(card.startswith(b"EXTNAME = 'CATALOG ") for card in header)
        extents.append(Extent(stream.place, size, present := stream.skip(size)))
        if present < size:
            return f"one cut short: HDU {len(extents) - 1} announces {size} bytes and has {present}"
        stream.skip(-size % RECORD)  # some files lack the last padding
    return _lacking(expected, len(extents) - 1, has_catalogue)


def _lacking(expected: int, found: int, has_catalogue: bool) -> str:
    if found < expected:
        return f"one cut short: it announces {expected} extensions and has {found}"
    return "" if has_catalogue else "one cut short: its header announces the extension CATALOG, which is missing"


def _after_last(record: bytes, stream: _Stream, count: int) -> str:
    """A problem with bytes that start no HDU: those after the last one must be blank."""
    if not count:
        return "no card SIMPLE at its start"
    end = stream.place + MOST_PADDING
    while record:
        if record.strip(_BLANK):
            return f"something else than an HDU after {count} of them"
        if stream.place > end:
            return f"more than {MOST_PADDING >> 10} KiB of blanks after {count} HDUs"
        record = stream.read(RECORD)
    return ""


def _header(record: bytes, stream: _Stream) -> list[bytes] | None:
    """Cards of the header that starts with this record; None if it doesn't end."""
    cards: list[bytes] = []
    for _ in range(MOST_RECORDS):
        if len(record) < RECORD:
            return None
        cards += [record[at : at + CARD] for at in range(0, RECORD, CARD)]
        if any(card[:8].rstrip() == b"END" for card in cards[-RECORD // CARD :]):
            return cards
        record = stream.read(RECORD)
    return None


def _data_size(header: Mapping[str, int]) -> int | None:
    """Bytes of the data without padding, None if the header has no valid sizes (FITS standard 4.0, section 4.4)."""
    axes = header.get("NAXIS", -1)
    if any(not 0 <= header.get(name, 0) < 1000 for name in ("NAXIS", "ZNAXIS", "TFIELDS")):  # by the standard
        return None
    sides = [header.get(f"NAXIS{axis}", -1) for axis in range(1, axes + 1)]
    groups, parameters = header.get("GCOUNT", 1), header.get("PCOUNT", 0)
    if axes < 0 or header.get("BITPIX") not in _BITS or min([*sides, groups, parameters]) < 0:
        return None
    if not sides:
        return 0
    random_groups = len(sides) > 1 and sides[0] == 0 and "GCOUNT" in header
    return abs(header["BITPIX"]) // 8 * groups * (parameters + math.prod(sides[1:] if random_groups else sides))


ENDINGS = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz", ".fz")
SCIENCE = "SCI"
"""Name of images from HST and JWST; other images in these files, such as VAR_POISSON or AREA, aren't stamps."""
NAMES = ("id", "name", "object", "ident")
"""Columns of a catalogue that name its stamps."""
OWN = re.compile("pixel_scale|psf_fwhm|variance_.+")
"""Columns of a catalogue that are part of the stamps."""


class FitsFile:
    """An open file, or HDUs in memory: the HDUs with stamps, their catalogue and their headers, each read once. Stacks
    are read plane by plane, without memory maps, which don't work for scaled integers.

    path: of the file, for what is told about it in a file next to it; None for HDUs in memory. mask: name of the HDU
    that is told to be the mask, "" for the usual ones. images: number of the HDU -> number of stamps in its stack, None
    for a single stamp.
    """

    def __init__(self, hdus: Any, path: Path | None = None) -> None:
        self.hdus, self.path, self.mask = hdus, path, ""
        if path is not None:
            with suppress(ConfigError):  # what is wrong there is the refusal of each stamp
                self.mask = str(told_beside(path).get("mask", "")).upper()
        self.images = _images(hdus, self.mask)
        self._about: dict[int, About | Refusal] = {}

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def places(self) -> list[tuple[int, int | None]]:
        """For each stamp in order: the HDU, and the index in its stack, None for a single stamp."""
        return [(hdu, None if size is None else at) for hdu, size in self.images.items() for at in range(size or 1)]

    @cached_property
    def catalogue(self) -> tuple[list[str] | None, dict[str, np.ndarray]]:
        """Names and numeric columns of the first table with a row for each stamp."""
        tables = (hdu for hdu in self.hdus if hdu.__class__.__name__ == "BinTableHDU")
        table = next((hdu for hdu in tables if hdu.header["NAXIS2"] == len(self)), None)
        if table is None:
            return None, {}
        data = table.data
        named = next((name for name in data.names if name.lower() in NAMES), None)
        names = None if named is None else [str(cell).strip() for cell in data[named]]
        numbers = [one for one in data.names if data[one].ndim == 1 and data[one].dtype.kind in "iufb" and one != named]
        return names, {name: np.asarray(data[name], np.float64) for name in numbers}

    def about(self, number: int) -> About | Refusal:
        if number not in self._about:
            header = {**self.hdus[0].header, **self.hdus[number].header}
            if "pixel_scale" in self.catalogue[1]:
                header.setdefault("PIXSCALE", 1.0)  # replaced by each stamp's own
            self._about[number] = about(header, {} if self.path is None else told_beside(self.path))
        return self._about[number]

    def beside(self, number: int, names: Collection[str]) -> list[Any]:
        """The image HDUs with one of these names that belong to an image."""
        version, alone = self.hdus[number].ver, len(self.images) == 1
        return [
            hdu
            for hdu in self.hdus
            if hdu.name.upper() in names and getattr(hdu, "is_image", False) and (alone or hdu.ver == version)
        ]

    def stamp(self, row: int) -> Stamp | Refusal:
        """The stamp with this number, not yet standardized."""
        number, plane = self.places[row]
        said, hdu = self.about(number), self.hdus[number]
        if isinstance(said, Refusal):
            return said
        shape = hdu.shape[plane is not None :]
        if reason := shape_problem((1, *shape) if len(shape) == 2 else shape):
            return Refusal(reason)
        image = _plane(hdu, plane)
        image = image[None] if image.ndim == 2 else image
        if reason := saturated(image, said):
            return Refusal(reason)
        names, columns = self.catalogue
        own = {name: float(cells[row]) for name, cells in columns.items() if OWN.fullmatch(name)}
        pixel_scale = own.get("pixel_scale", said.pixel_scale)
        parts = {ANNOTATIONS[one.name.upper()]: _plane(one, plane) for one in self.beside(number, ANNOTATIONS)}
        bands, mask = band_names(said, len(image)), self._mask(number, plane)
        variance = variance_of(image, said, parts, own, bands)
        image, variance = said.nanojansky(image, variance, pixel_scale)
        name = names[row] if names is not None else str(hdu.header.get("OBJECT", ""))
        psf = psf_of(parts.get("psf"), said, pixel_scale)
        return Stamp(image, pixel_scale, psf, variance, bands, name, mask=mask)

    def _mask(self, number: int, plane: int | None) -> np.ndarray | None:
        """The masked pixels [y x] of an image, by extensions of integers with the told or a usual name."""
        names = (self.mask,) if self.mask else (*MASKS, *SEGMENTS)
        found = [
            hidden_pixels(_plane(hdu, plane), hdu.name)
            for hdu in self.beside(number, names)
            if len(hdu.shape) > 1 and hdu.header["BITPIX"] > 0
        ]
        return np.any(found, 0) if found else None


@lru_cache(maxsize=4)
def _opened(path: Path, changed: tuple[int, ...]) -> FitsFile:
    extents, problem = read_layout(path)
    if problem:
        whole = _count_whole(path, extents) if extents else 0
        raise DataError(
            f"Expected a FITS file at {path}, found {problem}; {whole} of its stamps are whole. Get it again."
        )
    with reading("a FITS file", path):
        return FitsFile(_whole(path, extents), path)


def open_whole(path: Path) -> Any:
    """The HDUs of a file of which each byte is there and each header can be read; else a DataError."""
    extents = whole_extents(path)
    with reading("a FITS file", path):
        return _whole(path, extents)


def _whole(path: Path, extents: Sequence[Extent]) -> Any:
    hdus = _open(path, len(extents))
    for hdu in hdus:
        if getattr(hdu, "is_image", False) and hdu.shape:
            size = math.prod(hdu.shape) * abs(int(hdu.header["BITPIX"])) // 8
            check_claim(path, hdu.shape[0], size, hdu.fileinfo()["datSpan"])  # its bytes may be compressed
    return hdus


def opened(path: Path) -> FitsFile:
    """Open a file; it is cached for the next stamp."""
    return _opened(path, changed_at(path))


def rows(path: Path) -> Iterator[Row]:
    """Each stamp of a file as a reference, without reading pixels; numbers in the catalogue are the rows' values."""
    file = opened(path)
    if not file.images:
        found = [f"{one.name or 'PRIMARY'} {list(one.shape)}" for one in file.hdus if getattr(one, "is_image", False)]
        raise DataError(f"Expected images of two to four dimensions in {path}, found {', '.join(found) or 'none'}.")
    names, columns = file.catalogue
    columns = {name: cells for name, cells in columns.items() if not OWN.fullmatch(name)}
    for row, (hdu, _) in enumerate(file.places):
        values = {name: float(cells[row]) for name, cells in columns.items() if math.isfinite(cells[row])}
        name = names[row] if names is not None else str(file.hdus[hdu].header.get("OBJECT", ""))
        yield Row(row + 1, f"{path}[{row}]", values, name)


def _images(hdus: Any, mask: str = "") -> dict[int, int | None]:
    """Number of each HDU with stamps -> number of stamps in its stack, None for a single stamp. mask: name of the one
    that is the mask, "" for the usual names."""
    images = {number: hdu for number, hdu in enumerate(hdus) if _is_image(hdu, mask)}
    science = {number: hdu for number, hdu in images.items() if hdu.name.upper() == SCIENCE}
    return {number: _stack_size(hdu) for number, hdu in (science or images).items()}


def _open(source: Path | io.BytesIO, count: int) -> Any:
    """Open a file of so many HDUs. Each is looked at before the next, since astropy may read a damaged one again
    and again."""
    from astropy.io import fits

    hdus = fits.open(source, memmap=False, lazy_load_hdus=True, ignore_missing_simple=False)
    for number in range(count):
        with suppress(IndexError):
            if hdus[number].__class__.__name__ != "_CorruptedHDU":
                continue
        raise ValueError(f"{number} of its {count} HDUs can be read")
    if len(hdus) != count:
        raise ValueError(f"{len(hdus)} HDUs, where its headers announce {count}")
    return hdus


def _count_whole(path: Path, extents: Sequence[Extent]) -> int:
    """Number of stamps before the damage of a file, 0 if these can't be read either."""
    content = io.BytesIO(first_bytes(path, extents[-1].start + extents[-1].present))
    with suppress(Exception), warnings.catch_warnings():  # the error is raised anyway
        warnings.simplefilter("ignore")
        with _open(content, len(extents)) as hdus:
            sizes = ((extents[number], size or 1) for number, size in _images(hdus).items())
            return sum(size * extent.present // max(extent.announced, 1) for extent, size in sizes)
    return 0


def _is_image(hdu: Any, mask: str) -> bool:
    two = getattr(hdu, "is_image", False) and len(hdu.shape) in (2, 3, 4) and min(hdu.shape) > 0
    name = hdu.name.upper()
    return bool(two and name not in ANNOTATIONS and name not in PASSED_OVER and (not mask or name != mask))


def _stack_size(hdu: Any) -> int | None:
    """Number of stamps in the stack of an image HDU, None for a single stamp."""
    shape, bands = hdu.shape, [one for one in str(hdu.header.get("BANDS", "")).split(",") if one.strip()]
    if len(shape) == 2 or (len(shape) == 3 and (shape[0] == len(bands) > 1 or hdu.header.get("CTYPE3", "") == "BAND")):
        return None
    return int(shape[0])


def stamp_at(path: Path, row: int) -> Stamp | Refusal:
    """The stamp `file.fits[row]`, not yet standardized."""
    return opened(path).stamp(row)


def _plane(hdu: Any, plane: int | None) -> np.ndarray:
    stack = hdu.data if hdu.fileinfo() is None else hdu.section  # of HDUs in memory, or in a file
    data = stack[plane] if plane is not None and len(hdu.shape) > 2 else hdu.data
    return np.asarray(data, np.float64)  # native, regardless of the file's type and byte order
