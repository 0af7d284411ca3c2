"""Files in and out: what FITS and HDF5 in the wild look like, and every reason to refuse a stamp."""

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.wcs import WCS

from sciencegen.domains.galaxies import files
from sciencegen.domains.galaxies.cubes import psf_fwhm
from sciencegen.domains.galaxies.items import Stamp, key, text
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.items import Origin, Refusal
from sciencegen.yaml_text import parse_yaml
from tests.domains.galaxies.examples import sersic

IMAGE = sersic(1, 4, side=32).astype(np.float32) + np.random.default_rng(0).normal(0, 0.1, (32, 32)).astype(np.float32)
HEADER = {"BUNIT": "nJy", "PIXSCALE": 0.2, "VARIANCE": 0.01}


def header(**changes) -> fits.Header:
    """A header that says all; a change to None leaves a keyword out."""
    return fits.Header({name: value for name, value in (HEADER | changes).items() if value is not None})


def written(path: Path, image=IMAGE, *more, **changes) -> Path:
    fits.HDUList([fits.PrimaryHDU(image, header(**changes)), *more]).writeto(path, overwrite=True)
    return path


def stamps_of(path: Path) -> list[Stamp | Refusal]:
    return [files.parse(row.text) for row in files.read(path)]


def only(path: Path) -> Stamp:
    (stamp,) = stamps_of(path)
    assert isinstance(stamp, Stamp), stamp
    return stamp


@pytest.mark.parametrize("name", ["a.fits", "a.fits.gz", "a.h5"])
@pytest.mark.parametrize(
    "settings",
    [SurveySettings(), SurveySettings("lsst", bands=3, side=32), SurveySettings(shot_noise=True, side=32)],
    ids=["one band", "three bands", "map"],
)
@pytest.mark.parametrize("kind", ["observed", "twin"])
def test_what_is_written_is_read_again(tmp_path, name, settings, kind):
    made = [getattr(one, kind) for one in simulate(settings, 1, 0, 5)]
    path, names, values = tmp_path / name, [f"g{n}" for n in range(5)], {"z": [0.5, None, 1.0, 2.0, 3.0]}
    files.write(path, made, names, values)
    rows = list(files.read(path))
    found = stamps_of(path)
    assert [key(one) for one in found] == [key(one) for one in made]
    assert [one.bands for one in found] == [one.bands for one in made]
    assert [row.id for row in rows] == names == [one.name for one in found]
    assert [row.values for row in rows] == [{"z": 0.5}, {}, {"z": 1.0}, {"z": 2.0}, {"z": 3.0}]
    assert [one.source for one in found] == [f"{path}[{n}]" for n in range(5)]
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    files.write(path, made, names, values)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_the_header_says_unit_scale_psf_noise_and_origin(tmp_path):
    made = [one.observed for one in simulate(SurveySettings(), 1, 0, 3)]
    files.write(tmp_path / "a.fits", made, ["a", "b", "c"], {"note": ["x", None, "y"]})
    with fits.open(tmp_path / "a.fits") as hdus:
        top, catalogue = hdus[0].header, hdus["CATALOG"].data
        assert (top["BUNIT"], top["MAGZERO"], top["PIXSCALE"], top["BANDS"]) == ("nJy", 31.4, 0.1, "VIS")
        assert top["CD1_1"] * 3600 == pytest.approx(0.1)
        assert "sciencegen" in top["ORIGIN"]
        assert "DATE" not in top
        assert hdus["PSF"].shape == (3, 15, 15)
        np.testing.assert_allclose(catalogue["psf_fwhm"], 0.17, atol=0.02)
        np.testing.assert_allclose(catalogue["variance_VIS"], made[0].variance[0])
        assert list(catalogue["note"]) == ["x", "", "y"]
    assert psf_fwhm(made[0]) == pytest.approx(0.17, abs=0.02)


def test_a_file_says_how_its_stamps_came_to_be(tmp_path):
    made = [one.observed for one in simulate(SurveySettings(side=32), 1, 0, 2)]
    drawn = Origin("generate", "modèle", "ab" * 32, 7, ("half_light_radius=0.6 ± 0.1", "noise-free"))
    said = {"SYNTHET": True, "MODEL": "mod?le", "MODELSHA": "ab" * 32, "SEED": 7}
    told = ["sciencegen generate", "asked: half_light_radius=0.6 ? 0.1", "asked: noise-free"]
    files.write(tmp_path / "a.fits", made, ["a", "b"], {}, drawn)
    header = fits.getheader(tmp_path / "a.fits")
    assert {keyword: header[keyword] for keyword in said} == said
    assert list(header["HISTORY"]) == told
    files.write(tmp_path / "a.h5", made, ["a", "b"], {}, drawn)
    with h5py.File(tmp_path / "a.h5") as file:
        assert {keyword: file.attrs[keyword.lower()] for keyword in said} == said
        assert file.attrs["history"].split("\n") == told
    files.write(tmp_path / "b.fits", made, ["a", "b"], {}, Origin("score", asked=("items of in.fits",), made=False))
    header = fits.getheader(tmp_path / "b.fits")
    assert not {*said} & {*header}  # they may have been observed
    assert list(header["HISTORY"]) == ["sciencegen score", "asked: items of in.fits"]
    assert [key(one) for one in stamps_of(tmp_path / "a.h5")] == [key(one) for one in made]


def test_columns_of_the_catalogue_have_their_units(tmp_path):
    made = [one.observed for one in simulate(SurveySettings(side=32), 1, 0, 1)]
    with_units = {"flux": "nJy", "sersic_flux": "nJy", "half_light_radius_lower": "arcsec"}
    values = {name: [1.0] for name in (*with_units, "ellipticity", "z")} | {"note": ["x"]}
    files.write(tmp_path / "a.fits", made, ["a"], values)
    with fits.open(tmp_path / "a.fits") as hdus:
        units = {column.name: column.unit for column in hdus["CATALOG"].columns}
    assert units == with_units | {"pixel_scale": "arcsec", "psf_fwhm": "arcsec", "variance_VIS": "nJy2"} | (
        dict.fromkeys(("id", "ellipticity", "z", "note"))
    )


@pytest.mark.parametrize(("shot_noise", "said"), [(False, "in CATALOG."), (True, "in CATALOG, as a map in VARIANCE.")])
def test_the_header_speaks_of_a_map_of_noise_where_there_is_one(tmp_path, shot_noise, said):
    made = [one.observed for one in simulate(SurveySettings(shot_noise=shot_noise), 1, 0, 2)]
    files.write(tmp_path / "a.fits", made, ["a", "b"], {})
    with fits.open(tmp_path / "a.fits") as hdus:
        assert f"Noise: variance (nJy2) {said}" in list(hdus[0].header["COMMENT"])
        assert ("VARIANCE" in hdus) == shot_noise


def test_stamps_of_two_shapes_are_written_apart(tmp_path):
    made = [next(simulate(SurveySettings(side=side), 1, 0, 1)).twin for side in (32, 64)]
    with pytest.raises(ConfigError, match=r"Expected stamps of one shape .*\[1, 32, 32\] of VIS, \[1, 64, 64\]"):
        files.write(tmp_path / "a.fits", made, ["a", "b"], {})
    assert not (tmp_path / "a.fits").exists()
    with pytest.raises(ConfigError, match=r"ending in \.fits"):
        files.write(tmp_path / "a.npz", made[:1], ["a"], {})


def test_a_single_image(tmp_path):
    stamp = only(written(tmp_path / "a.fits", OBJECT="NGC 1"))
    assert (stamp.name, stamp.pixel_scale, stamp.bands, stamp.psf) == ("NGC 1", 0.2, ("band1",), None)
    np.testing.assert_allclose(stamp.image[0], IMAGE, atol=0.1 / 16)
    assert stamp.image.dtype.isnative
    assert key(files.parse(str(tmp_path / "a.fits"))) == key(stamp)


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({"BUNIT": "uJy"}, 1e3),
        ({"BUNIT": "Jy"}, 1e9),
        ({"BUNIT": "mJy"}, 1e6),
        ({"BUNIT": "MJy"}, 1e15),
        ({"BUNIT": "MJy/sr"}, 23.5044 * 1e3 * 0.2**2),
        ({"BUNIT": "mag(AB)", "MAGZERO": 31.4}, 1.0),
        ({"BUNIT": "nJy", "MAGZERO": 27.0}, 1.0),
        ({"BUNIT": "MJY/SR"}, 23.5044 * 1e3 * 0.2**2),
        ({"BUNIT": "nJy arcsec-2"}, 0.2**2),
        ({"BUNIT": "nanomaggy"}, 3631.0),
        ({"BUNIT": "electron/s", "MAGZERO": 27.0}, 10 ** (0.4 * 4.4)),
        ({"BUNIT": None, "ZP": 31.4}, 1.0),
        ({"BUNIT": "ELECTRONS/S", "PHOTFLAM": 7.03e-20, "PHOTPLAM": 8045.0}, 10 ** (0.4 * (31.4 - 25.945))),
    ],
)
def test_units_become_nanojansky(tmp_path, changes, factor):
    stamp = only(written(tmp_path / "a.fits", **changes))
    assert stamp.image.sum() == pytest.approx(factor * IMAGE.sum(dtype=float), rel=5e-3)
    assert stamp.variance[0] == pytest.approx(0.01 * factor**2, rel=1e-2)


@pytest.mark.parametrize(
    "changes",
    [
        {"PIXSCALE": None, "CD1_1": -0.2 / 3600, "CD2_2": 0.2 / 3600},
        {"PIXSCALE": None, "CD1_1": 0.0, "CD1_2": 0.2 / 3600, "CD2_1": 0.2 / 3600, "CD2_2": 0.0},
        {"PIXSCALE": None, "CDELT1": -0.2 / 3600, "CDELT2": 0.2 / 3600},
        {"PIXSCALE": None, "SECPIX": 0.2},
    ],
)
def test_the_pixel_scale_comes_from_a_keyword_or_the_wcs(tmp_path, changes):
    assert only(written(tmp_path / "a.fits", **changes)).pixel_scale == pytest.approx(0.2)


def test_where_an_image_is_called_sci_nothing_else_is_a_stamp(tmp_path):
    science = fits.ImageHDU(IMAGE, header(), name="SCI")
    more = [fits.ImageHDU(np.full_like(IMAGE, 0.3), name=name) for name in ("ERR", "VAR_POISSON", "AREA", "DQ")]
    fits.HDUList([fits.PrimaryHDU(), science, *more]).writeto(tmp_path / "a.fits")
    stamp = only(tmp_path / "a.fits")
    assert stamp.variance.max() == pytest.approx(0.09, rel=0.01)


def test_what_is_written_has_a_sound_world_of_coordinates(tmp_path, recwarn):
    for bands in (1, 3):
        files.write(
            tmp_path / "a.fits", [one.twin for one in simulate(SurveySettings("lsst", bands=bands), 1, 0, 2)], "ab", {}
        )
        world = WCS(fits.getheader(tmp_path / "a.fits"))
        assert world.pixel_scale_matrix.shape[0] == 3 + (bands > 1)
    assert not [one for one in recwarn if "cdfix" in str(one.message)]


@pytest.mark.parametrize("kind", [">i2", ">i4", ">f8", "u1"])
def test_integers_and_big_endian_numbers(tmp_path, kind):
    counts = np.clip(np.rint(IMAGE * 4 + 20), 0, 250).astype(kind)
    stamp = only(written(tmp_path / "a.fits", counts, VARIANCE=0.0))
    np.testing.assert_array_equal(stamp.image[0], counts)


def test_scaled_integers(tmp_path):
    hdu = fits.PrimaryHDU(IMAGE.astype(np.float64), header(VARIANCE=0.0))
    hdu.scale("int16", bscale=0.001, bzero=10.0)
    hdu.writeto(tmp_path / "a.fits")
    np.testing.assert_allclose(only(tmp_path / "a.fits").image[0], IMAGE, atol=6e-4)


def test_compressed_images(tmp_path):
    packed = fits.CompImageHDU(IMAGE, header(), compression_type="RICE_1", quantize_level=16)
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(tmp_path / "a.fits.fz")
    np.testing.assert_allclose(only(tmp_path / "a.fits.fz").image[0], IMAGE, atol=0.02)


def test_several_extensions_each_with_its_psf_and_weights(tmp_path):
    width = np.add.outer(np.arange(-3, 4) ** 2, np.arange(-3, 4) ** 2)
    hdus = [fits.PrimaryHDU(header=header(VARIANCE=None))]
    for version in (1, 2):
        image = fits.ImageHDU(version * IMAGE, name="SCI", ver=version)
        weights = fits.ImageHDU(np.full(IMAGE.shape, 100.0 / version), name="WHT", ver=version)
        psf = fits.ImageHDU(np.exp(-width / version), name="PSF", ver=version)
        mask = fits.ImageHDU(np.ones(IMAGE.shape, np.int16), name="DQ", ver=version)
        hdus += [image, weights, psf, mask]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    one, two = stamps_of(tmp_path / "a.fits")
    assert two.image.sum() == pytest.approx(2 * one.image.sum(), rel=1e-2)
    assert (one.variance.mean(), two.variance.mean()) == pytest.approx((0.01, 0.02), rel=1e-2)
    assert psf_fwhm(two) == pytest.approx(np.sqrt(2) * psf_fwhm(one), rel=1e-2)


def test_stacks_and_bands(tmp_path):
    cube = np.stack([IMAGE, 2 * IMAGE, 3 * IMAGE])
    assert len(stamps_of(written(tmp_path / "stack.fits", cube))) == 3
    assert only(written(tmp_path / "bands.fits", cube, BANDS="g,r,i")).bands == ("g", "r", "i")
    four = stamps_of(written(tmp_path / "four.fits", np.stack([cube, cube]), BANDS="g,r,i"))
    assert [one.image.shape for one in four] == [(3, 32, 32)] * 2


def test_noise_by_keyword_or_from_the_frame(tmp_path):
    assert only(written(tmp_path / "a.fits", VARIANCE=None, SKYRMS=0.3)).variance[0] == pytest.approx(0.09)
    found = only(written(tmp_path / "b.fits", VARIANCE=None)).variance[0]
    assert found == pytest.approx(0.01, rel=0.35)
    assert only(written(tmp_path / "c.fits", VARIANCE=0)).noise_free


def test_noise_in_an_extension_and_beside_the_file_is_refused(tmp_path):
    path = written(tmp_path / "a.fits", IMAGE, fits.ImageHDU(np.ones(IMAGE.shape), name="ERR"), VARIANCE=None)
    assert only(path).variance.mean() == 1
    (tmp_path / "stamps.yaml").write_text("variance: 0")
    (found,) = stamps_of(path)
    assert "expected the noise once, got `variance` beside the file, and an extension" in found.reason


def test_a_width_becomes_a_gaussian_psf(tmp_path):
    assert psf_fwhm(only(written(tmp_path / "a.fits", PSFFWHM=0.7))) == pytest.approx(0.7, rel=0.01)
    assert only(written(tmp_path / "b.fits", PSFFWHM=0.0)).psf is None


def test_what_the_header_lacks_stands_in_a_file_beside_it(tmp_path):
    path = written(tmp_path / "a.fits", BUNIT="adu", PIXSCALE=None, VARIANCE=None, MYSCALE=0.3)
    assert isinstance(stamps_of(path)[0], Refusal)
    told = {"zero_point": 31.4, "sigma": 0.1, "bands": ["r"], "psf_fwhm": 0.9, "keywords": {"pixel_scale": "MYSCALE"}}
    other = written(tmp_path / "b.fits", BUNIT="adu", PIXSCALE=None, VARIANCE=None, MYSCALE=0.3)
    (tmp_path / "b.fits.yaml").write_text(yaml.safe_dump(told))
    stamp = only(other)
    assert (stamp.pixel_scale, stamp.bands) == (0.3, ("r",))
    assert stamp.variance[0] == pytest.approx(0.01)
    assert psf_fwhm(stamp) == pytest.approx(0.9, rel=0.01)
    (tmp_path / "c.fits.yaml").write_text("pixel_skale: 1\n")
    refused = files.parse(str(written(tmp_path / "c.fits")))
    assert "Did you mean 'pixel_scale'" in refused.reason


def spoilt(value: float) -> np.ndarray:
    image = IMAGE.copy()
    image[3, 4] = value
    return image


@pytest.mark.parametrize(
    ("image", "changes", "reason"),
    [
        (spoilt(np.nan), {}, "1 pixels are NaN"),
        (spoilt(np.inf), {}, "infinite or saturated"),
        (spoilt(70000), {"SATURATE": 60000}, r"1 pixels are saturated (at 60000)"),
        (np.zeros((32, 32)), {}, "every pixel is 0"),
        (np.ones((1, 1)), {}, "on a side, got 1"),
        (np.ones((32, 7)), {}, "on a side, got 7"),
        (np.ones((2000, 2000), np.int16), {}, "got 2000; cut or bin it"),
        (IMAGE, {"PIXSCALE": None}, "no pixel scale is given: add PIXSCALE"),
        (IMAGE, {"BUNIT": None}, "there is no unit and no zero point is given"),
        (IMAGE, {"BUNIT": "adu"}, "the unit 'adu' isn't one of flux"),
        (IMAGE, {"BUNIT": "mag(AB)"}, "the unit 'mag(AB)' isn't one of flux"),
        (IMAGE, {"BUNIT": "-1 Jy"}, "the unit '-1 Jy' isn't one of flux"),
        (IMAGE, {"BUNIT": "MJY"}, "the unit 'MJY' isn't one of flux"),
        (IMAGE, {"PIXSCALE": None, "CDELT1": -2e-5, "CDELT2": 3e-5}, """pixels of 0.072" x 0.108" aren't square"""),
        (IMAGE, {"PIXSCALE": "wide"}, "a keyword of the header is no number"),
        (IMAGE, {"PIXSCALE": -1.0}, "positive pixel scale"),
        (IMAGE, {"VARIANCE": -1.0}, "variance is negative"),
    ],
)
def test_every_reason_to_refuse_an_image(tmp_path, image, changes, reason):
    (refused,) = stamps_of(written(tmp_path / "a.fits", image, **changes))
    assert isinstance(refused, Refusal)
    assert reason in refused.reason


@pytest.mark.parametrize(
    ("name", "image", "reason"),
    [
        ("VARIANCE", np.full((32, 32), -1.0), "variance is negative"),
        ("IVAR", np.zeros((32, 32)), "the mask covers every pixel"),
        ("PSF", np.full((5, 5), np.nan), "PSF isn't finite"),
        ("ERR", np.where(np.eye(32), np.nan, 1.0), "noise isn't finite in 32 pixels"),
        ("VARIANCE", np.ones((5, 5)), "noise of [5, 5] pixels beside an image of [1, 32, 32]"),
    ],
)
def test_every_reason_to_refuse_what_goes_with_it(tmp_path, name, image, reason):
    (refused,) = stamps_of(written(tmp_path / "a.fits", IMAGE, fits.ImageHDU(image, name=name)))
    assert isinstance(refused, Refusal)
    assert reason in refused.reason


def test_an_oblong_image_is_padded_and_its_pixels_without_weight_are_masked(tmp_path):
    image, weight = IMAGE[:, 3:-6], np.full((32, 23), 4.0)
    weight[5, 7] = 0
    path = written(tmp_path / "a.fits", image, fits.ImageHDU(weight, name="IVAR"))
    found = only(path)
    assert found.image.shape == (1, 32, 32)
    middle = found.image[0, 16, 16]  # the image's own pixel [16, 11]
    assert middle == pytest.approx(image[16, 11], abs=0.02)
    shown = np.zeros((32, 32), bool)
    shown[:, 5:28] = True
    shown[5, 12] = False
    assert (found.mask == ~shown).all()
    assert found.variance[0] == pytest.approx(np.full((32, 32), 0.25))
    assert "aren't square" in files.left_out(f"{path}[0]")


def test_no_header_at_all_is_refused_with_the_remedy(tmp_path):
    fits.writeto(tmp_path / "a.fits", IMAGE)
    (refused,) = stamps_of(tmp_path / "a.fits")
    assert "there is no unit" in refused.reason
    assert "no pixel scale is given" in refused.reason  # both at once
    (tmp_path / "stamps.yaml").write_text("unit: nJy\npixel_scale: 0.1\n")  # the remedies, to the letter
    assert only(tmp_path / "a.fits").pixel_scale == 0.1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.fits", b"", "found an empty file"),
        ("a.fits", b"SIMPLE? no", "Expected a FITS file"),
        ("a.h5", b"nothing of the kind", "Expected a file of arrays"),
        ("a.npz", b"PK nothing", "Expected a file of arrays"),
        ("a.gif", b"x", "Expected a file of galaxies"),
        ("a.png", b"x", "Expected a picture"),
    ],
)
@pytest.mark.long
def test_files_that_are_something_else(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((DataError, ConfigError), match=message):
        list(files.read(path))


def test_a_truncated_file_is_refused(tmp_path):
    made = [one.observed for one in simulate(SurveySettings(), 1, 0, 8)]
    files.write(tmp_path / "a.fits", made, list("abcdefgh"), {})
    content = (tmp_path / "a.fits").read_bytes()
    (tmp_path / "b.fits").write_bytes(content[: len(content) // 3])
    try:
        found = stamps_of(tmp_path / "b.fits")
    except DataError:
        return
    assert any(isinstance(one, Refusal) for one in found)


def test_a_table_without_images_is_told(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("x", "D", array=np.arange(3.0))])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "a.fits")
    with pytest.raises(DataError, match="Expected images"):
        list(files.read(tmp_path / "a.fits"))


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("{}[5]", "holds 3 stamps: there is no number 5"),
        ("{}", "holds 3 stamps: write which"),
        ("{}.fits[0]", "there is no file"),
        ("nothing at all", "neither a stamp's text nor a reference"),
        ("", "empty"),
        ("x" * 10000, "neither"),
        ("../../etc/passwd", "neither"),
    ],
)
def test_wrong_references(tmp_path, reference, reason):
    path = written(tmp_path / "a.fits", np.stack([IMAGE] * 3))
    assert reason in files.parse(reference.format(path)).reason


def test_lists_and_folders(tmp_path):
    made = [one.observed for one in simulate(SurveySettings(), 1, 0, 3)]
    files.write(tmp_path / "many.fits", made, list("abc"), {})
    written(tmp_path / "one.fits")
    (tmp_path / "broken.fits").write_bytes(b"no")
    (tmp_path / "list.txt").write_text(f"one.fits\nmany.fits\nmany.fits[1]\n{text(made[0])}\nbroken.fits\nlost.fits\n")
    rows = list(files.read(tmp_path / "list.txt"))
    found = [files.parse(row.text) for row in rows]
    assert [row.line for row in rows] == [1, 2, 2, 2, 3, 4, 5, 6]
    assert [key(one) for one in found[1:6]] == [key(made[n]) for n in (0, 1, 2, 1, 0)]
    assert all(isinstance(one, Refusal) for one in found[6:])
    assert len(list(files.read(tmp_path))) == 1 + 3 + 1
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="Expected FITS or HDF5 files, pictures or Zarr stores in the folder"):
        files.read(tmp_path / "empty")


@pytest.mark.parametrize("name", ["night.csv", "night.txt"])
def test_a_file_of_the_same_name_in_another_folder_is_no_stamp(tmp_path, name):
    written(tmp_path / "one.fits")
    (tmp_path / name).write_text("file\nnight1/one.fits\n" if name.endswith(".csv") else "night1/one.fits\n")
    assert all(isinstance(one, Refusal) for one in stamps_of(tmp_path / name))


def test_a_table_finds_its_stamps_from_anywhere(tmp_path, monkeypatch):
    made = [one.observed for one in simulate(SurveySettings(), 1, 0, 2)]
    (tmp_path / "results").mkdir()
    files.write(tmp_path / "results/a.fits", made, ["a", "b"], {})
    (tmp_path / "results/a.csv").write_text("item,z\nresults/a.fits[1],0.5\na.fits[0],0.6\n")
    for place in (tmp_path, tmp_path / "results"):
        monkeypatch.chdir(place)
        rows = list(files.read(Path("results/a.csv" if place == tmp_path else "a.csv")))
        assert [key(files.parse(row.text)) for row in rows] == [key(made[1]), key(made[0])]
        assert rows[0].values == {"z": 0.5}


def test_the_layout_of_galaxiesml(tmp_path):
    """[n band y x] images of 64 pixels in five bands with columns, the unit and scale told beside it."""
    images = np.random.default_rng(0).normal(0, 1, (4, 5, 64, 64)).astype(np.float32)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["image"], file["specz_redshift"], file["object_id"] = images, np.arange(4.0), np.arange(4) + 100
    (tmp_path / "stamps.yaml").write_text("zero_point: 27.0\npixel_scale: 0.168\nbands: [g, r, i, z, y]\nsigma: 1\n")
    rows, found = list(files.read(tmp_path / "a.hdf5")), stamps_of(tmp_path / "a.hdf5")
    assert rows[2].values == {"specz_redshift": 2.0, "object_id": 102.0}
    assert (found[3].bands, found[3].pixel_scale, found[3].name) == (("g", "r", "i", "z", "y"), 0.168, "103")
    np.testing.assert_allclose(found[3].image, images[3] * 10 ** (0.4 * 4.4), atol=4)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("keywords: 5", "Expected names of keywords"),
        ("keywords: {pixel_scale: 5}", "Expected names of keywords"),
        ("bands: [g, [r]]", r"Expected names, such as \[g, r\], for bands"),
        ("pixel_scale: [1, 2]", "Expected a number for pixel_scale"),
        ("sigma: 2026-01-31", "Expected a number for sigma"),
        ("images: 5", "Expected a text for images"),
        ("sigma: 1.0e+200", "Numerical result out of range"),
    ],
)
@pytest.mark.parametrize("name", ["a.fits", "a.h5"])
def test_what_is_told_in_another_kind_is_named(tmp_path, told, reason, name):
    fits.writeto(tmp_path / "a.fits", IMAGE)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = IMAGE[None]
    (tmp_path / "stamps.yaml").write_text(f"unit: nJy\n{told}\n" + "pixel_scale: 1\n" * ("pixel_scale" not in told))
    try:
        found = stamps_of(tmp_path / name)[0].reason
    except SciencegenError as error:
        found = str(error)
    assert re.search(reason, found)


def test_a_file_beside_that_cannot_be_read_is_read_once(tmp_path, monkeypatch):
    """It may take seconds, and is asked for each stamp."""
    fits.writeto(tmp_path / "a.fits", np.stack([IMAGE] * 3))
    (tmp_path / "stamps.yaml").write_text("[1, 2]")
    calls = []
    monkeypatch.setattr("sciencegen.yaml_text.parse_yaml", lambda text: calls.append(text) or parse_yaml(text))
    assert all("found [1, 2]" in stamp.reason for stamp in stamps_of(tmp_path / "a.fits"))
    assert len(calls) == 1


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(("factor", "variance", "reason"), [(1e300, None, "infinite"), (1.0, 1e300, "isn't finite")])
def test_what_overflows_is_refused_without_warnings(tmp_path, factor, variance, reason):
    (refused,) = stamps_of(written(tmp_path / "a.fits", factor * IMAGE.astype(float), VARIANCE=variance))
    assert reason in refused.reason


def test_attributes_that_are_arrays(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = IMAGE[None]
        file["images"].attrs.update({"unit": np.array([b"nJy"]), "pixel_scale": np.array([0.1]), "seeing": [1.0, 2.0]})
    assert "a keyword of the header is no number" in stamps_of(tmp_path / "a.h5")[0].reason
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["images"] = IMAGE[None]
        file["images"].attrs.update({"unit": np.array([b"nJy"]), "pixel_scale": np.array([0.1])})
    assert only(tmp_path / "b.h5").pixel_scale == 0.1


def test_a_list_may_begin_with_a_mark_of_its_encoding(tmp_path):
    fits.writeto(tmp_path / "a.fits", IMAGE)
    (tmp_path / "stamps.yaml").write_text("unit: nJy\npixel_scale: 0.1\n")
    (tmp_path / "list.txt").write_text("a.fits\n", encoding="utf-8-sig")
    assert only(tmp_path / "list.txt").pixel_scale == 0.1


def test_the_layout_of_galaxy10(tmp_path):
    """[n y x band] bytes with `pxscale` of each: colours of pictures, unless a unit is told."""
    images = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3)).astype(np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"], file["ans"], file["pxscale"] = images, np.arange(3), np.array([0.262, 0.262, 0.524])
    assert stamps_of(tmp_path / "a.h5")[2].bands == ("R", "G", "B")
    assert "without a unit" in files.left_out(f"{tmp_path}/a.h5[2]")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["images"], file["ans"], file["pxscale"] = images, np.arange(3), np.array([0.262, 0.262, 0.524])
        file["images"].attrs.update({"unit": "nJy", "variance": 0.0})
    found = stamps_of(tmp_path / "b.h5")
    assert [one.pixel_scale for one in found] == [0.262, 0.262, 0.524]
    np.testing.assert_array_equal(found[1].image, np.moveaxis(images[1], 2, 0))


def test_arrays_of_numpy_without_pickles(tmp_path):
    cube = np.stack([IMAGE, 2 * IMAGE])
    np.savez(tmp_path / "a.npz", images=cube, z=np.arange(2.0), pixel_scale=np.array([0.2, 0.3]), unit="nJy", sigma=0.1)
    found = stamps_of(tmp_path / "a.npz")
    assert [one.pixel_scale for one in found] == [0.2, 0.3]
    assert next(files.read(tmp_path / "a.npz")).values == {"z": 0.0}
    np.save(tmp_path / "b.npy", cube)
    (tmp_path / "b.npy.yaml").write_text("{unit: nJy, pixel_scale: 0.2, sigma: 0.1}")
    assert len(stamps_of(tmp_path / "b.npy")) == 2
    np.savez(tmp_path / "c.npz", images=np.array([{"a": 1}], object))
    with pytest.raises(DataError, match="allow_pickle=False"):
        list(files.read(tmp_path / "c.npz"))


def test_a_zero_point_that_is_told_beside_a_file_overrides_its_unit(tmp_path):
    path = written(tmp_path / "a.fits", BUNIT="MJy/sr")
    before = only(path).image.sum()
    (tmp_path / "a.fits.yaml").write_text("zero_point: 31.4")
    after = only(path).image.sum()
    assert before == pytest.approx(940.2 * after, rel=1e-2)
    assert after == pytest.approx(IMAGE.sum(dtype=float), rel=5e-3)


@pytest.mark.parametrize("name", ["a.fits", "a.npy"])
def test_what_is_told_beside_a_file_may_change(tmp_path, name):
    fits.writeto(tmp_path / "a.fits", IMAGE)
    np.save(tmp_path / "a.npy", IMAGE[None])
    for seconds, scale in ((1, 0.1), (2, 0.2), (3, None), (4, 0.3)):
        told = "unit: nJy\nsigma: 0\n" + ("" if scale is None else f"pixel_scale: {scale}\n")
        (tmp_path / "stamps.yaml").write_text(told)
        os.utime(tmp_path / "stamps.yaml", (seconds, seconds))
        (stamp,) = stamps_of(tmp_path / name)
        assert isinstance(stamp, Refusal) if scale is None else stamp.pixel_scale == scale


def test_surface_brightness_counts_on_each_stamps_own_pixels(tmp_path):
    cube = np.stack([IMAGE, IMAGE])
    about = {"pixel_scale": np.array([0.2, 0.4]), "unit": "nJy/arcsec2", "variance": 0.01}
    np.savez(tmp_path / "a.npz", images=cube, **about)
    first, second = stamps_of(tmp_path / "a.npz")
    assert second.image.sum() == pytest.approx(4 * first.image.sum(), rel=1e-3)
    assert second.variance[0] == pytest.approx(16 * first.variance[0])
    assert first.variance[0] == pytest.approx(0.1**2 * 0.2**4)


def test_a_file_that_changes_is_read_anew(tmp_path):
    path = written(tmp_path / "a.fits")
    before = only(path)
    written(path, 2 * IMAGE)
    assert key(only(path)) != key(before)
    assert replace(before, name="x").source == f"{path}[0]"


def test_an_image_that_is_told_to_be_the_mask_is_no_stamp(tmp_path):
    bad = np.zeros(IMAGE.shape, np.uint8)
    bad[3, 4] = 1
    path = written(tmp_path / "one.fits", IMAGE, fits.ImageHDU(bad, name="BADPIX"))
    (tmp_path / "stamps.yaml").write_text("mask: badpix\n")
    assert np.array_equal(only(path).mask, bad > 0)
