"""The parts of a FITS file, one after the other, are its bytes; images among them are arrays."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from sciencegen.domains.galaxies.files import parts
from sciencegen.errors import DataError
from sciencegen.items import ImagePart


def write(path: Path) -> None:
    table = fits.BinTableHDU.from_columns([fits.Column("ID", "J", array=np.arange(4))], name="CATALOG")
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.arange(60, dtype=np.int16).reshape(3, 4, 5), name="SCI"), table]
    hdus.append(fits.ImageHDU(np.ones((4, 5), np.float32), name="VARIANCE"))
    fits.HDUList(hdus).writeto(path)


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz"])
def test_parts_are_the_file(name: str, tmp_path: Path) -> None:
    write(tmp_path / "plain.fits")
    content = (tmp_path / "plain.fits").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    found = list(parts(tmp_path / name))
    pictures = [part for part in found if isinstance(part, ImagePart)]
    assert [(one.array.shape, one.exact) for one in pictures] == [((3, 4, 5), False), ((4, 5), True)]
    whole = b"".join(part.array.tobytes() if isinstance(part, ImagePart) else bytes(part) for part in found)  # type: ignore[arg-type]
    assert whole == content


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.fits")
    (tmp_path / "a.fits").write_bytes((tmp_path / "a.fits").read_bytes()[:-3000])
    with pytest.raises(DataError):
        list(parts(tmp_path / "a.fits"))
