"""Files that are compressed and restored from Python."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import sciencegen as sg
from sciencegen.errors import ConfigError, DataError

STAMPS = np.random.default_rng(0).normal(100, 12, (20, 24, 24))


def write_fits(path: Path) -> None:
    """Several HDUs: integers with BZERO, a cube of floats, a map of variance, a table."""
    hdus = [
        fits.PrimaryHDU(np.rint(STAMPS[0]).astype(np.uint16)),
        fits.ImageHDU(STAMPS.astype(np.float32), name="SCI"),
        fits.ImageHDU(np.full((20, 24, 24), 144, np.float32), name="VARIANCE"),
        fits.BinTableHDU.from_columns([fits.Column("ID", "J", array=np.arange(20))], name="CATALOG"),
    ]
    hdus[1].header["OBSERVER"] = ("nobody", "kept as it is")
    fits.HDUList(hdus).writeto(path)


def there_and_back(source: Path, name: str, **options: float) -> Path:
    packed, back = source.with_name("a.sgc"), source.with_name(name)
    sg.compress("galaxies", source, packed, threads=1, overwrite=True, **options)  # type: ignore[arg-type]
    sg.decompress("galaxies", packed, back, threads=1, overwrite=True)
    return back


def test_fits_comes_back_byte_for_byte(tmp_path: Path) -> None:
    source = tmp_path / "stamps.fits"
    write_fits(source)
    assert there_and_back(source, "back.fits").read_bytes() == source.read_bytes()


def test_packed_fits_comes_back_as_what_it_holds(tmp_path: Path) -> None:
    write_fits(tmp_path / "stamps.fits")
    content = (tmp_path / "stamps.fits").read_bytes()
    (tmp_path / "stamps.fits.gz").write_bytes(gzip.compress(content))
    assert there_and_back(tmp_path / "stamps.fits.gz", "back.fits").read_bytes() == content


def test_error_is_in_units_of_the_noise(tmp_path: Path) -> None:
    """Headers and tables stay; maps of variance lose nothing."""
    source = tmp_path / "stamps.fits"
    write_fits(source)
    with fits.open(there_and_back(source, "back.fits", quantize=4.0, noise=12.0)) as back, fits.open(source) as before:
        assert 0 < np.abs(back["SCI"].data - before["SCI"].data).max() <= 1.5 + 1e-5
        assert np.array_equal(back["VARIANCE"].data, before["VARIANCE"].data)
        assert back["SCI"].header == before["SCI"].header
        assert np.array_equal(back["CATALOG"].data, before["CATALOG"].data)


COUNTS = np.rint(np.random.default_rng(3).normal(40, 8, (40, 16, 16))).astype(np.float32)


@pytest.mark.parametrize(
    "images",
    [(COUNTS - 40) * np.float32(1.7), np.repeat(STAMPS, 20, 0), np.clip(COUNTS, 0, 36).astype(np.uint16),
     (COUNTS > 55).astype(np.int32) * 1000],
    ids=["multiples", "repeated", "saturated", "masks"],
)  # fmt: skip
def test_a_code_with_loss_is_never_longer_than_one_without(images: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", images)
    exact, lossy = (
        sg.compress("galaxies", tmp_path / "a.npy", tmp_path / f"{q}.sgc", threads=1, quantize=q) for q in (None, 16)
    )
    assert lossy.summary["bytes_after"] <= exact.summary["bytes_after"] + 16  # a checksum in the header packs otherwise
    assert lossy.summary["largest_error"] is None
    assert f"{images.size:,} pixels lose nothing, since a code with loss isn't shorter" in lossy.notes
    sg.decompress("galaxies", tmp_path / "16.sgc", tmp_path / "back.npy", threads=1)
    assert (tmp_path / "back.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()


def test_many_images_of_counts_lose_nothing_where_loss_saves_nothing(tmp_path: Path) -> None:
    sides = [12, 13, 14, 15, 16] * 6
    images = [fits.ImageHDU(one[:side]) for one, side in zip(COUNTS, sides, strict=False)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "a.fits")
    sizes = {}
    for quantize in (None, 16, 1):
        output = tmp_path / f"{quantize}.sgc"
        made = sg.compress("galaxies", tmp_path / "a.fits", output, threads=1, quantize=quantize)
        sizes[quantize] = made.summary["bytes_after"]
    assert sizes[16] <= sizes[None] + 16
    assert sizes[1] < 0.85 * sizes[None]
    sg.decompress("galaxies", tmp_path / "16.sgc", tmp_path / "back.fits", threads=1)
    assert (tmp_path / "back.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()


def test_arrays_of_npz_come_back(tmp_path: Path) -> None:
    arrays = {
        "stamps": STAMPS.reshape(5, 4, 24, 24).astype(np.float16), "bands": np.array(["g", "r"]),
        "turned": np.asfortranarray(np.rint(STAMPS[0]).astype(np.int16)), "one": np.array(3.5),
        "none": np.zeros((0, 4)),
    }  # fmt: skip
    np.savez(tmp_path / "a.npz", **arrays)
    with np.load(there_and_back(tmp_path / "a.npz", "back.npz"), allow_pickle=False) as back:
        assert set(back.files) == set(arrays)
        for name, array in arrays.items():
            assert (back[name].dtype, back[name].tobytes()) == (array.dtype, array.tobytes())


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.rint(np.random.default_rng(0).normal(0, 9, (1100, 8, 8))).astype(">i2"))
    for threads in (1, 2):
        sg.compress("galaxies", tmp_path / "a.npy", tmp_path / f"{threads}.sgc", threads=threads)
    assert (tmp_path / "1.sgc").read_bytes() == (tmp_path / "2.sgc").read_bytes()
    sg.decompress("galaxies", tmp_path / "1.sgc", tmp_path / "back.npy", threads=2)
    assert (tmp_path / "back.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()


def test_wrong_input_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", STAMPS)
    source, output = tmp_path / "a.npy", tmp_path / "a.sgc"
    with pytest.raises(ConfigError, match="with images to compress"):
        sg.compress("molecules", source, output)
    with pytest.raises(DataError, match="found nothing"):
        sg.compress("galaxies", tmp_path / "none.fits", output)
    with pytest.raises(ConfigError, match="`quantize` with `noise`"):
        sg.compress("galaxies", source, output, noise=1.0)
    with pytest.raises(DataError, match="another format"):
        sg.decompress("galaxies", source, output)
    np.save(tmp_path / "objects.npy", np.array([{}, {}], object), allow_pickle=True)
    (tmp_path / "text.fits").write_text("no FITS")
    with pytest.raises(DataError):
        sg.compress("galaxies", tmp_path / "text.fits", output)
    assert not output.exists()
    sg.compress("galaxies", source, output, threads=1)
    with pytest.raises(ConfigError, match="exists"):
        sg.compress("galaxies", source, output)
    with pytest.raises(ConfigError, match=r"an output like a\.npy"):
        sg.decompress("galaxies", output, tmp_path / "a.npz")
