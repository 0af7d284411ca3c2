"""Stamps that the shipped model of galaxies hasn't learned from, restored by the command line from FITS files.

    python -m tests.benchmarks.foreign_stamps hst -n 40           # F814W, drizzled, 0.03 and 0.05", PSF of 65 x 51
    python -m tests.benchmarks.foreign_stamps euclid -n 60        # the model's pixels, other PSFs and galaxies
    python -m tests.benchmarks.foreign_stamps damaged -n 300      # faint, constant, saturated, empty, one bright pixel
    python -m tests.benchmarks.foreign_stamps hsc --stamps hsc_cosmos_147_blends.tar.gz -n 60

Galaxies are a bulge, a disc and knots by GalSim's own profiles, PSFs of Moffat and Airy; nothing of sciencegen's
simulation is used. `euclid` compares 90% intervals and the image's error with a Wiener filter and Richardson-Lucy,
each with the setting that suits the truth best on average.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import galsim
import numpy as np
import pandas as pd
from astropy.io import fits
from scipy import ndimage

from sciencegen.domains.galaxies import DOMAIN, Stamp
from sciencegen.domains.galaxies.measurements import measure, sky_scatter

NJY = 3631e9
LIMIT = 23.5
"""The faintest AB magnitude of the shipped model's training."""
NAMES = ("flux", "half_light_radius", "e1", "e2")


def galaxy(rng: np.random.Generator, magnitude: float) -> galsim.GSObject:
    """A bulge, a disc and, of half of them, 3 to 12 knots in the disc; flux in nJy."""
    radius = float(np.exp(rng.normal(np.log(0.45) - 0.12 * (magnitude - 22), 0.3)))
    share, q = float(rng.beta(1, 3)), float(rng.uniform(0.25, 1.0))
    angle = galsim.Angle(rng.uniform(0, 180), galsim.degrees)
    shape = galsim.Shear(q=q, beta=angle)
    parts = (1 - share) * galsim.Exponential(half_light_radius=radius).shear(shape)
    round_ = galsim.Shear(q=min(1.0, q + 0.3), beta=angle)
    parts = parts + share * galsim.DeVaucouleurs(half_light_radius=0.5 * radius).shear(round_)
    if rng.random() < 0.5:
        knots = galsim.RandomKnots(
            int(rng.integers(3, 13)), profile=galsim.Exponential(half_light_radius=radius),
            rng=galsim.BaseDeviate(int(rng.integers(1, 2**31))),
        )  # fmt: skip
        clump = galsim.Convolve(knots, galsim.Gaussian(sigma=rng.uniform(0.03, 0.1)))
        light = float(rng.uniform(0.03, 0.2))
        parts = (1 - light) * parts + light * clump.shear(shape)
    return parts.withFlux(NJY * 10 ** (-0.4 * magnitude))


def image_of(profile: galsim.GSObject, scale: float, side: int) -> np.ndarray:
    return profile.drawImage(nx=side, ny=side, scale=scale, dtype=float).array


def psf_image(psf: galsim.GSObject, scale: float, height: int, width: int) -> np.ndarray:
    """Without the pixel response."""
    image = psf.drawImage(nx=width, ny=height, scale=scale, method="no_pixel", dtype=float).array
    return image / image.sum()


def magnitudes(rng: np.random.Generator, count: int, faintest: float) -> np.ndarray:
    return np.linspace(20.0, faintest, count) + rng.uniform(-0.2, 0.2, count)


def hst(folder: Path, count: int) -> tuple[list[str], np.ndarray]:
    """A file for each stamp, as an archive's cutouts: electrons/s with PHOTFLAM and PHOTPLAM, WCS, extensions SCI, WHT
    and PSF. Noise is drawn on pixels of 0.05" and resampled, which correlates it; WHT states its uncorrelated part."""
    paths, truth = list[str](), list[float]()
    rng = np.random.default_rng(814)
    for number, magnitude in enumerate(magnitudes(rng, count, 25.5)):
        scale, side = (0.03, 211) if number % 2 else (0.05, 128 + number % 7)
        psf = galsim.Airy(lam=814, diam=2.4, obscuration=0.33)
        psf = galsim.Convolve(psf, galsim.Gaussian(sigma=rng.uniform(0.015, 0.025)))
        seen = image_of(galsim.Convolve(galaxy(rng, magnitude), psf), scale, side)
        sigma = 3.0 * (scale / 0.05) ** 2
        fine = rng.normal(0, 1, (side + 8, side + 8))
        box = ndimage.gaussian_filter(fine, 0.45 if scale == 0.05 else 0.75)[4:-4, 4:-4]
        noise = sigma * box / np.sqrt(np.square(box).mean())
        flam, pivot = 7.04e-20, 8045.0
        per_count = flam * pivot**2 / 2.99792458e18 * 1e23 * 1e9  # nJy of an electron/s
        about = fits.Header({
            "TELESCOP": "HST", "INSTRUME": "ACS", "DETECTOR": "WFC", "FILTER1": "CLEAR1L", "FILTER2": "F814W",
            "BUNIT": "ELECTRONS/S", "PHOTFLAM": flam, "PHOTPLAM": pivot, "PHOTZPT": -21.1, "EXPTIME": 2028.0,
            "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.1, "CRVAL2": 2.2, "CRPIX1": side / 2,
            "CRPIX2": side / 2, "CD1_1": -scale / 3600, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": scale / 3600,
        })  # fmt: skip
        truth.append(float(magnitude))
        weight = np.full(seen.shape, (per_count / sigma) ** 2)
        path = folder / f"hst{number:03}.fits"
        fits.HDUList([
            fits.PrimaryHDU(header=about),
            fits.ImageHDU(((seen + noise) / per_count).astype(np.float32), about, name="SCI"),
            fits.ImageHDU(weight.astype(np.float32), name="WHT"),
            fits.ImageHDU(psf_image(psf, scale, 65, 51).astype(np.float32), name="PSF"),
        ]).writeto(path)  # fmt: skip
        paths.append(str(path))
    return paths, np.array(truth)


def euclid(folder: Path, count: int) -> tuple[str, list[np.ndarray], list[np.ndarray]]:
    """One file of stamps of 64 x 64 pixels of 0.1"; the images without PSF and noise, and the PSFs."""
    rng = np.random.default_rng(2031)
    truths, psfs = list[np.ndarray](), list[np.ndarray]()
    for number, magnitude in enumerate(magnitudes(rng, count, LIMIT - 0.2)):
        size = float(rng.uniform(0.11, 0.15))
        psf = galsim.Moffat(beta=rng.choice([2.5, 3.5, 4.0]), fwhm=size).shear(
            g1=rng.normal(0, 0.02), g2=rng.normal(0, 0.02)
        )
        psf = galsim.Convolve(psf, galsim.Airy(lam=700, diam=1.2, obscuration=0.3))
        one = galaxy(rng, magnitude).shift(*rng.uniform(-0.05, 0.05, 2))
        sigma = 2.12
        seen = image_of(galsim.Convolve(one, psf), 0.1, 64) + rng.normal(0, sigma, (64, 64))
        header = fits.Header({"BUNIT": "nJy", "PIXSCALE": 0.1, "FILTER": "VIS"})
        psfs.append(psf_image(psf, 0.1, 33, 33))
        truths.append(image_of(galsim.Convolve(one, galsim.Gaussian(fwhm=0.03)), 0.1, 64))
        fits.HDUList([
            fits.PrimaryHDU(seen.astype(np.float32), header),
            fits.ImageHDU(np.full((64, 64), sigma**2, np.float32), name="VARIANCE"),
            fits.ImageHDU(psfs[-1].astype(np.float32), name="PSF"),
        ]).writeto(folder / f"seen{number:03}.fits")  # fmt: skip
    return str(folder), truths, psfs


def damaged(folder: Path, count: int) -> dict[str, str]:
    """A file for each kind."""
    rng, sigma = np.random.default_rng(5), 2.12
    psf = galsim.Moffat(beta=3, fwhm=0.18)
    files = {}
    for kind in ("too faint", "constant", "saturated", "pure noise", "one bright pixel"):
        images = np.zeros((count, 64, 64))
        for row in range(count):
            noise = rng.normal(0, sigma, (64, 64))
            one = image_of(galsim.Convolve(galaxy(rng, rng.uniform(19.5, 22)), psf), 0.1, 64)
            if kind == "too faint":
                images[row] = one / one.sum() * NJY * 10 ** (-0.4 * rng.uniform(25.5, 28)) + noise
            elif kind == "constant":
                images[row] = rng.uniform(-50, 50)
            elif kind == "saturated":
                images[row] = np.minimum(one + noise, rng.uniform(0.1, 0.4) * one.max())
            elif kind == "pure noise":
                images[row] = noise
            else:
                images[row] = noise
                images[row, rng.integers(64), rng.integers(64)] += rng.uniform(50, 1e5) * sigma
        path = folder / f"{kind.replace(' ', '-')}.fits"
        header = fits.Header({"BUNIT": "nJy", "PIXSCALE": 0.1, "FILTER": "VIS"})
        fits.HDUList([
            fits.PrimaryHDU(images.astype(np.float32), header),
            fits.ImageHDU(np.full((64, 64), sigma**2, np.float32), name="VARIANCE"),
            fits.ImageHDU(psf_image(psf, 0.1, 33, 33).astype(np.float32), name="PSF"),
        ]).writeto(path)  # fmt: skip
        files[kind] = str(path)
    return files


def hsc(folder: Path, archive: str, count: int, side: int = 48) -> list[str]:
    """Stamps of the i band around peaks with room, from blends of HSC, in nJy of a zero point of 27; the variance is
    1 / weight."""
    paths = list[str]()
    with tarfile.open(archive) as packed:
        for member in sorted(one.name for one in packed if one.name.endswith(".npz")):
            opened = packed.extractfile(member)
            assert opened is not None
            with np.load(opened, allow_pickle=False) as blend:
                image, weight, psf, peaks = (blend[name] for name in ("images", "weights", "psfs", "peaks"))
                band = list("grizy").index("i")
                for y, x in np.rint(peaks).astype(int).tolist():
                    box = (slice(y - side // 2, y + side // 2), slice(x - side // 2, x + side // 2))
                    if min(x, y) < side // 2 or image[band][box].shape != (side, side):
                        continue
                    held = weight[band][box]
                    if (held > 0).mean() < 0.9:
                        continue
                    path = folder / f"hsc{len(paths):03}.fits"
                    header = fits.Header({"BUNIT": "count", "MAGZERO": 27.0, "PIXSCALE": 0.168, "FILTER": "HSC-I"})
                    fits.HDUList([
                        fits.PrimaryHDU(image[band][box].astype(np.float32), header),
                        fits.ImageHDU(held.astype(np.float32), name="WHT"),
                        fits.ImageHDU(psf[band].astype(np.float32), name="PSF"),
                    ]).writeto(path)  # fmt: skip
                    paths.append(str(path))
                    if len(paths) == count:
                        return paths
                    break
    return paths


def restored(source: str, output: Path) -> tuple[pd.DataFrame, str]:
    """The table and what the command says; a traceback is an error of the benchmark."""
    command = [sys.executable, "-m", "sciencegen", "restore", "galaxies", source, "-o", str(output), "--allow-outside",
               "--threads", "1", "--device", "cpu"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    table = pd.read_csv(output) if output.exists() else pd.DataFrame({"in_domain": []})
    return table, done.stderr


def wiener(image: np.ndarray, psf: np.ndarray, power: float) -> np.ndarray:
    """With a constant ratio of noise to signal."""
    transfer = np.fft.fft2(centred(psf, image.shape))
    return np.fft.ifft2(np.fft.fft2(image) * transfer.conj() / (np.abs(transfer) ** 2 + power)).real


def richardson_lucy(image: np.ndarray, psf: np.ndarray, steps: int) -> np.ndarray:
    transfer = np.fft.fft2(centred(psf, image.shape))
    lift = 10.0  # of the sky, since the method takes positive images
    seen, made = np.clip(image + lift, 1e-3, None), np.full(image.shape, image.mean() + lift)
    for _ in range(steps):
        blurred = np.fft.ifft2(np.fft.fft2(made) * transfer).real.clip(1e-6)
        made = made * np.fft.ifft2(np.fft.fft2(seen / blurred) * transfer.conj()).real
    return made - lift


def centred(psf: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    full = np.zeros(shape)
    full[: psf.shape[0], : psf.shape[1]] = psf
    return np.roll(full, (-(psf.shape[0] // 2), -(psf.shape[1] // 2)), (0, 1))


def error(made: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(made - truth) / np.linalg.norm(truth))


def report_hst(folder: Path, count: int) -> dict[str, object]:
    _, magnitude = hst(folder, count)
    table, told = restored(str(folder), folder.parent / "hst.csv")
    faint = magnitude > LIMIT
    rows = table["line"].to_numpy(int) - 1
    sky = [float(np.nanmean(sky_scatter(one))) for one in native_stamps(folder)]
    flagged = ~table["in_domain"].to_numpy(bool)
    bright = magnitude[rows] < 22
    print(told)
    return {
        "files": count, "usable": len(table), "fainter than the training": int(faint.sum()),
        "of these flagged": float(flagged[faint[rows]].mean()), "others flagged": float(flagged[~faint[rows]].mean()),
        "sky of the native stamps over the stated variance": np.percentile(sky, [5, 50, 95]).round(3).tolist(),
        "chi_squared of those brighter than 22 mag": np.percentile(table["chi_squared"][bright], [5, 50, 95]).tolist(),
        "chi_squared of all": np.percentile(table["chi_squared"], [5, 50, 95]).tolist(),
        "why": table["outside"].dropna().str.replace(r"[\d.]+", "N", regex=True).value_counts().head(6).to_dict(),
    }  # fmt: skip


def native_stamps(folder: Path) -> list[Stamp]:
    from sciencegen.api.sources.tables import rows_with_cells

    read = [DOMAIN.items.parse(row.text) for row in rows_with_cells(DOMAIN, folder, None)]
    return [one for one in read if isinstance(one, Stamp)]


def report_euclid(folder: Path, count: int) -> dict[str, object]:
    source, truths, psfs = euclid(folder, count)
    table, told = restored(source, folder.parent / "euclid.csv")
    print(told)
    rows = table["line"].to_numpy(int) - 1
    truth = measure([Stamp.of(one, 0.1, 0.0) for one in truths], NAMES)[rows]
    held, bias, width = {}, {}, {}
    inside = table["in_domain"].to_numpy(bool)
    for place, name in enumerate(NAMES):
        low, high, middle = (table[name + end].to_numpy() for end in ("_lower", "_upper", ""))
        unit = truth[:, place] if name in NAMES[:2] else 1.0
        within = (low <= truth[:, place]) & (truth[:, place] <= high)
        held[name] = {"all": round(float(within.mean()), 3), "in domain": round(float(within[inside].mean()), 3)}
        bias[name] = round(float(np.median(((middle - truth[:, place]) / unit)[inside])), 4)
        width[name] = round(float(np.nanmedian(((high - low) / unit)[inside])), 4)
    seen = [fits.getdata(folder / f"seen{row:03}.fits", 0).astype(float) for row in rows]
    made = [DOMAIN.items.parse(str(Path(folder.parent) / one)) for one in table["item"]]
    errors = {"restored": [error(one.image[0], truths[row]) for one, row in zip(made, rows, strict=True)]}
    errors["observed"] = [error(one, truths[row]) for one, row in zip(seen, rows, strict=True)]
    choices = {f"wiener {p:g}": lambda i, k, p=p: wiener(i, k, p) for p in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)}
    choices |= {f"richardson-lucy {s}": lambda i, k, s=s: richardson_lucy(i, k, s) for s in (2, 4, 8, 16, 32)}
    for label, method in choices.items():
        errors[label] = [error(method(one, psfs[row]), truths[row]) for one, row in zip(seen, rows, strict=True)]
    medians = {label: round(float(np.median(np.array(values)[inside])), 3) for label, values in errors.items()}
    return {
        "stamps": len(table), "in domain": int(inside.sum()), "held": held, "bias": bias, "width": width,
        "image error": medians, "chi_squared": np.percentile(table["chi_squared"], [5, 50, 95]).round(3).tolist(),
    }  # fmt: skip


def report_damaged(folder: Path, count: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for kind, path in damaged(folder, count).items():
        table, told = restored(path, Path(path).with_suffix(".csv"))
        flagged = int((~table["in_domain"].to_numpy(bool)).sum()) if len(table) else 0
        found[kind] = {"rows": len(table), "flagged": flagged, "refused": count - len(table), "told": told[-400:]}
        print(kind, found[kind], flush=True)
    return found


def report_hsc(folder: Path, archive: str, count: int) -> dict[str, object]:
    paths = hsc(folder, archive, count)
    table, told = restored(str(folder), folder.parent / "hsc.csv")
    print(told)
    sky = [float(np.nanmean(sky_scatter(one))) for one in native_stamps(folder)]
    return {
        "files": len(paths), "usable": len(table), "flagged": float((~table["in_domain"].to_numpy(bool)).mean()),
        "sky over the stated variance": np.percentile(sky, [5, 50, 95]).round(3).tolist(),
        "chi_squared": np.percentile(table["chi_squared"], [5, 50, 95]).round(3).tolist(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("hst", "euclid", "damaged", "hsc"))
    parser.add_argument("-n", type=int, default=60)
    parser.add_argument("--stamps", help="hsc_cosmos_147_blends.tar.gz")
    parser.add_argument("--folder", default="foreign", help="a new folder for the files")
    given = parser.parse_args()
    folder = Path(given.folder).absolute() / given.kind
    folder.mkdir(parents=True)
    reports = {"hst": report_hst, "euclid": report_euclid, "damaged": report_damaged}
    found = report_hsc(folder, given.stamps, given.n) if given.kind == "hsc" else reports[given.kind](folder, given.n)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
