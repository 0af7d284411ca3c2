"""Observed items of surveys: cut out of large images, and restored without the instrument's blur and noise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.api.models.region import UNKNOWN, Region, columns_of, load_region, notes_of
from sciencegen.api.science import LeftOut, domain_of
from sciencegen.api.scores import OwnColumns, ScoredChunk, own_columns
from sciencegen.api.sources.tables import given_source, rows_with_cells
from sciencegen.api.writing.output_record import Criteria, origin_of, origin_of_given, plain_path
from sciencegen.api.writing.results import Result, Scored, scored
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, open_output, write_rejected
from sciencegen.config import FEWEST_SAMPLES, CutoutSettings, RestoreSettings, as_texts, build_settings
from sciencegen.data.tables import PEEK_ROWS, cells_by_column
from sciencegen.data.workers import is_refusal
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Cut, Cutouts, Restoration, Restored
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.items import Cell, Given, Origin, Refusal, Row
from sciencegen.options import takes
from sciencegen.records import ledger
from sciencegen.scoring.oracles import failed_by

# Items cut out of large images.


@dataclass(frozen=True, kw_only=True)
class CutItems(Result):
    """What was cut.

    Parameters
    ----------
    refused : tuple of (line, item, reason)
        Rows of the catalogue of which nothing was cut.
    """

    refused: tuple[Refused, ...] = ()


@takes(CutoutSettings, text=False, output="The stamps, .fits or .h5.")
def cutout(domain: str, image: str | Path, catalogue: str | Path, **options: object) -> CutItems:
    r"""Cut stamps out of a survey's image, with PSF, noise and masked neighbours.

    Each stamp has flags: neighbour, blended, edge, bad, undetected, large. Positions of which nothing can be cut are
    listed in <output>.rejects.csv.

    Parameters
    ----------
    domain : str
        "galaxies".
    image : str or Path
        The image in FITS, of any size.
    catalogue : str or Path
        CSV, Parquet, Excel, FITS or SExtractor's text with columns x, y (pixels) or ra, dec (degrees or sexagesimal).

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

    Notes
    -----
    The image is [y x] or [band y x], with unit and pixel scale in its header or in `stamps.yaml` beside it. Extensions
    VARIANCE, IVAR or ERR, MASK, SEG and PSF of the same file are used. It is read in parts, so that it may be larger
    than memory. Right ascensions in sexagesimal are hours.

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
    values = cells_by_column(rows)

    def write(path: Path, overwrite: bool) -> None:
        columns = {"item": texts, "id": names, **values}
        options = OutputOptions(origin=origin, overwrite=overwrite)
        with open_output(science.name, str(path), list(columns), options) as writer:
            writer.write(columns)
        write_rejected(str(path), refused)

    table = pd.DataFrame({"item": texts, "name": names, **values})
    counts = {"cut": len(texts), "refused": len(refused)}
    summary = {**counts, **ledger("rows", sum(counts.values()), counts)}
    notes = tuple(_cutouts(science).notes(rows))
    return CutItems(table, summary, notes, write, domain=science.name, refused=tuple(refused))


# Items restored without blur and noise.

TAIL = 0.05
"""Probability beyond each end of an interval."""
WITHOUT = "they have no intervals; `allow_outside` writes them"
"""What follows from items that are unlike those of the training."""


@takes(RestoreSettings, frames=("items",))
def restore(domain: str, items: Path | Given, names: str | Sequence[str] = (), **options: object) -> Scored:
    """Remove the instrument's blur and noise from observed items, with error bars.

    Parameters
    ----------
    domain : str
        "galaxies".
    items : str, object, sequence of these, Series, DataFrame, or Path
        One item or several, as texts or objects; a data frame with a column of them; or the path of a file (a
        `pathlib.Path`; a str is an item).
    names : str or sequence of str
        Properties; none means the domain's choice (galaxies: flux, half_light_radius, e1 and e2, whose intervals were
        tested).

    Returns
    -------
    Scored
        A row for each item: `item`, the mean of the samples, whose variance in each pixel is that of the samples; for
        each property the median and the ends of the 90% interval, `_lower` and `_upper`; `chi_squared`, the mean square
        of observed less restored over the noise (1: only noise is left); and `resolution` (arcsec), the finest period
        whose power in the blurred image is above the noise: finer structure comes from the model alone. `in_domain`
        says whether the item is like those that the model was trained on, and `outside` why not: then there are no
        intervals, unless `allow_outside` is set. Of a file, other columns of its table or catalogue, too.

    Raises
    ------
    ConfigError
        For a model that can't restore, or an unknown property.

    Examples
    --------
    >>> import numpy as np, sciencegen as sg
    >>> y, x = np.mgrid[:64, :64] - 31.5
    >>> psf = np.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) / 4)[16:49, 16:49]
    >>> image = 400 * np.exp(-np.hypot(x, y) / 4) + np.random.default_rng(0).normal(0, 15, (64, 64))
    >>> stamp = {"image": image, "pixel_scale": 0.1, "variance": 15.0**2, "psf": psf / psf.sum()}
    >>> found = sg.restore("galaxies", [stamp], "flux", threads=1).table
    >>> found.columns.tolist()
    ['item', 'id', 'flux', 'flux_lower', 'flux_upper', 'chi_squared', 'resolution', 'in_domain', 'outside', 'refused']
    """
    settings = build_settings(RestoreSettings, {**options, "names": as_texts(names)})
    restoring = resolve_restore(domain, items, settings)
    given = None if isinstance(restoring.source, Path) or settings.keep_samples else restoring.texts
    return scored(restoring, restoring.open, given, restoring.model.results)


def resolve_restore(domain: str, items: Path | Given, settings: RestoreSettings) -> Restoring:
    """Check the settings, then read the first rows for the columns that are copied."""
    model = open_model(domain, settings.model, settings)
    restoration = model.recipe.restoration
    if restoration is None:
        able = ", ".join(name for name, one in model.domain.recipes.items() if one.restoration)
        remedy = f"Take one of the recipe {able}." if able else f"No model of {domain} can."
        raise ConfigError(
            f"Expected a model that can restore items, {model.folder.name} ({model.recipe.name}) can't. {remedy}"
        )
    if reason := restoration.unable(model.representation):
        raise ConfigError(f"Expected a model that can restore items, {model.folder.name} {reason}.")
    for name in settings.names:
        if name not in model.domain.properties:
            raise unknown_name(f"property of {domain}", name, model.domain.properties)
    source = given_source(model.domain, items, settings.column)
    origin = origin_of("restore", model, Criteria(), settings.seed)
    origin = replace(origin, asked=(f"{settings.samples} samples of the posterior",), notes=restoration.origin)
    return Restoring(model, restoration, source, settings, origin)


@dataclass
class Restoring:
    """Items that are restored one by one, once. `notes` and `summary` are complete after the last."""

    model: LoadedModel
    restoration: Restoration
    source: Path | Sequence[Row]
    settings: RestoreSettings
    origin: Origin
    agreements: list[Mapping[str, float]] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    judged: list[tuple[str, ...]] = field(default_factory=list)
    region: Region | None = None
    refused: int = 0
    first_refused: Refused | None = None
    own: OwnColumns = field(init=False)
    rows: Sequence[Row] = field(init=False)
    left_out: LeftOut = field(init=False)

    def __post_init__(self) -> None:
        self.region = load_region(self.model)
        self.rows, self.left_out = list(islice(self._read(), self.settings.start - 1, None)), LeftOut(self.model.domain)
        self.own = own_columns(map(_beside, self.rows[:PEEK_ROWS]), self._ours, ("item", "id"))

    @property
    def names(self) -> Sequence[str]:
        return self.settings.names or self.restoration.properties

    @property
    def notes(self) -> list[str]:
        remarks = [f"{count} of {self.restored}: {remark}" for remark, count in self.remarks.items()]
        lacking = [UNKNOWN] if self.region is None and self.model.recipe.region is not None else []
        outside = notes_of(self.judged, WITHOUT if not self.settings.allow_outside else "don't rely on their intervals")
        return [
            *self.own.notes,
            *self.left_out.notes,
            *remarks,
            *lacking,
            *outside,
            *self.restoration.notes(self.agreements),
        ]

    @property
    def restored(self) -> int:
        return len(self.agreements)

    @property
    def texts(self) -> list[str]:
        """The given items."""
        assert not isinstance(self.source, Path)
        return [row.text for row in self.source]

    @property
    def columns(self) -> Sequence[str]:
        """Those of the results, then other columns of the input's table or catalogue."""
        return (*self._ours, *self.own.carried)

    @property
    def _ours(self) -> Sequence[str]:
        if self.settings.keep_samples:
            return ("item", "line", "id", "sample", *self.names, *self._told)
        bounds = [f"{name}{end}" for name in self.names for end in ("", "_lower", "_upper")]
        return ("item", "line", "id", *bounds, *self.restoration.agreement, *self._told)

    @property
    def _told(self) -> Sequence[str]:
        """The columns that say whether an item is like those of the training."""
        return () if self.region is None else tuple(columns_of([]))

    def _read(self) -> Iterator[Row]:
        if isinstance(self.source, Path):
            return rows_with_cells(self.model.domain, self.source, self.settings.column)
        return iter(self.source)

    def __iter__(self) -> Iterator[ScoredChunk]:
        for number, row in enumerate(self.rows, self.settings.start - 1):
            self.left_out.look([row])
            try:
                values = self._values(row, number)
            except (ArithmeticError, RuntimeError, ValueError) as error:  # numpy's and torch's LinAlgError are such
                values = Refusal(f"its posterior can't be computed ({failed_by(error).failure})")
            if isinstance(values, Refusal):
                refused = (row.line, row.text, values.reason)
                self.refused, self.first_refused = self.refused + 1, self.first_refused or refused
                yield ScoredChunk({name: [] for name in self.columns}, [refused])
                continue
            count = len(values["item"])
            yield ScoredChunk(values | {name: [_beside(row).get(name)] * count for name in self.own.carried}, [])

    def _values(self, row: Row, number: int) -> dict[str, list[Cell]] | Refusal:
        """The columns of one item, with a row for each sample if these are kept."""
        item = self.model.domain.items.parse(row.text)
        found = item if is_refusal(item) else self._restored(item, number)
        if isinstance(found, Refusal):
            return found
        reasons = () if self.region is None else self.region.outside([item if found.seen is None else found.seen])[0]
        if reasons and self.settings.keep_samples and not self.settings.allow_outside:
            return Refusal(
                f"unlike what the model was trained on ({'; '.join(reasons)}); `allow_outside` keeps samples"
            )
        values = self._samples(row, found) if self.settings.keep_samples else self._summary(row, found, reasons)
        self.agreements.append(found.agreement)
        self.remarks.update(found.remarks)
        self.judged.append(reasons)
        return values if self.region is None else values | columns_of([reasons] * len(values["item"]))

    def _restored(self, item: Any, number: int) -> Restored | Refusal:
        seed = int(np.random.SeedSequence([self.settings.seed, number]).generate_state(1)[0])
        made = self.restoration.restore
        return made(self.model.model, self.model.representation, item, self.settings.samples, seed)

    def _measured(self, found: Restored) -> np.ndarray:
        """[sample property] values."""
        return self.model.domain.measure(found.samples, self.names)

    def _samples(self, row: Row, found: Restored) -> dict[str, list[Cell]]:
        count, text = len(found.samples), self.model.domain.items.text
        about = {"item": [text(one) for one in found.samples], "line": [row.line] * count, "id": [row.id] * count}
        measured = dict(zip(self.names, self._measured(found).T.tolist(), strict=True))
        return {**about, "sample": list(range(1, count + 1)), **measured}

    def _summary(self, row: Row, found: Restored, outside: Sequence[str]) -> dict[str, list[Cell]]:
        values: dict[str, Cell] = {"item": self.model.domain.items.text(found.mean), "line": row.line, "id": row.id}
        for name, column in zip(self.names, self._measured(found).T, strict=True):
            ends = interval(column)
            ends = (ends[0], math.nan, math.nan) if outside and not self.settings.allow_outside else ends
            values |= dict(zip((name, f"{name}_lower", f"{name}_upper"), ends, strict=True))
        return {name: [value] for name, value in {**values, **found.agreement}.items()}

    def open(self, output: str, overwrite: bool = False) -> OutputWriter:
        options = OutputOptions(origin=self.origin, overwrite=overwrite, exact=self.own.carried)
        return open_output(self.model.results, output, self.columns, options)

    def summary(self) -> dict[str, Any]:
        counts = {"restored": self.restored, "refused": self.refused}
        return {**counts, **ledger("rows", sum(counts.values()), counts)}


def _beside(row: Row) -> Mapping[str, Cell]:
    """What stands beside an item: the cells of a table, or the numbers of a file's catalogue."""
    return row.cells or row.values


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Median and 90% interval of samples: a further sample lies between the k-th lowest and the k-th highest of n with
    probability (n + 1 - 2k) / (n + 1). NaN if fewer than 19 samples can be measured."""
    known = np.sort(values[np.isfinite(values)])
    if len(known) < FEWEST_SAMPLES:
        return math.nan, math.nan, math.nan
    outer = max(1, int(TAIL * (len(known) + 1)))
    return float(np.median(known)), float(known[outer - 1]), float(known[-outer])
