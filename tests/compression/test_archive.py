"""Round trips of arrays, refusal of damaged streams, and the same bytes from any instructions."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sciencegen.compression.archive import CodingReport, header_of, read_archive, write_archive
from sciencegen.compression.images import Lossy, planned
from sciencegen.compression.stream import UNNUMBERED, VERSION
from sciencegen.compression.stream import digest_of as digest_of_bytes
from sciencegen.errors import DataError, IncompatibleError
from sciencegen.items import ImagePart

NOISE = np.random.default_rng(0).normal(size=(12, 16, 16))
SPECIAL = (np.nan, np.inf, -np.inf, -0.0, 0.0, 1e30, -1e-40, 3.0)


def stream(array: np.ndarray, lossy: Lossy | None = None) -> tuple[bytes, CodingReport]:
    file = io.BytesIO()
    header = header_of("file", "name", digest_of_bytes(array.tobytes()))
    report = write_archive(file, [b"head", ImagePart(array), b"tail"], header, lossy, 1)
    return file.getvalue(), report


def restored(content: bytes, folder: Path, partial: bool = False) -> tuple[np.ndarray, CodingReport]:
    path = folder / "a.sgc"
    path.write_bytes(content)
    head, picture, *_, report = read_archive(path, 1, partial)
    assert head == b"head"
    assert isinstance(picture, ImagePart)
    assert isinstance(report, CodingReport)
    return picture.array, report


def check_exact(array: np.ndarray, folder: Path) -> None:
    back, _ = restored(stream(array)[0], folder)
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


@pytest.mark.parametrize("kind", ["i1", "u1", "<i2", ">i2", "u2", ">i4", "u4", "i8", ">u8"])
def test_integers_come_back(kind: str, tmp_path: Path) -> None:
    signed = np.dtype(kind).kind == "i"
    check_exact(np.rint(NOISE * 12 + (0 if signed else 100)).astype(kind), tmp_path)


@pytest.mark.parametrize("kind", ["f2", "f4", ">f4", "f8", ">f8"])
def test_floats_come_back(kind: str, tmp_path: Path) -> None:
    """Also numbers that have no cell, whose bits count."""
    array = NOISE.astype(kind)
    with np.errstate(over="ignore"):
        array[0, 0, : len(SPECIAL)] = SPECIAL
    array[1] = np.nan
    assert planned(array, None).method == "predictor"
    check_exact(array, tmp_path)


@pytest.mark.parametrize(
    "array",
    [
        np.array([[7]], np.int16), np.zeros((3, 40, 40), np.float32), np.array([[2**63 - 1, -(2**63)]] * 600),
        np.arange(2**64 - 2000, 2**64, dtype=np.uint64).reshape(40, 50), np.full((2, 30, 30), np.nan),
        (NOISE[:6] * 2e8).astype(np.int64), (NOISE[:, :3, :9] * 9).astype(np.int16), (NOISE[:6] > 1).astype(np.uint8),
        np.where(NOISE > 0, NOISE, 0).astype(np.float32), np.float32(0.37) * np.rint(NOISE * 9).astype(np.float32),
        np.rint(np.random.default_rng(1).normal(5, 9, (100, 70))).astype(np.int32),
        np.random.default_rng(1).integers(-(2**31), 2**31, (2, 24, 24)), (NOISE[:4] * 1e30).astype(np.float32),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)  # fmt: skip
def test_edge_cases_come_back(array: np.ndarray, tmp_path: Path) -> None:
    check_exact(array, tmp_path)


@pytest.mark.parametrize("seed", range(8))
def test_random_bits_come_back(seed: int, tmp_path: Path) -> None:
    """Of any type and shape."""
    generator = np.random.default_rng(seed)
    kind = np.dtype(generator.choice(["i1", ">i2", "i4", "u8", "f2", ">f4", "f8"]))
    shape = tuple(generator.integers(1, 12, int(generator.integers(2, 5))).tolist())
    check_exact(np.frombuffer(generator.bytes(int(np.prod(shape)) * kind.itemsize), kind).reshape(shape), tmp_path)


@pytest.mark.parametrize("bands", [2, 3, 4])
def test_bands_of_unlike_noise_come_back(bands: int, tmp_path: Path) -> None:
    signal = np.cumsum(NOISE[:8], 2)[:, None] * 30
    noise = np.random.default_rng(3).normal(size=(8, bands, 16, 16)) * 10.0 ** np.arange(bands)[:, None, None]
    check_exact(np.rint(signal + noise).astype(np.int32), tmp_path)


@pytest.mark.parametrize("quantize", [16.0, 1.0, 0.3])
def test_error_is_bounded(quantize: float, tmp_path: Path) -> None:
    array = (NOISE * 3 + 50).astype(np.float32)
    array[2, 3, 4] = np.nan
    content, report = stream(array, Lossy(quantize, 3.0))
    back, _ = restored(content, tmp_path)
    assert report.largest_error == pytest.approx(1.5 / quantize)
    assert report.error_over_noise == pytest.approx(0.5 / quantize)
    assert np.nanmax(np.abs(back.astype(float) - array)) <= 1.5 / quantize + 1e-5
    assert np.array_equal(np.isnan(back), np.isnan(array))


@pytest.mark.parametrize("quantize", [1.0, 0.7, 0.3])
def test_error_of_integers_is_bounded(quantize: float, tmp_path: Path) -> None:
    """They are rounded twice, so that half of a step is not the largest error."""
    array = np.rint(NOISE * 2 + 50).astype(np.int16)
    content, report = stream(array, Lossy(quantize, 2.0))
    errors = np.abs(restored(content, tmp_path)[0].astype(int) - array)
    assert report.largest_error is not None
    assert 0 < errors.max() <= report.largest_error <= 1 / quantize + 0.5
    assert report.error_over_noise == report.largest_error / 2


def test_noise_costs_little_more_than_its_floor() -> None:
    array = np.rint(np.random.default_rng(5).normal(0, 16, (100, 32, 32))).astype(np.int16)
    report = stream(array)[1]
    assert 0 < (report.bits - report.floor) / report.pixels < 0.1


def test_same_bytes_again() -> None:
    assert stream(NOISE)[0] == stream(NOISE)[0]


def test_damaged_chunk_is_refused_and_others_restored(tmp_path: Path) -> None:
    array = np.rint(np.random.default_rng(1).normal(5, 9, (100, 70))).astype(np.int32)
    content = bytearray(stream(array)[0])
    content[-700] ^= 1  # in the last of two chunks, before the tail and the end
    with pytest.raises(DataError, match=r"1 chunks are whole.*`partial`"):
        restored(bytes(content), tmp_path)
    back, report = restored(bytes(content), tmp_path, partial=True)
    assert len(report.lost) == 1
    assert np.array_equal(back[:64], array[:64])
    assert not back[64:].any()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_truncated_stream_is_refused(share: float, tmp_path: Path) -> None:
    content = stream(NOISE)[0]
    with pytest.raises(DataError):
        restored(content[: int(share * len(content))], tmp_path)


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    """Or changes nothing that is read."""
    content = stream((NOISE[:1] * 9).astype(np.int8))[0]
    for place in np.random.default_rng(0).permutation(len(content))[:40]:
        changed = bytearray(content)
        changed[place] ^= 1 << int(place) % 8
        with pytest.raises((DataError, IncompatibleError)):
            restored(bytes(changed), tmp_path)


def test_stream_of_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sciencegen.compression.archive.VERSION", VERSION + 1)
    content = stream(NOISE)[0]
    monkeypatch.undo()
    with pytest.raises(
        IncompatibleError, match=f"format {VERSION}, 3 or {UNNUMBERED} .* found format {VERSION + 1} .*Read it with the"
    ):
        restored(content, tmp_path)


CODE = """
import sys
import numpy as np
from tests.compression.test_archive import NOISE, digest_of
print(digest_of())
"""


def digest_of() -> str:
    """Of the cells' stream under fixed models: what a reader must compute again."""
    from sciencegen.compression.network import shipped_network
    from sciencegen.compression.planes import SCALE_BINS, PlaneModel, Writer, code_stack

    bins = np.arange(SCALE_BINS)
    cells = np.rint(np.cumsum(np.repeat(NOISE[None, :, :, :], 2, 0), 2) * 12).astype(np.int64).transpose(0, 2, 3, 1)
    models = [PlaneModel(shipped_network(plane), 12 * 16, bins - 4, bins % 4, 5 * bins) for plane in range(2)]
    writer = Writer()
    code_stack(writer, cells.copy(), None, models, True, lambda *rest: None, True)
    return hashlib.sha256(writer.content()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX"},
        {"OPENBLAS_CORETYPE": "Haswell"}, {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
    ],
)  # fmt: skip
def test_other_instructions_and_threads_write_the_same_bytes(variables: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE], env={**os.environ, **variables}, capture_output=True, text=True,
        cwd=Path(__file__).parents[2], check=True,
    )  # fmt: skip
    assert done.stdout.split()[-1] == digest_of()
