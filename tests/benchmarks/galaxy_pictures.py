"""Pictures like those of Galaxy Zoo: simulated galaxies of three classes in three bands, and draws asked for a class.

    python -m tests.benchmarks.galaxy_pictures make -n 3000 -o zoo
    sciencegen datasets prepare galaxies zoo/labels.csv --settings '{fractions: {train: 0.7, test: 0.3}}' -o data/zoo
    sciencegen train galaxies --data data/zoo --conditions label --minutes 30 -o runs/zoo
    python -m tests.benchmarks.galaxy_pictures judge --data data/zoo --model runs/zoo -n 300

`make` writes PNG files (128 x 128 pixels, Lupton's arcsinh) and a table of labels: spirals (GalSim's images of a
disc with logarithmic arms and knots, and a bulge), ellipticals (Sérsic indices of 3 to 5) and discs seen edge-on.

`judge` draws as many of each class, and says which share a classifier takes for the class that was asked: a random
forest of the ten statistics, two colours and the scattering coefficients of training pictures; its own accuracy on test
pictures stands beside. The distances of draws to test pictures are over those of two halves of these.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import galsim
import numpy as np
from astropy.visualization import make_lupton_rgb
from PIL import Image
from sklearn.ensemble import RandomForestClassifier

from sciencegen.api.generate import generate
from sciencegen.data.prepared import PreparedDataset
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import measure
from sciencegen.domains.galaxies.metrics import STATISTICS, morphology
from sciencegen.metrics.sets import table_distance

CLASSES = ("spiral", "elliptical", "edge-on")
SIDE, SCALE = 128, 0.4
COLOURS = {"spiral": (0.45, 0.25), "elliptical": (0.8, 0.4), "edge-on": (0.6, 0.35)}
"""Median g - r and r - i of a class."""
NOISE = (0.9, 1.0, 1.4)
"""Standard deviation of a pixel in g, r and i."""


def spiral_disc(radius: float, rng: np.random.Generator) -> galsim.GSObject:
    """An exponential disc with arms at the angle ln(r) / tan(pitch), and knots along them, seen face-on."""
    y, x = (np.mgrid[:193, :193] - 96.0) * SCALE
    r, angle = np.hypot(x, y) + 0.1, np.arctan2(y, x)
    arms, pitch = int(rng.choice([2, 2, 2, 3])), np.deg2rad(rng.uniform(12, 26))
    phase = arms * (angle - rng.choice([-1, 1]) * np.log(r) / np.tan(pitch)) + rng.uniform(0, 2 * np.pi)
    strength = rng.uniform(0.6, 0.95) * np.clip(r / (0.7 * radius), 0, 1)
    light = np.exp(-r / radius) * (1 + strength * np.cos(phase))
    for _ in range(int(rng.integers(8, 25))):
        at = rng.choice(r.size, p=(weight := light.ravel() * r.ravel()) / weight.sum())
        spot = (x - x.ravel()[at]) ** 2 + (y - y.ravel()[at]) ** 2
        light += rng.uniform(0.3, 1.0) * light.ravel()[at] * np.exp(-spot / (2 * 0.6**2))
    return galsim.InterpolatedImage(galsim.Image(light, scale=SCALE), normalization="flux").withFlux(1.0)


def galaxy(label: str, rng: np.random.Generator) -> tuple[galsim.GSObject, galsim.GSObject, float]:
    """Bulge and disc of unit flux, and the bulge's share."""
    turn, radius = rng.uniform(0, 180) * galsim.degrees, np.exp(rng.normal(np.log(3.2), 0.25))
    bulge = galsim.Sersic(float(rng.integers(6, 11)) / 2, half_light_radius=0.9 * radius)
    bulge = bulge.shear(q=rng.uniform(0.6, 1.0), beta=turn)
    if label == "elliptical":
        return bulge, bulge, 1.0
    small = galsim.Sersic(2.0, half_light_radius=0.25 * radius)
    if label == "spiral":
        return small, spiral_disc(1.3 * radius, rng).shear(q=rng.uniform(0.55, 1.0), beta=turn), rng.uniform(0.05, 0.3)
    disc = galsim.Exponential(scale_radius=0.7 * radius).shear(q=rng.uniform(0.12, 0.25), beta=turn)
    return small.shear(q=0.7, beta=turn), disc, rng.uniform(0.02, 0.25)


def picture(label: str, rng: np.random.Generator) -> np.ndarray:
    """[y x 3] bytes."""
    bulge, disc, share = galaxy(label, rng)
    psf, flux = galsim.Moffat(beta=3.5, fwhm=rng.uniform(1.0, 1.4)), np.exp(rng.normal(np.log(9000), 0.5))
    (blue, red), spread = COLOURS[label], rng.normal(0, 0.07, 2)
    bands = []
    for colour, noise in zip((-(blue + spread[0]), 0.0, red + spread[1]), NOISE, strict=True):
        tilt = 10 ** (0.4 * 0.25 * colour)  # the bulge is redder
        whole = share * tilt * bulge + (1 - share) / tilt * disc
        image = galsim.Convolve(whole.withFlux(flux * 10 ** (0.4 * colour)), psf).drawImage(
            nx=SIDE, ny=SIDE, scale=SCALE
        )
        bands.append(image.array + rng.normal(0, noise, (SIDE, SIDE)))
    return make_lupton_rgb(*reversed(bands), minimum=-3.0, stretch=12, Q=8)


def make(given: argparse.Namespace) -> None:
    rng = np.random.default_rng(given.seed)
    given.output.mkdir(parents=True, exist_ok=True)
    lines = ["image,label"]
    for number in range(given.n):
        label = CLASSES[number % len(CLASSES)]
        Image.fromarray(picture(label, rng)).save(given.output / f"{number:05d}.png")
        lines.append(f"{number:05d}.png,{label}")
    (given.output / "labels.csv").write_text("\n".join(lines) + "\n")


def table(stamps: list[Stamp]) -> np.ndarray:
    """[stamp number] the statistics, colours and scattering coefficients."""
    sums = np.array([one.image.sum((1, 2)) for one in stamps]).clip(1e-3)
    colours = np.log(sums[:, :2] / sums[:, 1:])
    return np.nan_to_num(np.column_stack([measure(stamps, STATISTICS), colours, morphology(stamps)[:, 1:]]))


def labelled(data: PreparedDataset, split: str) -> tuple[list[Stamp], np.ndarray]:
    stamps = [DOMAIN.items.parse(text) for text in data.items(split)]
    codes = data.values(split, [f"label:{one}" for one in CLASSES])
    return stamps, codes.argmax(1)


def judge(given: argparse.Namespace) -> None:
    data = PreparedDataset.load(given.data)
    learned, test = (labelled(data, split) for split in ("train", "test"))
    forest = RandomForestClassifier(300, random_state=0).fit(table(learned[0]), learned[1])
    real = table(test[0])
    found: dict[str, object] = {"test pictures": float(np.mean(forest.predict(real) == test[1]))}
    every = []
    for number, label in enumerate(CLASSES):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "drawn.fits"
            generate("galaxies", model=given.model, n=given.n, where=[f"label={label}"], seed=number).write(path)
            made = table([DOMAIN.items.parse(f"{path}[{place}]") for place in range(given.n)])
        every.append(made)
        took = forest.predict(made)
        found[label] = {one: float(np.mean(took == at)) for at, one in enumerate(CLASSES)}
    numbers = len(STATISTICS) + 2
    halves = table_distance(real[::2, :numbers], real[1::2, :numbers], np.random.default_rng(0))
    found["distance of statistics and colours over halves"] = (
        table_distance(np.concatenate(every)[:, :numbers], real[:, :numbers], np.random.default_rng(0)) / halves
    )
    print(json.dumps(found, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "judge"))
    parser.add_argument("-n", type=int, default=3000, help="pictures to make, or draws of each class")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default="data/zoo")
    parser.add_argument("--model", default="runs/zoo")
    parser.add_argument("-o", "--output", type=Path, default=Path("zoo"))
    given = parser.parse_args()
    {"make": make, "judge": judge}[given.what](given)


if __name__ == "__main__":
    main()
