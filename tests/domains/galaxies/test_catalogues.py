"""Positions of catalogues in each of their formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from sciencegen.domains.galaxies.survey_images import read_catalogue
from sciencegen.errors import DataError
from sciencegen.items import Refusal


def positions(path: Path, **options: int) -> list:
    return [source.position for source in read_catalogue(path, **options).sources]


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("names", "first"), [("x,y", 1), ("X_IMAGE,Y_IMAGE", 1), ("xcentroid,ycentroid", 0), ("XWIN_IMAGE,YWIN_IMAGE", 1)]
)
def test_pixels_count_as_the_columns_names_say(names: str, first: int, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"{names},mag\n10.5,20,21\n")
    assert positions(path) == [(10.5 - first, 20.0 - first)]
    assert positions(path, first_pixel=0) == [(10.5, 20.0)]


@pytest.mark.parametrize(
    ("across", "along", "ra", "dec"),
    [
        ("150.5", "-2.25", 150.5, -2.25), ("10:02:00", "-02:15:00", 150.5, -2.25),
        ("10h02m00s", "-2d15m00s", 150.5, -2.25), ("10 02 00.0", "-02 15 00", 150.5, -2.25), ("-10", "5", 350.0, 5.0),
        ("00:00:01.5", "+89:59:59", 0.00625, 89.99972), ("0:00:00", "-00:30:00", 0.0, -0.5),
    ],
)  # fmt: skip
def test_sky_is_decimal_or_sexagesimal(across: str, along: str, ra: float, dec: float, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"id,RA,Dec\nM1,{across},{along}\n")
    catalogue = read_catalogue(path)
    (source,) = catalogue.sources
    assert catalogue.on_sky
    assert source.name == "M1"
    assert source.position == pytest.approx((ra, dec), abs=1e-5)


@pytest.mark.parametrize("cells", ["91:00:00,5", "north,5", ",", "12.5,95", "nan,3", "10:70:00,3"])
def test_what_is_no_position_is_refused_by_its_row(cells: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"ra,dec\n{cells}\n10,5\n")
    bad, good = positions(path)
    assert isinstance(bad, Refusal)
    assert good == (10.0, 5.0)


def test_fits_tables_and_text_of_sextractor_are_read(tmp_path: Path) -> None:
    columns = [
        fits.Column("ALPHA_J2000", "D", array=np.array([150.1, 150.2])),
        fits.Column("DELTA_J2000", "D", array=[2, 3]),
    ]
    columns += [fits.Column("NUMBER", "J", array=[7, 8]), fits.Column("VIGNET", "4E", array=np.zeros((2, 4)))]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(tmp_path / "a.fits")
    sources = list(read_catalogue(tmp_path / "a.fits").sources)
    assert [(one.name, one.position) for one in sources] == [("7", (150.1, 2.0)), ("8", (150.2, 3.0))]
    text = "#   1 NUMBER  Running object number\n#   2 X_IMAGE  Position [pixel]\n#   3 Y_IMAGE  Position [pixel]\n"
    text += " 1 10.5 20.0\n"
    assert positions(written(tmp_path / "a.cat", text)) == [(9.5, 19.0)]


def test_other_columns_of_numbers_are_kept(tmp_path: Path) -> None:
    (one,) = read_catalogue(written(tmp_path / "a.csv", "name,x,y,mag,kind\nA,1,2,20.5,spiral\n")).sources
    assert (one.name, dict(one.values)) == ("A", {"mag": 20.5})


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "x,dec\n1,2\n"])
def test_columns_without_positions_are_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="columns of positions"):
        read_catalogue(written(tmp_path / "a.csv", text))
    with pytest.raises(DataError, match="found nothing"):
        read_catalogue(tmp_path / "none.csv")


def test_a_part_of_a_fits_table_is_no_catalogue(tmp_path: Path) -> None:
    columns = [fits.Column(name, "D", array=np.arange(5000.0)) for name in ("x", "y")]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "a.fits").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="Get it again"):
        list(read_catalogue(tmp_path / "a.fits").sources)
