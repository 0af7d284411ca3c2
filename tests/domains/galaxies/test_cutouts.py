"""Stamps that are cut out of a survey's image hold what the image holds there."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from sciencegen.config import CutoutSettings
from sciencegen.domains.capabilities import Cut
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import measure
from sciencegen.domains.galaxies.survey_images import cut, notes
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from tests.domains.galaxies.fields import (
    HEIGHT,
    SCALE,
    SIGMA,
    SOURCES,
    WIDTH,
    field,
    light,
    positions,
    sky_header,
    write_field,
)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    (tmp_path / "sources.csv").write_text(positions())
    return tmp_path / "sources.csv"


def cuts(image: Path, catalogue: Path, **settings: object) -> list[Cut]:
    return list(cut(image, catalogue, CutoutSettings(**{"side": 32, **settings})))


def flags(one: Cut) -> set[str]:
    return set(str(one.values["flags"]).split())


def test_pixels_are_those_of_the_image(tmp_path: Path, catalogue: Path) -> None:
    image = field()
    found = cuts(write_field(tmp_path / "a.fits", image=image), catalogue, neighbours=True)
    assert [one.name for one in found] == [f"s{number}" for number in range(len(SOURCES))]
    assert found[2].values["true_flux"] == 1500.0
    stamp = found[2].item
    assert isinstance(stamp, Stamp)
    assert (stamp.bands, stamp.pixel_scale) == (("r",), pytest.approx(SCALE))
    top, left = 185, 285
    step = SIGMA / 16
    assert np.abs(stamp.image[0] - image[top : top + 32, left : left + 32]).max() <= step
    assert stamp.variance[0] ** 0.5 == pytest.approx(SIGMA, rel=0.2)  # of the edge


def test_sky_positions_are_the_same_as_pixels(tmp_path: Path, catalogue: Path) -> None:
    image = write_field(tmp_path / "a.fits")
    wcs = WCS(sky_header())
    ra, dec = wcs.all_pix2world([x for x, _, _ in SOURCES], [y for _, y, _ in SOURCES], 0)
    (tmp_path / "sky.csv").write_text("ra,dec\n" + "".join(f"{a},{d}\n" for a, d in zip(ra, dec, strict=True)))
    by_sky, by_pixel = cuts(image, tmp_path / "sky.csv"), cuts(image, catalogue)
    for one, other in zip(by_sky, by_pixel, strict=True):
        assert np.array_equal(one.item.image, other.item.image)
        assert one.values["x"] == pytest.approx(other.values["x"], abs=1e-3)


def test_neighbours_are_masked_and_flagged(tmp_path: Path, catalogue: Path) -> None:
    image = write_field(tmp_path / "a.fits")
    first, alone = (cuts(image, catalogue)[number] for number in (0, 4))
    assert flags(first) == {"neighbour"}
    assert first.item.mask[20, 32 - 1 - 0]
    assert not first.item.mask[14:18, 14:18].any()
    assert flags(alone) == set()
    assert alone.item.mask is None
    masked, whole = (measure([cuts(image, catalogue, neighbours=on)[0].item], ["flux"])[0, 0] for on in (False, True))
    assert masked == pytest.approx(900, rel=0.12)
    assert whole > 1100


def test_a_given_map_of_segments_is_used(tmp_path: Path, catalogue: Path) -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    labels[60:100, 85:130] = 1
    labels[70:90, 108:125] = 2
    inside = write_field(tmp_path / "a.fits", fits.ImageHDU(labels, name="SEG"))
    fits.writeto(tmp_path / "seg.fits", labels)
    beside = cuts(write_field(tmp_path / "b.fits"), catalogue, segments=str(tmp_path / "seg.fits"))[0]
    for one in (cuts(inside, catalogue)[0], beside):
        assert one.item.mask.any()
        assert np.array_equal(one.item.mask, cuts(inside, catalogue)[0].item.mask)


def test_a_source_within_another_s_light_is_flagged(tmp_path: Path) -> None:
    (tmp_path / "near.csv").write_text("x,y\n101,81\n105,81\n")
    assert "blended" in flags(cuts(write_field(tmp_path / "a.fits"), tmp_path / "near.csv")[0])


def test_a_source_that_reaches_the_edge_of_its_stamp_is_flagged(tmp_path: Path, catalogue: Path) -> None:
    labels = np.zeros(field().shape, np.int32)
    x, y = (round(place) for place in SOURCES[4][:2])
    labels[y - 2 : y + 3, x - 40 : x + 3] = 5
    fits.PrimaryHDU(labels).writeto(tmp_path / "labels.fits")
    found = cuts(write_field(tmp_path / "a.fits"), catalogue, segments=str(tmp_path / "labels.fits"))[4]
    assert flags(found) == {"large"}
    told = notes([found.values | {"sky": 1.0}])
    assert any("take a larger `side`" in note for note in told)
    assert not any("subtracts" in note for note in told)


def test_edges_and_bad_pixels_are_masked(tmp_path: Path, catalogue: Path) -> None:
    image = field()
    image[195:205, 285:290] = np.nan
    found = cuts(write_field(tmp_path / "a.fits", image=image), catalogue)
    assert flags(found[3]) == {"edge"}
    assert found[3].item.mask[:, :11].all()
    assert flags(found[2]) == {"bad"}
    assert np.isfinite(found[2].item.image).all()
    assert found[2].values["masked"] == pytest.approx(50 / 32**2)


@pytest.mark.parametrize("name", ["VARIANCE", "IVAR", "ERR"])
def test_maps_of_noise_are_cut_too(name: str, tmp_path: Path, catalogue: Path) -> None:
    variance = np.full((HEIGHT, WIDTH), SIGMA**2)
    variance[:, 300:] *= 4
    maps = {"VARIANCE": variance, "IVAR": 1 / variance, "ERR": np.sqrt(variance)}
    found = cuts(write_field(tmp_path / "a.fits", fits.ImageHDU(maps[name], name=name)), catalogue)
    assert found[4].item.variance == pytest.approx(np.full((1, 32, 32), 4 * SIGMA**2), rel=0.01)
    fits.writeto(tmp_path / "v.fits", variance, overwrite=True)
    beside = cuts(write_field(tmp_path / "b.fits"), catalogue, variance=str(tmp_path / "v.fits"))
    assert np.array_equal(beside[4].item.variance, found[4].item.variance)


def test_psf_is_that_of_the_file_or_a_gaussian(tmp_path: Path, catalogue: Path) -> None:
    psf = np.exp(-np.add.outer(np.arange(-4, 5) ** 2, np.arange(-4, 5) ** 2) / 4)
    own = cuts(write_field(tmp_path / "a.fits", fits.ImageHDU(psf, name="PSF")), catalogue)[0].item
    assert own.psf.shape == (9, 9)
    round_one = cuts(write_field(tmp_path / "b.fits"), catalogue, psf_fwhm=0.8)[0].item
    assert round_one.psf.sum() == pytest.approx(1)
    assert cuts(tmp_path / "b.fits", catalogue)[0].item.psf is None


def test_other_pixels_conserve_flux(tmp_path: Path, catalogue: Path) -> None:
    image = write_field(tmp_path / "a.fits")
    fine = cuts(image, catalogue, side=64, pixel_scale=0.1, neighbours=True)[4].item
    assert (fine.image.shape, fine.pixel_scale) == ((1, 64, 64), 0.1)
    assert fine.image.sum() == pytest.approx(600, rel=0.15)


def test_a_sky_is_noted_and_subtracted(tmp_path: Path, catalogue: Path) -> None:
    image = write_field(tmp_path / "a.fits", image=field() + 50)
    above = cuts(image, catalogue)
    assert any("`sky` subtracts" in note for note in notes([one.values for one in above]))
    below = cuts(image, catalogue, sky=True)
    assert below[4].item.image.sum() == pytest.approx(600, rel=0.35)


def test_bands_of_a_cube_are_taken_by_name(tmp_path: Path, catalogue: Path) -> None:
    header = sky_header()
    header["BANDS"] = "g,r,i"
    cube = np.stack([field(seed) * (seed + 1) for seed in range(3)])
    fits.writeto(tmp_path / "a.fits", cube, header)
    assert cuts(tmp_path / "a.fits", catalogue)[2].item.bands == ("g", "r", "i")
    two = cuts(tmp_path / "a.fits", catalogue, bands=("i", "g"))[2].item
    assert two.bands == ("i", "g")
    assert two.image[0].sum() == pytest.approx(3 * two.image[1].sum(), rel=0.2)
    with pytest.raises(ConfigError, match="Expected bands among g, r, i"):
        cuts(tmp_path / "a.fits", catalogue, bands=("z",))


def test_positions_outside_are_refused(tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("x,y\n1000,10\n101,81\n-5,3\n")
    found = cuts(write_field(tmp_path / "a.fits"), tmp_path / "far.csv")
    assert [isinstance(one.item, Refusal) for one in found] == [True, False, True]
    assert "outside" in found[0].item.reason


def test_packed_images_are_read(tmp_path: Path, catalogue: Path) -> None:
    plain = write_field(tmp_path / "a.fits", image=field().astype(np.float32))
    (tmp_path / "b.fits.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with fits.open(plain) as hdus:
        tiles = fits.CompImageHDU(hdus[1].data, hdus[1].header, compression_type="GZIP_2", quantize_level=0)
        fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(tmp_path / "c.fits.fz")
    expected = cuts(plain, catalogue)[2].item.image
    for name in ("b.fits.gz", "c.fits.fz"):
        assert np.array_equal(cuts(tmp_path / name, catalogue)[2].item.image, expected)


def test_an_image_is_read_in_parts(tmp_path: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole array is never read."""
    path = write_field(tmp_path / "a.fits", image=light() + field(1))

    def refuse(self: fits.ImageHDU) -> np.ndarray:
        raise AssertionError("the whole image was read")

    monkeypatch.setattr(fits.ImageHDU, "data", property(refuse))
    assert len(cuts(path, catalogue)) == len(SOURCES)


@pytest.mark.parametrize("change", ["none", "text", "cut", "unit", "empty"])
def test_images_that_cannot_be_used_are_refused(change: str, tmp_path: Path, catalogue: Path) -> None:
    path = tmp_path / "a.fits"
    if change == "text":
        path.write_text("no FITS")
    elif change == "unit":
        fits.writeto(path, field())
    elif change == "empty":
        fits.HDUList([fits.PrimaryHDU()]).writeto(path)
    elif change == "cut":
        content = write_field(path).read_bytes()
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="Expected"):
        cuts(path, catalogue)


@pytest.mark.parametrize("name", ["psf", "variance", "segments"])
def test_a_part_of_a_file_is_no_map(tmp_path: Path, catalogue: Path, name: str) -> None:
    fits.writeto(tmp_path / "map.fits", np.ones((41, 41) if name == "psf" else (HEIGHT, WIDTH)))
    content = (tmp_path / "map.fits").read_bytes()
    (tmp_path / "map.fits").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"map.fits.*Get it again"):
        cuts(write_field(tmp_path / "a.fits"), catalogue, **{name: str(tmp_path / "map.fits")})


@pytest.mark.parametrize(
    ("told", "found"), [("", "MASK"), ("mask: badpix", "BADPIX"), ("mask: none", ""), ("mask: seg", "")]
)
def test_the_mask_is_the_one_told_beside_the_image(tmp_path: Path, catalogue: Path, told: str, found: str) -> None:
    x, y, _ = SOURCES[2]
    maps = {name: np.zeros((HEIGHT, WIDTH), np.uint8) for name in ("MASK", "BADPIX")}
    for shift, plane in zip((5, 9), maps.values(), strict=True):
        plane[int(y), int(x) + shift] = 1
    image = write_field(tmp_path / "a.fits", *(fits.ImageHDU(plane, name=name) for name, plane in maps.items()))
    (tmp_path / "stamps.yaml").write_text(told or "{}")
    one = cuts(image, catalogue, neighbours=True)[2].item
    hidden = [] if one.mask is None else np.argwhere(one.mask).tolist()
    assert hidden == {"": [], "MASK": [[15, 20]], "BADPIX": [[15, 24]]}[found]


def test_a_mask_that_hides_every_source_has_its_remedy(tmp_path: Path, catalogue: Path) -> None:
    """Surveys mark detected sources by a bit of the mask."""
    x, y, _ = SOURCES[2]
    detected = np.zeros((HEIGHT, WIDTH), np.int32)
    detected[int(y) - 12 : int(y) + 12, int(x) - 12 : int(x) + 12] = 32
    image = write_field(tmp_path / "a.fits", fits.ImageHDU(detected, name="MASK"))
    reason = cuts(image, catalogue)[2].item.reason
    assert "not 0 in the extension MASK" in reason
    assert "`mask: none` in stamps.yaml" in reason
    (tmp_path / "stamps.yaml").write_text("mask: none")
    assert not isinstance(cuts(image, catalogue)[2].item, Refusal)


def test_maps_are_those_of_the_same_extver(tmp_path: Path, catalogue: Path) -> None:
    """Files of two chips have a map of each kind for each."""
    path, ones = tmp_path / "chips.fits", np.ones((HEIGHT, WIDTH), np.float32)
    hdus = [fits.PrimaryHDU()]
    for chip, level in ((1, 4.0), (2, 9.0)):
        hdus += [
            fits.ImageHDU(field(chip), sky_header(), name="SCI", ver=chip),
            fits.ImageHDU(level * ones, name="VARIANCE", ver=chip),
        ]
    fits.HDUList(hdus).writeto(path)
    levels = [float(np.median(cuts(path, catalogue, extension=one)[2].item.variance)) for one in ("SCI", "3")]
    assert levels == [4.0, 9.0]
