"""Damaged files of stamps: each is refused with a reason, and none ends a folder or loses a stamp in silence."""

import gzip
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits

from sciencegen.data import array_files
from sciencegen.domains.galaxies import files
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from tests.damage import damaged, read_all
from tests.domains.galaxies.test_files import IMAGE, header
from tests.fuzz.running import in_time

IMAGES = np.stack([IMAGE[:16, :16] + np.float32(number) for number in range(6)])
CASES = 30
pytestmark = pytest.mark.filterwarnings("ignore")  # of astropy and h5py, on damage


def extensions() -> fits.HDUList:
    images = [fits.ImageHDU(image, header(), name="SCI", ver=at + 1) for at, image in enumerate(IMAGES)]
    return fits.HDUList([fits.PrimaryHDU(header=fits.Header({"NEXTEND": len(images)})), *images])


def as_bytes(hdus) -> bytes:
    buffer = BytesIO()
    (hdus if isinstance(hdus, fits.HDUList) else fits.HDUList(hdus)).writeto(buffer)
    return buffer.getvalue()


def hdf5(path: Path, **how) -> bytes:
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", data=IMAGES, **how)
        images.attrs.update({"unit": "nJy", "PIXSCALE": 0.2, "VARIANCE": 0.01})
        file["id"], file["z"] = np.array([b"a"] * 6), np.arange(6.0)
    return path.read_bytes()


def arrays(save, *given, **named) -> bytes:
    buffer = BytesIO()
    save(buffer, *given, **named)
    return buffer.getvalue()


ABOUT = {"unit": np.array("nJy"), "pixel_scale": np.full(6, 0.2), "variance": np.full(6, 0.01)}
PLAIN = {
    "stack.fits": as_bytes([fits.PrimaryHDU(IMAGES, header())]),
    "several.fits": as_bytes(extensions()),
    "packed.fits.fz": as_bytes([fits.PrimaryHDU(), fits.CompImageHDU(IMAGES, header(), tile_shape=(1, 16, 16))]),
    "plain.npz": arrays(np.savez, images=IMAGES, **ABOUT),
    "packed.npz": arrays(np.savez_compressed, images=IMAGES, **ABOUT),
    "alone.npy": arrays(np.save, IMAGES),
}
PLAIN |= {f"{name}.gz": gzip.compress(PLAIN[name], mtime=0) for name in ("stack.fits", "several.fits")}
NAMES = (*PLAIN, "plain.h5", "packed.h5")


@pytest.fixture(params=NAMES)
def whole(request, tmp_path) -> tuple[Path, bytes]:
    """A path, and the content of a file of six stamps."""
    (tmp_path / "alone.npy.yaml").write_text("{unit: nJy, pixel_scale: 0.2, variance: 0.01}")
    path = tmp_path / request.param
    how = {"chunks": (2, 16, 16), "compression": "gzip", "fletcher32": True} if request.param == "packed.h5" else {}
    return path, PLAIN.get(request.param) or hdf5(path, **how)


@pytest.mark.long
def test_damage_is_a_refusal(whole):
    path, content = whole
    path.write_bytes(content)
    assert [type(one) for one in read_all(files.read, files.parse, path)] == [Stamp] * 6
    for spoilt in damaged(content, CASES, seed=1):
        path.unlink()  # a new inode, since HDF5 keeps the old file open
        path.write_bytes(spoilt)
        for one in read_all(files.read, files.parse, path) or []:
            assert isinstance(one, Stamp) or one.reason


@pytest.mark.long
def test_what_is_cut_loses_nothing_in_silence(whole):
    path, content = whole
    for place in np.linspace(1, len(content) - 2881, 15).astype(int):  # FITS ends with up to 2880 bytes of padding
        path.unlink(missing_ok=True)
        path.write_bytes(content[:place])
        found = read_all(files.read, files.parse, path)
        assert found is None or len(found) == 6 or any(isinstance(one, Refusal) for one in found), place


def test_a_file_on_which_the_library_never_returns_is_an_error(tmp_path, monkeypatch):
    """A damaged heap of texts of variable length: HDF5 reads it forever."""
    content = bytearray(hdf5(tmp_path / "whole.h5"))
    free = content.index(b"GCOL") + 48  # after the heap's header, a text, and 8 bytes of the free space: its size
    assert int.from_bytes(content[free : free + 8], "little") == 4096 - 40
    content[free : free + 8] = bytes(8)
    (tmp_path / "a.h5").write_bytes(content)
    monkeypatch.setattr(array_files, "OPENING_TIMEOUT_S", 1.0)
    with pytest.raises(DataError, match=r"a\.h5, .* the library of HDF5 fails"):
        list(files.read(tmp_path / "a.h5"))


@pytest.mark.long
def test_a_damaged_file_does_not_end_its_folder(whole, tmp_path):
    path, content = whole
    folder = tmp_path / "folder"
    folder.mkdir()
    fits.writeto(folder / "whole.fits", IMAGES, header())
    for number, spoilt in enumerate(damaged(content, 12, seed=2)):
        (folder / f"{number}-{path.name}").write_bytes(spoilt)
    shutil.copy(folder / "whole.fits", folder / "x.fits")
    found = read_all(files.read, files.parse, folder)
    assert sum(isinstance(one, Stamp) for one in found) >= 12
    names = sorted(one.name for one in folder.iterdir())
    (tmp_path / "list.txt").write_text(
        "\n".join(["a\0b.fits", "n" * 300 + ".fits", *(f"folder/{one}" for one in names)])
    )
    listed = read_all(files.read, files.parse, tmp_path / "list.txt")
    assert [type(one) for one in listed[:2]] == [Refusal] * 2
    assert len(listed) == len(found) + 2


@pytest.mark.parametrize("name", ["several.fits", "several.fits.gz", "stack.fits", "stack.fits.gz"])
def test_the_error_says_how_many_stamps_are_whole(tmp_path, name):
    content = PLAIN[name.removesuffix(".gz")]
    images = fits.open(BytesIO(content))
    ends = [hdu.fileinfo()["datLoc"] + 1024 for hdu in images[1:]] or [2880 + 1024 * (at + 1) for at in range(6)]
    place = ends[3] + 10
    spoilt = content[:place] if name.endswith(".fits") else gzip.compress(content[:place], mtime=0)[:-8]
    (tmp_path / name).write_bytes(spoilt)
    with pytest.raises(DataError, match=f"{name}, found .*; 4 of its stamps are whole"):
        list(files.read(tmp_path / name))
    assert f"{name}, found" in files.parse(f"{tmp_path / name}[0]").reason


def test_a_file_cut_between_two_extensions_is_an_error(tmp_path):
    place = extensions_end(PLAIN["several.fits"], 3)
    (tmp_path / "a.fits").write_bytes(PLAIN["several.fits"][:place])
    with pytest.raises(DataError, match="announces 6 extensions and has 3; 3 of its stamps are whole"):
        list(files.read(tmp_path / "a.fits"))
    made = [Stamp.of(image, 0.2, 0.01) for image in IMAGES]
    files.write(tmp_path / "b.fits", made, list("abcdef"), {})
    content = (tmp_path / "b.fits").read_bytes()
    (tmp_path / "b.fits").write_bytes(content[: extensions_end(content, 0)])
    with pytest.raises(DataError, match="extension CATALOG, which is missing; 6 of its stamps are whole"):
        list(files.read(tmp_path / "b.fits"))


def extensions_end(content: bytes, number: int) -> int:
    found = fits.open(BytesIO(content))[number].fileinfo()
    return found["datLoc"] + found["datSpan"]


@pytest.mark.parametrize("name", ["stack.fits", "several.fits", "stack.fits.gz", "several.fits.gz"])
def test_a_header_that_astropy_reads_without_end_is_refused(tmp_path, name):
    """One wrong character before the T of SIMPLE."""
    content = bytearray(PLAIN[name.removesuffix(".gz")])
    content[25] = ord("`")
    (tmp_path / name).write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    with (
        pytest.raises(DataError, match=rf"{name}, found .* (0 of its \d HDUs can be read|No SIMPLE card)"),
        in_time(10),
    ):
        list(files.read(tmp_path / name))


def test_padding_may_lack_and_blanks_may_follow(tmp_path):
    content = PLAIN["stack.fits"]
    for changed in (content[: 2880 + IMAGES.nbytes], content + bytes(2880), content + b" " * 100):
        (tmp_path / "a.fits").unlink(missing_ok=True)
        (tmp_path / "a.fits").write_bytes(changed)
        assert len(list(files.read(tmp_path / "a.fits"))) == 6
    (tmp_path / "a.fits").write_bytes(content + b"something else")
    with pytest.raises(DataError, match="something else than an HDU"):
        list(files.read(tmp_path / "a.fits"))


@pytest.mark.parametrize(("axis", "number"), [(3, 99999999), (1, 99999999), (3, -1), (3, 10**17)])
def test_a_header_that_claims_more_than_the_file_holds(tmp_path, axis, number):
    content = PLAIN["stack.fits"]
    place = content.index(f"NAXIS{axis} ".encode()) + 10
    (tmp_path / "a.fits").write_bytes(content[:place] + str(number).rjust(20).encode() + content[place + 20 :])
    with pytest.raises(DataError, match="Expected a FITS file"):
        list(files.read(tmp_path / "a.fits"))


@pytest.mark.parametrize("keyword", ["ZNAXIS", "TFIELDS", "NAXIS"])
def test_a_header_with_more_axes_or_columns_than_the_standard_allows(tmp_path, keyword):
    content = PLAIN["packed.fits.fz"]
    place = content.index(f"{keyword:<8}=".encode(), 2880) + 10
    (tmp_path / "a.fits").write_bytes(content[:place] + b"99999999".rjust(20) + content[place + 20 :])
    with pytest.raises(DataError, match="doesn't say the size of its data"):
        list(files.read(tmp_path / "a.fits"))


def test_claims_of_packed_arrays(tmp_path):
    compressed = fits.CompImageHDU(IMAGES, header(), tile_shape=(1, 16, 16))
    content = as_bytes([fits.PrimaryHDU(), compressed])
    place = content.index(b"ZNAXIS3") + 10
    (tmp_path / "a.fits").write_bytes(content[:place] + b"99999999".rjust(20) + content[place + 20 :])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("images", (10**9, 16, 16), chunks=(1, 16, 16), compression="gzip")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("images", (10**9, 0, 16))
    np.save(tmp_path / "a.npy", np.zeros((10**9, 0, 16)))
    claim = arrays(np.save, IMAGES).replace(b"(6, 16, 16)", b"(10**9,)   ").replace(b"10**9", b"99999")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", claim.replace(b"(99999,)", b"(1 << 40,)")[:-2])
    for name in ("a.fits", "a.h5", "b.h5", "a.npy", "a.npz"):
        with pytest.raises(DataError, match=name):
            list(files.read(tmp_path / name))
