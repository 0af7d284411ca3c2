"""Bits of stamps over their noise floor: this codec, RICE, HCOMPRESS, JPEG-LS and JPEG XL on the same integers.

    pip install imagecodecs
    python tests/benchmarks/compression.py --simulated 1000
    python tests/benchmarks/compression.py --stamps kids_viking_griZ_stamps40.npz

Stamps in units of their noise are rounded to 1/16, 1/4 and 1 of it. --stamps: an .npz file with `stamps` [n band y x]
in units of the noise, and positions `x` and `y`: those of the fifth with the largest y count that overlap neither each
other nor a stamp below, on which the shipped network was trained. RICE and HCOMPRESS code each stamp as a tile (the
bytes of the tiles alone count); JPEG-LS and JPEG XL (effort 9) code one mosaic of all stamps for each band, which is
much shorter than a file for each; sciencegen's bytes are those of the whole file, with its header and model. --only:
names of codecs. --processes: of this codec.

--blends: instead, 100 images of different sizes: the i band of HSC blends in an archive of .npz files with `images` and
`weights` [band y x], rounded to a quarter of the noise, as a FITS file of 100 extensions of 16 bits. Bytes are those of
whole files: of sciencegen and of tile-compressed FITS (as fpack writes, an image a tile) with headers, of JPEG-LS and
JPEG XL the sum of 100 files. K is that of Pence, Seaman & White (2009): bits per pixel = log2(sigma sqrt 12) + K.

--curve: instead, bits and error of this codec with loss, for steps of the noise divided by each number of CURVE.
"""

from __future__ import annotations

import argparse
import io
import math
import tarfile
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from sciencegen.api.compress import compress, decompress
from sciencegen.compression.archive import header_of, read_archive, write_archive
from sciencegen.compression.grids import noise_floor
from sciencegen.compression.images import Lossy
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.items import ImagePart

HEADER = header_of("file", "stamps", bytes(8))
STEPS = (16, 4, 1)
CURVE = (64.0, 16.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25)


def simulated(count: int) -> np.ndarray:
    """Stamps of the simulated survey in units of their noise. They are multiples of a sixteenth of it: uniform noise of
    that width undoes this, since JPEG XL would gain from multiples that are rounded to even ones."""
    stamps = [one.observed for one in simulate(SurveySettings(), 7, 0, count)]
    found = np.stack([one.image / np.sqrt(np.asarray(one.variance))[:, None, None] for one in stamps])
    return found + np.random.default_rng(0).uniform(-1 / 32, 1 / 32, found.shape)


def held_out(path: str) -> np.ndarray:
    with np.load(path, allow_pickle=False) as arrays:
        stamps, x, y = arrays["stamps"].astype(np.float64), arrays["x"], arrays["y"]
    side, chosen = stamps.shape[-1], list[int]()
    for one in np.flatnonzero(y >= np.quantile(y, 0.8) + side):
        if all(max(abs(x[one] - x[other]), abs(y[one] - y[other])) >= side for other in chosen):
            chosen.append(int(one))
    return stamps[chosen]


def mosaic(images: np.ndarray) -> np.ndarray:
    """All images [n y x] in one, in as many columns as rows; the last row is filled with zeros."""
    count, height, width = images.shape
    columns = int(np.ceil(np.sqrt(count)))
    filled = np.zeros((-(-count // columns) * columns, height, width), images.dtype)
    filled[:count] = images
    return filled.reshape(-1, columns, height, width).transpose(0, 2, 1, 3).reshape(-1, columns * width)


def tiled(images: np.ndarray, kind: str) -> int:
    """Bytes of each image as a tile of a compressed FITS image."""
    from astropy.io import fits

    tall = images.reshape(-1, images.shape[2]).astype(np.int32)
    hdu = fits.CompImageHDU(tall, compression_type=kind, tile_shape=images.shape[1:])
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(content)
    content.seek(0)
    with fits.open(content, disable_image_compression=True) as packed:
        return int(packed[1].header["PCOUNT"])


def jpeg(images: np.ndarray, name: str) -> int:
    import imagecodecs

    one = np.ascontiguousarray(mosaic(np.clip(images - images.min(), 0, 65535).astype(np.uint16)))
    if name == "JPEG-LS":
        return len(imagecodecs.jpegls_encode(one))
    return len(imagecodecs.jpegxl_encode(one, lossless=True, effort=9, numthreads=1))


def curve(stamps: np.ndarray, processes: int) -> None:
    """Print bits per pixel, those over the floor, and the largest and the root mean square error in units of the noise,
    for each step."""
    floats = stamps.astype(np.float32)
    for quantize in CURVE:
        file = io.BytesIO()
        report = write_archive(file, [ImagePart(floats)], HEADER, Lossy(quantize, 1.0), processes)
        error = decoded(file.getvalue(), processes, floats.shape)[0].astype(np.float64) - floats
        bits, floor = 8 * report.after / floats.size, noise_floor(quantize)
        print(
            f"noise / {quantize:g}: {bits:.3f} bits per pixel, {bits - floor:+.3f} over the floor; error at most "
            f"{np.abs(error).max():.4f} (stated {report.error_over_noise:.4f}), rms {np.sqrt(np.mean(error**2)):.4f}",
            flush=True,
        )


def blends(path: str, count: int = 100) -> list[np.ndarray]:
    """Images [y x] of 16 bits in a quarter of their noise."""
    found = []
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            if member.name.endswith(".npz") and len(found) < count:
                content = archive.extractfile(member)
                assert content is not None  # of a file
                with np.load(io.BytesIO(content.read()), allow_pickle=False) as arrays:
                    image, weight = arrays["images"][2], arrays["weights"][2]
                noise = 1 / np.sqrt(np.median(weight[weight > 0]))
                found.append(np.rint(4 * image / noise).clip(-32768, 32767).astype(np.int16))
    return found


def of_sizes(images: list[np.ndarray]) -> None:
    """Print bytes, bits per pixel and K of whole files by each codec."""
    import imagecodecs
    from astropy.io import fits

    pixels, n_bits = sum(one.size for one in images), math.log2(4 * math.sqrt(12))
    unsigned = [np.ascontiguousarray((one.astype(np.int64) - one.min()).astype(np.uint16)) for one in images]
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "images.fits"
        fits.HDUList([fits.PrimaryHDU(), *map(fits.ImageHDU, images)]).writeto(plain)
        sizes["FITS"] = plain.stat().st_size
        compress("galaxies", plain, Path(folder) / "images.sgc", threads=1)
        sizes["sciencegen"] = (Path(folder) / "images.sgc").stat().st_size
        decompress("galaxies", Path(folder) / "images.sgc", Path(folder) / "back.fits", threads=1)
        assert (Path(folder) / "back.fits").read_bytes() == plain.read_bytes()
        for kind in ("RICE_1", "HCOMPRESS_1", "GZIP_2"):
            packed = [fits.CompImageHDU(one, compression_type=kind, tile_shape=one.shape) for one in images]
            fits.HDUList([fits.PrimaryHDU(), *packed]).writeto(Path(folder) / f"{kind}.fz")
            sizes[f"{kind}, .fz"] = (Path(folder) / f"{kind}.fz").stat().st_size
            with fits.open(Path(folder) / f"{kind}.fz", disable_image_compression=True) as tables:
                sizes[f"{kind}, tiles alone"] = sum(int(one.header["PCOUNT"]) for one in tables[1:])
    sizes["JPEG-LS"] = sum(len(imagecodecs.jpegls_encode(one)) for one in unsigned)
    sizes["JPEG XL"] = sum(
        len(imagecodecs.jpegxl_encode(one, lossless=True, effort=9, numthreads=1)) for one in unsigned
    )
    print(f"{len(images)} images, {pixels:,} pixels, log2(sigma sqrt 12) = {n_bits:.3f}")
    for name, size in sizes.items():
        print(f"  {name}: {size:,} bytes, {8 * size / pixels:.3f} bits per pixel, K {8 * size / pixels - n_bits:.2f}")


def ours(stamps: np.ndarray, processes: int = 1) -> int:
    """Bytes of the file; prints its times."""
    integers = stamps.astype(np.int32)
    file, start, cpu = io.BytesIO(), time.perf_counter(), time.process_time()
    report = write_archive(file, [ImagePart(integers)], HEADER, None, processes)
    wrote, wrote_cpu = time.perf_counter() - start, time.process_time() - cpu
    back, read, read_cpu = decoded(file.getvalue(), processes, integers.shape)
    assert np.array_equal(back, integers)
    million = stamps.size / 1e6
    print(
        f"  sciencegen: write {million / wrote:.2f} (CPU {million / wrote_cpu:.2f}), read {million / read:.2f} "
        f"(CPU {million / read_cpu:.2f}) million pixels a second, {processes} processes (CPU of the first alone)"
    )
    return report.after


def decoded(content: bytes, processes: int, shape: tuple[int, ...]) -> tuple[np.ndarray, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stamps.sgc"
        path.write_bytes(content)
        start, cpu = time.perf_counter(), time.process_time()
        found = [part for part in read_archive(path, processes, False) if isinstance(part, ImagePart)]
        stamps = np.concatenate([part.array.reshape(-1) for part in found]).reshape(shape)
        return stamps, time.perf_counter() - start, time.process_time() - cpu


def by_band(code: Callable[[np.ndarray], int]) -> Callable[[np.ndarray], int]:
    return lambda stamps: sum(code(stamps[:, band]) for band in range(stamps.shape[1]))


CODECS: dict[str, Callable[[np.ndarray], int]] = {
    "sciencegen": ours,
    "RICE": by_band(lambda images: tiled(images, "RICE_1")),
    "HCOMPRESS": by_band(lambda images: tiled(images, "HCOMPRESS_1")),
    "JPEG-LS": by_band(lambda images: jpeg(images, "JPEG-LS")),
    "JPEG XL": by_band(lambda images: jpeg(images, "JPEG XL")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulated", type=int, default=1000)
    parser.add_argument("--stamps")
    parser.add_argument("--only", nargs="+", default=list(CODECS))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--blends", help="an archive of HSC blends (.tar.gz)")
    parser.add_argument("--curve", action="store_true")
    chosen = parser.parse_args()
    if chosen.blends:
        of_sizes(blends(chosen.blends))
        return
    stamps = held_out(chosen.stamps) if chosen.stamps else simulated(chosen.simulated)
    print(f"{len(stamps)} stamps of {list(stamps.shape[1:])}")
    if chosen.curve:
        curve(stamps, chosen.processes)
        return
    codecs: dict[str, Callable[[np.ndarray], int]] = {**CODECS, "sciencegen": partial(ours, processes=chosen.processes)}
    for step in STEPS:
        integers, floor = np.rint(stamps * step).astype(np.int64), noise_floor(float(step))
        print(f"noise / {step}: floor {floor:.4f} bits per pixel", flush=True)
        for name in chosen.only:
            bits = 8 * codecs[name](integers) / integers.size
            print(f"  {name}: {bits:.4f} bits per pixel, {bits - floor:+.4f} over the floor", flush=True)


if __name__ == "__main__":
    main()
