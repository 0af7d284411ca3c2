"""What is cut out of a survey's image, and observed stamps that are restored: images, maps and catalogues."""

from __future__ import annotations

import io
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from astropy.io import fits
from astropy.wcs import WCS

from sciencegen.api.sources.tables import given_source
from sciencegen.api.survey import Restoring, cutout, resolve_restore
from sciencegen.batch import Batch
from sciencegen.config import RestoreSettings
from sciencegen.domains.galaxies.restoration import restored
from tests.fuzz.borders.items import lines, source_of
from tests.fuzz.borders.molecules import MARKS
from tests.fuzz.cases import Border, Found, Source
from tests.fuzz.mutations import damaged_bytes, damaged_gzip, mutate

SIDE, HEIGHT, WIDTH = 16, 48, 64
PLACES = ((12.0, 12.0), (40.0, 20.5), (60.0, 40.0), (30.2, 33.3))
"""x and y from 1."""
IMAGE, CATALOGUE = "field.fits", "sources.csv"
CARD, RECORD = 80, 2880
VALUES = (
    "0", "1", "-1", "2", "3", "7", "48", "64", "-32", "-64", "8", "16", "99999", "2147483648", "999999999999999999",
    "1E300", "-1E300", "1E-300", "1.5", "NaN", "INF", "T", "F", "''", "'nJy'", "'mJy/sr'", "'adu'", "'x'", "'RA---TAN'",
    "'DEC--TAN'", "'RA---TPV'", "'GLON-CAR'", "'WAVE'", "'RA---TAN-SIP'", "'g,r'", "'PSF'", "'SCI'", "'MASK'",
    "'VARIANCE'", "'IVAR'", "'SEG'", "'IMAGE'", "'BINTABLE'", "'RICE_1'", "'GZIP_2'", "'HCOMPRESS_1'", "'\u00e9'", "",
    "(1, 2)", "'" + "y" * 60,
)  # fmt: skip
KEYS = (
    "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "PCOUNT", "GCOUNT", "BSCALE", "BZERO", "BLANK", "BUNIT",
    "PIXSCALE", "FILTER", "BANDS", "EXTNAME", "EXTVER", "EXTEND", "SIMPLE", "XTENSION", "CTYPE1", "CTYPE2", "CRVAL1",
    "CRVAL2", "CRPIX1", "CDELT1", "CDELT2", "CUNIT1", "PC1_1", "CD1_1", "CD2_2", "LONPOLE", "WCSAXES", "A_ORDER",
    "A_2_0", "PV1_1", "EQUINOX", "RADESYS", "SATURATE", "GAIN", "ZEROPT", "MAGZP", "PHOTMJSR", "PHOTFLAM", "EXPTIME",
    "FWHM", "VARIANCE", "TFIELDS", "TFORM1", "TTYPE1", "TNULL1", "TSCAL1", "TDIM1", "ZCMPTYPE", "ZNAXIS1", "ZTILE1",
    "ZBITPIX", "THEAP", "INHERIT", "END", "CONTINUE", "HIERARCH x", "OBJECT",
)  # fmt: skip
BESIDE = "unit: nJy\npixel_scale: 0.2\nbands: r\nmask: MASK\npsf_fwhm: 0.7\nvariance: 1.0\nsaturation: 1000\n"


def header() -> fits.Header:
    found = WCS(naxis=2)
    found.wcs.ctype, found.wcs.cunit = ["RA---TAN", "DEC--TAN"], ["deg", "deg"]
    found.wcs.crval, found.wcs.crpix, found.wcs.cdelt = [150.1, -2.2], [32.0, 24.0], [-0.2 / 3600, 0.2 / 3600]
    made = found.to_header()
    made["BUNIT"], made["FILTER"] = "nJy", "r"
    return made


def light(seed: int = 0) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    places = ((x - across + 1) ** 2 + (y - along + 1) ** 2 for across, along in PLACES)
    noise = np.random.default_rng(seed).normal(0, 1, (HEIGHT, WIDTH))
    return (sum(60 * np.exp(-square / 8) for square in places) + noise).astype(np.float32)


def psf() -> np.ndarray:
    y, x = np.mgrid[-5:6, -5:6]
    made = np.exp(-(x**2 + y**2) / 4)
    return (made / made.sum()).astype(np.float32)


def as_bytes(*hdus: fits.ImageHDU) -> bytes:
    buffer = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(buffer)
    return buffer.getvalue()


def maps() -> list[fits.ImageHDU]:
    labels = (light(0) > 10).astype(np.int16)
    bad = np.zeros((HEIGHT, WIDTH), np.uint8)
    bad[30:32, 8:10] = 1
    ones = np.ones((HEIGHT, WIDTH), np.float32)
    return [
        fits.ImageHDU(ones, name="VARIANCE"), fits.ImageHDU(bad, name="MASK"), fits.ImageHDU(labels, name="SEG"),
        fits.ImageHDU(psf(), name="PSF"),
    ]  # fmt: skip


def images() -> dict[str, bytes]:
    first, sky = fits.PrimaryHDU(), header()
    cube = np.stack([light(0), light(1)])
    two = sky.copy()
    two["BANDS"] = "g,r"
    del two["FILTER"]
    scaled = fits.ImageHDU((light() * 10).astype(np.int16), sky, name="SCI")
    scaled.header["BSCALE"], scaled.header["BZERO"] = 0.1, 0.0
    return {
        "maps": as_bytes(first, fits.ImageHDU(light(), sky, name="SCI"), *maps()),
        "cube": as_bytes(fits.PrimaryHDU(cube, two)),
        "packed": as_bytes(first, fits.CompImageHDU(light(), sky, name="SCI"), *maps()[:2]),
        "scaled": as_bytes(first, scaled),
    }


def cards(content: bytes) -> list[int]:
    """Places of all cards of headers that are found by their starts."""
    found, starts = [], [match.start() for match in re.finditer(rb"SIMPLE  =|XTENSION=", content)]
    for start in starts:
        for at in range(start, min(len(content), start + 8 * RECORD), CARD):
            found.append(at)
            if content[at : at + 8] == b"END     ":
                break
    return found


def card_changed(content: bytes, name: str, chooser: Random) -> bytes:
    """Cards of the headers changed; else the damages of any file."""
    if name.endswith(".gz"):
        return damaged_gzip(content, chooser)
    if chooser.random() < 0.25:
        return mutate(content, name, chooser)
    places, changed = cards(content), bytearray(content)
    for _ in range(chooser.choice((1, 1, 1, 2, 3))):
        at = chooser.choice(places)
        key = changed[at : at + 8].decode("latin-1") if chooser.random() < 0.6 else chooser.choice(KEYS).ljust(8)
        card = f"{key}= {chooser.choice(VALUES):>20}" if key.strip() not in ("END", "CONTINUE") else key
        changed[at : at + CARD] = card.encode("latin-1", "replace")[:CARD].ljust(CARD)
    return bytes(changed)


def pixels_spoilt(content: bytes, chooser: Random) -> bytes:
    """Odd numbers among the pixels, in one block."""
    odd = chooser.choice(
        (b"\x7f\xc0\0\0", b"\x7f\x80\0\0", b"\xff\x80\0\0", b"\x7f\x7f\xff\xff", b"\0\0\0\1", b"\0" * 4)
    )
    at = chooser.randrange(0, len(content), 4)
    return content[:at] + odd * chooser.choice((1, 40, 400)) + content[at:][len(odd) * 400 :]


def image_changed(content: bytes, name: str, chooser: Random) -> bytes:
    return pixels_spoilt(content, chooser) if chooser.random() < 0.1 else card_changed(content, name, chooser)


def table_of_positions() -> bytes:
    x, y = np.array(PLACES).T
    names = np.array([f"s{number}" for number in range(len(PLACES))])
    columns = [
        fits.Column("id", "4A", array=names),
        fits.Column("X_IMAGE", "D", array=x),
        fits.Column("Y_IMAGE", "D", array=y),
    ]
    return as_bytes(fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns))


def sextractor() -> bytes:
    head = "#   1 NUMBER    Running number\n#   2 X_IMAGE   Position [pixel]\n#   3 Y_IMAGE   Position [pixel]\n"
    return (head + "".join(f" {at} {x} {y}\n" for at, (x, y) in enumerate(PLACES, 1))).encode()


ODD_CELLS = (
    b"nan",
    b"inf",
    b"-1e308",
    b"1e308",
    b"9" * 300,
    b"10:30:12",
    b"x",
    b"-0",
    b"2147483648.5",
    b"1_0",
    b"0x10",
)


def of_rows(name: str, pair: str, rows: Sequence[str]) -> Source:
    return source_of(name, lines(rows, before="s{},"), head=f"id,{pair}\n".encode(), without=MARKS, others=ODD_CELLS)


def to_cut() -> Mapping[str, Source]:
    pixels = [f"{x},{y}" for x, y in PLACES]
    sky = ["150.1,-2.2", "150.1008,-2.2008", "10h00m24.1s,-02d12m01s", "10:00:24.2 ,-02:12:00.5"]
    found = {f"image {name}": Source(IMAGE, content, mutate=image_changed) for name, content in images().items()}
    return found | {
        "image gz": Source("field.fits.gz", images()["maps"], mutate=image_changed, more="field.fits.gz"),
        "pixels": of_rows(CATALOGUE, "x,y", pixels),
        "sky": of_rows(CATALOGUE, "ra,dec", sky),
        "table": Source("sources.fits", table_of_positions(), mutate=card_changed),
        "sextractor": Source("sources.cat", sextractor(), mutate=lambda content, _, one: damaged_bytes(content, one)),
        "beside": Source("stamps.yaml", BESIDE.encode()),
        "psf": Source("psf.fits", as_bytes(fits.PrimaryHDU(psf())), mutate=image_changed, more="psf"),
        "variance": Source("map.fits", ones(np.float32), mutate=image_changed, more="variance"),
        "segments": Source("map.fits", ones(np.int32), mutate=image_changed, more="segments"),
    }


def ones(kind: type) -> bytes:
    return as_bytes(fits.PrimaryHDU(np.ones((HEIGHT, WIDTH), kind)))


def prepare(folder: Path) -> None:
    (folder / IMAGE).write_bytes(images()["maps"])
    (folder / CATALOGUE).write_text("id,x,y\n" + "".join(f"s{at},{x},{y}\n" for at, (x, y) in enumerate(PLACES)))


def use_cut(path: Path, source: Source) -> Found:
    folder, more = path.parent, {}
    image = path if source.name.startswith("field") else folder / IMAGE
    catalogue = path if source.name.startswith("sources") else folder / CATALOGUE
    if source.more in ("psf", "variance", "segments"):
        more[source.more] = str(path)
    found = cutout("galaxies", image, catalogue, side=SIDE, **more)
    texts = found.table["item"].tolist()
    assert all(one.startswith("stamp1:") for one in texts), texts
    return Found(len(texts), [reason for _, _, reason in found.refused])


CUT = Border("cutout", to_cut, use_cut, prepare)

STAMPS = 3


def observed() -> dict[str, bytes]:
    stack = np.stack([np.pad(light(seed), ((8, 8), (0, 0)), mode="reflect") for seed in range(STAMPS)])
    about = fits.Header({"BUNIT": "nJy", "PIXSCALE": 0.1, "FILTER": "r"})
    ones = np.ones_like(stack)
    beside = [fits.ImageHDU(ones, name="VARIANCE"), fits.ImageHDU(np.stack([psf()] * STAMPS), name="PSF"),
              fits.ImageHDU((stack > 50).astype(np.int16), name="MASK")]  # fmt: skip
    return {"restored": as_bytes(fits.PrimaryHDU(stack, about), *beside)}


def to_restore() -> Mapping[str, Source]:
    return {name: Source("stamps.fits", content, STAMPS, mutate=image_changed) for name, content in observed().items()}


def drawn(model: object, batch: Batch, samples: int, generator: torch.Generator) -> torch.Tensor:
    """In place of the model's samples, which take seconds."""
    return torch.randn((samples, 1, 64, 64), generator=generator)


@cache
def restoring() -> Restoring:
    """Of a sound file; loading the model takes most of a second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stamps.fits")
        path.write_bytes(observed()["restored"])
        found = resolve_restore("galaxies", path, RestoreSettings(samples=19, threads=1, device="cpu"))
    return replace(found, restoration=replace(found.restoration, restore=partial(restored, drawn)), source=[])


def use_restore(path: Path, source: Source) -> Found:
    given = given_source(restoring().model.domain, path, None)
    chunks = replace(restoring(), source=given, agreements=[], remarks=Counter(), refused=0, first_refused=None)
    read, reasons = 0, list[str]()
    for chunk in chunks:
        read += len(chunk.values["item"])
        reasons += [reason for _, _, reason in chunk.refused]
        for name in ("flux", "chi_squared"):
            assert all(value is None or np.isfinite(value) or np.isnan(value) for value in chunk.values[name])
    return Found(read, reasons)


RESTORED = Border("restore", to_restore, use_restore)
BORDERS = (CUT, RESTORED)
