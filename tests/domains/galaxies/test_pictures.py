"""Pictures as stamps: gray and coloured ones, and those whose numbers aren't brightness."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sciencegen.domains.galaxies.files import left_out, parse, read
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.items import Refusal

SIDE = 24
GRAY = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8)
COLOURS = np.random.default_rng(1).integers(0, 255, (SIDE, SIDE, 4), np.uint8)


def saved(folder: Path, name: str, numbers: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(numbers)
    (image if mode is None else image.convert(mode)).save(folder / name)
    return folder / name


def stamp(path: Path) -> Stamp:
    found = parse(str(path))
    assert isinstance(found, Stamp), found
    return found


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_gray_is_one_band(kind: type, tmp_path: Path) -> None:
    numbers = GRAY.astype(kind) * (200 if kind == np.uint16 else 1)
    (tmp_path / "stamps.yaml").write_text("sigma: 0")
    one = stamp(saved(tmp_path, "a.png", numbers))
    assert (one.bands, one.pixel_scale, one.name) == (("gray",), 1.0, "a")
    assert np.array_equal(one.image[0], numbers[::-1])


def test_colours_are_three_bands_with_the_top_row_last(tmp_path: Path) -> None:
    (tmp_path / "stamps.yaml").write_text("sigma: 0")
    one = stamp(saved(tmp_path, "a.png", COLOURS[..., :3]))
    assert one.bands == ("R", "G", "B")
    assert np.array_equal(one.image, np.moveaxis(COLOURS[::-1, :, :3], 2, 0))
    packed = stamp(saved(tmp_path, "a.jpg", COLOURS[..., :3]))
    assert packed.image.shape == (3, SIDE, SIDE)


def test_the_sky_of_a_picture_is_subtracted_unless_that_is_told_not_to_be(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(20, 41, (30, 30))
    noise[10:20, 10:20] += 150
    path = saved(tmp_path, "a.png", noise.astype(np.uint8))
    one = stamp(path)
    edge = np.ones((30, 30), bool)
    edge[6:-6, 6:-6] = False
    assert abs(np.median(one.image[0][edge])) < 1
    assert one.variance == pytest.approx(37, rel=0.5)  # (21^2 - 1) / 12
    assert "sky was subtracted" in left_out(str(path))
    (tmp_path / "stamps.yaml").write_text("sky: none")
    assert stamp(path).image[0] == pytest.approx(noise[::-1], abs=0.5)  # rounded to a sixteenth of the noise
    black = np.zeros((30, 30), np.uint8)
    black[10:20, 10:20] = 150
    (tmp_path / "stamps.yaml").unlink()
    assert np.array_equal(stamp(saved(tmp_path, "b.png", black)).image[0], black[::-1])


def test_transparent_pixels_are_masked(tmp_path: Path) -> None:
    numbers = COLOURS.copy()
    numbers[..., 3] = 255
    numbers[:5, :, 3] = 0
    one = stamp(saved(tmp_path, "a.png", numbers))
    assert one.mask[-5:].all()
    assert not one.mask[:-5].any()


def test_what_is_told_beside_is_used(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.png", GRAY)
    assert "without a unit" in left_out(str(path))
    (tmp_path / "stamps.yaml").write_text("unit: uJy\npixel_scale: 0.25\nbands: [r]\nsigma: 2\npsf_fwhm: 1")
    one = stamp(path)
    assert (one.bands, one.pixel_scale) == (("r",), 0.25)
    assert one.variance == pytest.approx(4e6)
    assert one.psf is not None
    assert left_out(str(path)) == ""


def test_a_folder_of_pictures_is_read(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpeg"):
        saved(tmp_path, name, GRAY)
    assert [row.id for row in read(tmp_path)] == ["a", "b"]


def deep(path: Path) -> Path:
    """A PNG of 16 bits in each colour, which Pillow can't write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)
    lines = b"".join(b"\0" + bytes(6 * SIDE) for _ in range(SIDE))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: saved(folder, "a.png", COLOURS[..., :3], "P"), "palette"),
        (lambda folder: saved(folder, "a.jpg", COLOURS[..., :3], "CMYK"), "CMYK"),
        (lambda folder: saved(folder, "a.png", GRAY, "1"), "black or white"),
        (lambda folder: deep(folder / "a.png"), "16 bits"),
        (lambda folder: saved(folder, "a.png", np.zeros((2000, 2000), np.uint8)), "got 2000"),
        (lambda folder: saved(folder, "a.png", np.full((SIDE, SIDE), 7, np.uint8)), "empty image"),
    ],
    ids=["palette", "inks", "bits", "deep", "large", "flat"],
)
def test_others_are_refused_with_a_remedy(make, reason: str, tmp_path: Path) -> None:
    found = parse(str(make(tmp_path)))
    assert isinstance(found, Refusal)
    assert reason in found.reason


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_damaged_pictures_are_refused(share: float, tmp_path: Path) -> None:
    path = saved(tmp_path, "a.png", GRAY)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert isinstance(parse(str(path)), Refusal)
