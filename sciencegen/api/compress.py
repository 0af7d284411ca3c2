"""Compress and decompress: images as a stream of a learned predictor and a range coder, and back."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from sciencegen.api.science import domain_of
from sciencegen.compression.archive import CodingReport, header_of, read_archive, read_header, write_archive
from sciencegen.compression.images import Lossy, shared_models
from sciencegen.compression.stream import identity_of
from sciencegen.config import CompressSettings, DecompressSettings, build_settings
from sciencegen.data.threads import worker_count
from sciencegen.domains.capabilities.observation import CodedFiles
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import atomic_write, claim_output, found_at
from sciencegen.items import ImagePart, Part
from sciencegen.options import takes
from sciencegen.records import Shown

ZIP = ".npz"
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Coded(Shown):
    """What was written to `path`, and notes.

    summary: `bytes_before`, `bytes_after`; for images that the predictor coded `pixels`, `bits_per_pixel` and
    `bits_over_noise`, the bits per pixel above those of the noise alone; `largest_error` of a lossy code in the images'
    unit, and `error_over_noise` in units of the noise. For `decompress` also `lost`, the number of damaged parts.
    """

    SHOWN = "path", "summary", "notes"
    path: Path
    summary: dict[str, Any]
    notes: tuple[str, ...] = ()


@takes(CompressSettings, text=False)
def compress(
    domain: str, source: str | Path, output: str | Path, *, overwrite: bool = False, **options: object
) -> Coded:
    """Compress images by a learned predictor, without loss or with an error in units of the noise.

    The summary says how many bits a pixel takes, and how many of them are above the noise, which nothing can compress.
    Everything else in the file, such as headers and tables, is kept as it is.

    Parameters
    ----------
    domain : str
        "galaxies".
    source : str or Path
        A FITS, .npy or .npz file of images.
    output : str or Path
        The compressed file, such as stamps.sgc.
    overwrite : bool
        Whether an existing output is replaced.

    Returns
    -------
    Coded
        With `summary` and `notes`.

    Raises
    ------
    DataError
        For a file that is damaged or has another format.

    Notes
    -----
    Each pixel is predicted from its neighbours and from earlier bands by a small network, which is fitted to the first
    thousand stamps; what remains is coded by a range coder. All arithmetic that decides bytes is in integers. Images
    may be integers or floats, in any number of HDUs.

    References
    ----------
    Bamler, arXiv:2201.01741 (2022), for the range coder. White & Greenfield, ASP Conf. Ser. 172, 125 (1999), and Pence,
    Seaman & White, PASP 121, 414 (2009), for quantization in units of the noise.

    Examples
    --------
    >>> import sciencegen as sg, numpy as np, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> images = np.random.default_rng(0).normal(100, 16, (20, 32, 32)).astype(np.int16)
    >>> np.save(folder / "images.npy", images)
    >>> summary = sg.compress("galaxies", folder / "images.npy", folder / "images.sgc", threads=1).summary
    >>> bool(summary["bits_over_noise"] < 0.5)
    True
    >>> _ = sg.decompress("galaxies", folder / "images.sgc", folder / "back.npy", threads=1)
    >>> bool((np.load(folder / "back.npy") == images).all())
    True
    """
    settings = build_settings(CompressSettings, options)
    path, place = Path(source), Path(output)
    files = _coded_files(domain)
    if not path.is_file():
        raise DataError(f"Expected a file of images at {path}, found {found_at(path)}.")
    if not path.name.lower().endswith(files.formats):
        raise DataError(f"Expected a file of images ({', '.join(files.formats)}), got {path.name}.")
    if settings.noise is not None and settings.quantize is None:
        raise ConfigError("Expected `quantize` with `noise`, which is the noise that the step is a fraction of.")
    _claim(place, overwrite, path)
    lossy = None if settings.quantize is None else Lossy(settings.quantize, settings.noise)
    identity = identity_of(path, {"name": path.name, "quantize": settings.quantize, "noise": settings.noise})
    header = header_of("zip" if path.suffix.lower() == ZIP else "file", path.name, identity)
    with atomic_write(place, "wb") as file:
        shared = shared_models(files.parts(path), lossy)
        report = write_archive(file, files.parts(path), header, lossy, worker_count(settings.threads), shared)
    return Coded(place, _summary(report), _notes(report, lossy))


@takes(DecompressSettings, text=False)
def decompress(
    domain: str, source: str | Path, output: str | Path, *, overwrite: bool = False,
    **options: object,
) -> Coded:  # fmt: skip
    """Restore a file that was compressed by `compress`.

    Parameters
    ----------
    domain : str
        "galaxies".
    source : str or Path
        A file of `compress`.
    output : str or Path
        The file, with the ending that it had before.
    overwrite : bool
        Whether an existing output is replaced.

    Returns
    -------
    Coded
        With `summary` and `notes`.

    Raises
    ------
    DataError
        For a stream that is damaged; with `partial` what is whole is restored.
    IncompatibleError
        For a stream of another version's tables.

    Notes
    -----
    Of a lossless stream, FITS and .npy are the bytes that were coded; arrays of .npz are equal.

    Examples
    --------
    What is whole of a truncated stream:

    >>> import sciencegen as sg, numpy as np, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> images = np.random.default_rng(0).normal(0, 9, (1000, 16, 16)).astype(np.int16)
    >>> np.save(folder / "images.npy", images)
    >>> _ = sg.compress("galaxies", folder / "images.npy", folder / "images.sgc", threads=1)
    >>> stream = (folder / "images.sgc").read_bytes()
    >>> _ = (folder / "images.sgc").write_bytes(stream[: len(stream) * 3 // 4])
    >>> options = {"partial": True, "threads": 1}
    >>> sg.decompress("galaxies", folder / "images.sgc", folder / "back.npy", **options).notes
    ('lost: chunk 2 of 2 of image 1 [1000, 16, 16] (images 501 to 1000)', 'lost: the end of the file', ...)
    >>> back = np.load(folder / "back.npy")
    >>> bool((back[:500] == images[:500]).all()), int(np.abs(back[500:]).max())
    (True, 0)
    """
    settings = build_settings(DecompressSettings, options)
    path, place = Path(source), Path(output)
    _coded_files(domain)
    if not path.is_file():
        raise DataError(f"Expected a file of `compress` at {path}, found {found_at(path)}.")
    header = read_header(path)
    if (header.container == "zip") != (place.suffix.lower() == ZIP):
        raise ConfigError(f"Expected an output like {header.name}, which was compressed, got {place.name}.")
    _claim(place, overwrite, path)
    report = CodingReport()
    with atomic_write(place, "wb") as file, _sink(file, header.container) as write:
        for part in read_archive(path, worker_count(settings.threads), settings.partial):
            if isinstance(part, CodingReport):
                report = part
            else:
                write(part)
    summary = {"bytes_before": path.stat().st_size, "bytes_after": place.stat().st_size, "lost": len(report.lost)}
    return Coded(place, summary, (*(f"lost: {one}" for one in report.lost), *report.notes))


class _Sink:
    """Writes parts one after the other, or as the members of a zip file."""

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile | None) -> None:
        self._file, self._archive = file, archive

    def __call__(self, part: Part) -> None:
        if isinstance(part, bytes):
            self._file.write(part)
        elif isinstance(part, ImagePart):
            self._file.write(np.ascontiguousarray(part.array).data)
        elif self._archive is not None:
            self.close()
            member = zipfile.ZipInfo(part.name, EPOCH)
            member.file_size = part.most  # of a long one the header has another form
            self._file = self._archive.open(member, "w")

    def close(self) -> None:
        """End a member."""
        if self._archive is not None:
            self._file.close()


@contextmanager
def _sink(file: IO[bytes], container: str) -> Iterator[_Sink]:
    if container != "zip":
        yield _Sink(file, None)
        return
    with zipfile.ZipFile(file, "w") as archive:
        sink = _Sink(io.BytesIO(), archive)
        try:
            yield sink
        finally:
            sink.close()


def _coded_files(domain: str) -> CodedFiles:
    files = domain_of(domain).coded_files
    if files is None:
        raise ConfigError(f"Expected a domain with images to compress, such as galaxies, got {domain}.")
    return files


def _claim(output: Path, overwrite: bool, source: Path) -> None:
    claim_output(str(output), overwrite, inputs=[str(source)])
    if output.exists() and output.samefile(source):
        raise ConfigError(f"Expected an output besides the source, got {output} for both.")


ENTROPY_OF_NOISE = 0.5 * math.log2(2 * math.pi * math.e / 12)
"""Bits by which the entropy of rounded Gaussian noise is above log2(sigma sqrt 12), the noise bits of Pence, Seaman &
White (2009), whose K is what a program takes beyond these."""


def _summary(report: CodingReport) -> dict[str, Any]:
    summary: dict[str, Any] = {"bytes_before": report.before, "bytes_after": report.after}
    if report.pixels:
        bits = report.bits / report.pixels
        floor = report.floor / report.pixels
        summary |= {
            "pixels": report.pixels,
            "bits_per_pixel": round(bits, 4),
            "bits_over_noise": round(bits - floor, 4),
            "k": round(bits - floor + ENTROPY_OF_NOISE, 4),
        }
    return summary | {"largest_error": report.largest_error, "error_over_noise": report.error_over_noise}


def _notes(report: CodingReport, lossy: Lossy | None) -> tuple[str, ...]:
    notes = []
    if lossy is not None and lossy.noise is None:
        notes.append("the noise was estimated from differences of pixels two apart; `noise` replaces it")
    if report.kept:
        notes.append(f"{report.kept:,} pixels lose nothing, since a code with loss isn't shorter")
    if report.general:
        notes.append(f"{report.general:,} bytes of pixels were shorter by a general compressor (LZMA)")
    return tuple(notes)
