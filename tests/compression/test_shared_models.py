"""Images of different sizes in one file share models, and later headers are packed by earlier ones."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import sciencegen as sg
from sciencegen.compression.images import Lossy, kind_of, planned, planned_like, shared_models
from sciencegen.errors import DataError
from sciencegen.items import ImagePart


@pytest.fixture(scope="module")
def parts() -> list[ImagePart]:
    rng = np.random.default_rng(0)
    sides = rng.integers(30, 60, (24, 2))
    return [
        ImagePart(rng.normal(0, rng.uniform(5, 20), tuple(side)).round().astype("i4"), exact=False) for side in sides
    ]


@pytest.fixture(scope="module")
def file(parts: list[ImagePart], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shared") / "stamps.fits"
    images = [fits.ImageHDU(part.array) for part in parts]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    return path


def test_a_file_of_many_sizes_comes_back_and_takes_little_beside_its_pixels(file: Path, parts: list[ImagePart]) -> None:
    found = sg.compress("galaxies", file, file.with_suffix(".sgc"), threads=1)
    assert found.summary["bytes_after"] == file.with_suffix(".sgc").stat().st_size
    pixels = sum(part.array.size for part in parts)
    assert found.summary["bits_per_pixel"] == pytest.approx(8 * found.summary["bytes_after"] / pixels, abs=1e-3)
    assert found.summary["bits_over_noise"] < 1.5  # 24 headers of 2,880 bytes, and descriptions, among 46,000 pixels
    sg.decompress("galaxies", file.with_suffix(".sgc"), file.with_name("back.fits"), threads=1)
    assert file.with_name("back.fits").read_bytes() == file.read_bytes()


def test_descriptions_of_later_images_refer_to_the_first(parts: list[ImagePart]) -> None:
    shared = shared_models(parts, None)
    (kind,) = shared
    assert kind_of(parts[0], None) == kind
    shared[kind].number = 7
    found = planned_like(parts[1], None, shared)
    assert found is not None
    plan = found[0]
    assert plan.like == 7
    assert len(str(plan.to_json())) < 0.3 * len(str(planned(parts[1].array, None).to_json()))


def test_images_of_one_size_or_few_share_nothing(parts: list[ImagePart]) -> None:
    assert shared_models(parts[:3], None) == {}
    assert shared_models(parts[:1] * 9, Lossy(4.0)) == {}


def test_the_images_that_refer_to_a_damaged_one_are_lost(file: Path) -> None:
    place, damaged = file.with_suffix(".sgc"), file.with_name("damaged.sgc")
    if not place.is_file():
        sg.compress("galaxies", file, place, threads=1)
    content = bytearray(place.read_bytes())
    at = content.index(b"I", 200)
    content[at + 40] ^= 0xFF
    damaged.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damage"):
        sg.decompress("galaxies", damaged, file.with_name("lost.fits"), threads=1)
    assert BytesIO(bytes(content)).read(8) == bytes(content[:8])
