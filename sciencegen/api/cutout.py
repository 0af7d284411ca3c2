"""Cutout: items of a large image at the positions of a catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sciencegen.api.science.forms import domain_of
from sciencegen.api.writing.output_record import origin_of_given, plain_path
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import OutputOptions, open_output, write_rejected
from sciencegen.config import CutoutSettings, build_settings
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Cut, Cutouts
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell, Origin, Refusal
from sciencegen.options import takes


@dataclass(frozen=True, kw_only=True)
class CutItems(Result):
    """What was cut.

    Parameters
    ----------
    refused : tuple of (line, item, reason)
        Rows of the catalogue of which nothing was cut.
    """

    refused: tuple[Refused, ...] = ()


@takes(CutoutSettings)
def cutout(domain: str, image: str | Path, catalogue: str | Path, **options: object) -> CutItems:
    r"""Cut items out of a large image, such as galaxies out of a survey's.

    The image is read in parts, so that it may be larger than memory. Neighbours are masked, and each item has flags.

    Parameters
    ----------
    domain : str
        "galaxies".
    image : str or Path
        An image in FITS, [y x] or [band y x], with unit and pixel scale in its header or in `stamps.yaml` beside it.
        Extensions VARIANCE, IVAR or ERR, MASK, SEG and PSF of the same file are used.
    catalogue : str or Path
        CSV, Parquet, Excel, FITS or SExtractor's text, with columns x and y (pixels) or ra and dec (degrees, or
        sexagesimal with hours of right ascension).

    Returns
    -------
    CutItems
        `table` has a row for each item: its text, name, the catalogue's numbers, the position `x` and `y` (pixels
        from 1), `flags`, `masked` (share of pixels) and `sky` (level at the edge, in units of the noise). `write`
        makes a FITS or HDF5 file of the items, or a table and a file beside it.

    Raises
    ------
    ConfigError, DataError
        For files or settings that can't be used. Rows that can't are in `refused`.

    Examples
    --------
    >>> import sciencegen as sg, numpy as np, pathlib, tempfile
    >>> from astropy.io import fits
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> y, x = np.mgrid[:200, :300]
    >>> field = np.random.default_rng(0).normal(0, 1, (200, 300)) + 90 * np.exp(-np.hypot(x - 120, y - 80) / 3)
    >>> header = fits.Header({"BUNIT": "nJy", "PIXSCALE": 0.2, "FILTER": "r"})
    >>> fits.writeto(folder / "field.fits", field, header)
    >>> _ = (folder / "sources.csv").write_text("id,x,y\nA,121,81\nB,900,5\n")
    >>> found = sg.cutout("galaxies", folder / "field.fits", folder / "sources.csv", side=40)
    >>> found.table[["name", "flags"]].values.tolist(), found.refused[0][2]
    ([['A', '']], 'the position 899.0, 4.0 lies outside of the image, which has 300 x 200 pixels')
    """
    settings = build_settings(CutoutSettings, options)
    science = domain_of(domain)
    cuts = _cutouts(science).cut(Path(image), Path(catalogue), settings)
    asked = [f"from {plain_path(str(image))}", f"at {plain_path(str(catalogue))}", f"{settings.side} pixels"]
    return _result(science, cuts, origin_of_given("cutout", asked))


def _cutouts(science: Domain) -> Cutouts:
    if science.cutouts is None:
        raise ConfigError(f"Expected a domain with large images, such as galaxies, got {science.name}.")
    return science.cutouts


def _result(science: Domain, cuts: Iterable[Cut], origin: Origin) -> CutItems:
    """Items are kept as texts, which take less memory."""
    import pandas as pd

    texts, names, rows = list[str](), list[str](), list[Mapping[str, Cell]]()
    refused: list[Refused] = []
    for one in cuts:
        if isinstance(one.item, Refusal):
            refused.append((one.line, one.name, one.item.reason))
            continue
        texts.append(science.items.text(one.item))
        names.append(one.name or str(one.line))
        rows.append(one.values)
    if not texts:
        first = f": line {refused[0][0]}, {refused[0][2]}" if refused else ""
        raise DataError(f"Expected positions in the image, found none among {len(refused)} rows{first}.")
    values = _columns(rows)

    def write(path: Path, overwrite: bool) -> None:
        columns = {"item": texts, "id": names, **values}
        options = OutputOptions(origin=origin, overwrite=overwrite)
        with open_output(science.name, str(path), list(columns), options) as writer:
            writer.write(columns)
        write_rejected(str(path), refused)

    table = pd.DataFrame({"item": texts, "name": names, **values})
    summary = {"cut": len(texts), "refused": len(refused)}
    notes = tuple(_cutouts(science).notes(rows))
    return CutItems(table, summary, notes, write, domain=science.name, refused=tuple(refused))


def _columns(rows: list[Mapping[str, Cell]]) -> dict[str, list[Cell]]:
    """Columns of values, None where a row has none."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
