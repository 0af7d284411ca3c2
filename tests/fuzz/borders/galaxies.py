"""Files of galaxies: FITS, HDF5, Zarr, arrays, lists and texts of stamps, and what is told beside them."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from random import Random

import numpy as np

from sciencegen.domains.galaxies.items import Stamp, text
from tests.damage import flipped
from tests.domains.galaxies.test_damaged_files import IMAGES, PLAIN, arrays, hdf5
from tests.fuzz.borders.items import lines, read_items, source_of
from tests.fuzz.borders.molecules import BREAKS, MARKS
from tests.fuzz.cases import Border, Found, Source

COUNT = len(IMAGES)
WHOLE = "whole.fits"
BESIDE = b"unit: nJy\npixel_scale: 0.2\nvariance: 0.01\nbands: g\nimages: images\npsf_fwhm: 0.5\n"
ODD_REFERENCES = (
    b"whole.fits", b"whole.fits[6]", b"whole.fits[-1]", b"whole.fits[0][1]", b"none.fits[0]",
    b"whole.fits[999999999]", b"whole.fits[" + b"9" * 400 + b"]", b"n" * 5000 + b".fits", b"..",
    b"/", b".", b"/dev/zero.fits",
    b"whole.fits[0", b"a\0.fits", b"stamp1:", b"stamp1:{}", b"stamp1:" + b"A" * 5000,
    b"\xff.fits[0]", b"whole.fits[1.5]", b"~/x.fits",
    b"whole.FITS[0]", b"whole.fits[0] ", b"http://x/y.fits", b"whole.fits/x.fits", b"a.zarr", b"\\\\x\\y.fits",
)  # fmt: skip


def binary(name: str, content: bytes, order: str = "<f4") -> Source:
    """A file of stamps, of which one can be spoilt where its pixels stand as they are."""
    places = [content.find(image.astype(order).tobytes()) for image in IMAGES]
    size = IMAGES[0].nbytes

    def spoil(chooser: Random) -> bytes:
        place = chooser.choice(places)
        kinds = (
            b"\xff" * size,
            b"\0" * size,
            flipped(content[place : place + size], chooser),
            b"\x7f\xc0\0\0" * (size // 4),
        )
        return content[:place] + chooser.choice(kinds) + content[place + size :]

    return Source(name, content, COUNT, spoil if min(places) >= 0 else None, refusable=True)


def zarr_of(version: int) -> bytes:
    """A store as a zip file."""
    import zarr

    buffer = BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(buffer, "w") as archive:
        made = zarr.open_group(f"{folder}/a.zarr", mode="w", zarr_format=version)
        made.attrs.update({"unit": "nJy", "PIXSCALE": 0.2, "VARIANCE": 0.01})
        made.create_array("images", data=IMAGES, chunks=(3, 16, 16))
        made.create_array("redshift", data=np.arange(COUNT) / 10)
        for place in sorted(Path(folder, "a.zarr").rglob("*")):
            archive.write(place, place.relative_to(f"{folder}/a.zarr"))
    return buffer.getvalue()


def hdf5_of(**how: object) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return hdf5(Path(folder, "a.h5"), **how)


def make() -> Mapping[str, Source]:
    packed = {"chunks": (2, 16, 16), "compression": "gzip", "fletcher32": True}
    stamps = [text(Stamp.of(image, 0.2, 0.01)) for image in IMAGES]
    references = [f"{WHOLE}[{number}]" for number in range(COUNT)]
    sources = {name: binary(name, content, ">f4") for name, content in PLAIN.items() if name.endswith((".fits", ".fz"))}
    sources |= {f"{name}.gz": binary(f"{name}.gz", PLAIN[name], ">f4") for name in ("stack.fits", "several.fits")}
    sources |= {name: binary(name, PLAIN[name]) for name in ("plain.npz", "packed.npz", "alone.npy")}
    how = {"others": ODD_REFERENCES}
    return sources | {
        "plain.h5": binary("plain.h5", hdf5_of()),
        "packed.h5": binary("packed.h5", hdf5_of(**packed)),
        "zarr2": Source("two.zarr.zip", zarr_of(2), COUNT),
        "zarr3": Source("three.zarr.zip", zarr_of(3), COUNT),
        "list": source_of("list.txt", lines(references), without=BREAKS, **how),
        "table": source_of("table.csv", lines(references, after=",{}.5\n"), head=b"file,z\n", without=MARKS, **how),
        "texts": source_of("texts.csv", lines(stamps, after=",{}.5\n"), head=b"stamp,z\n", without=MARKS, **how),
        "beside": Source("alone.npy.yaml", BESIDE, COUNT, more="alone.npy"),
    }


def prepare(folder: Path) -> None:
    (folder / WHOLE).write_bytes(PLAIN["stack.fits"])
    (folder / "alone.npy").write_bytes(arrays(np.save, IMAGES))
    (folder / "alone.npy.yaml").write_bytes(BESIDE)


def use(path: Path, source: Source) -> Found:
    """The library of HDF5 may crash on pixels, which only a killable process survives."""
    read = path.parent / source.more if source.more else path
    return read_items("galaxies", read, processes=int(path.suffix == ".h5"))


BORDER = Border("galaxies", make, use, prepare)
