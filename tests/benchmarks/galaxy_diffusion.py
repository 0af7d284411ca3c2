"""The pixel diffusion of galaxies: equivariant beside plain, few steps beside many, conditions as they were asked.

    python tests/benchmarks/galaxy_diffusion.py cut --data data/simulated -o crops.parquet
    sciencegen datasets prepare galaxies crops.parquet -o data/crops
    python tests/benchmarks/galaxy_diffusion.py train --data data/crops --symmetry d4 --minutes 6 -o runs/d4
    python tests/benchmarks/galaxy_diffusion.py train --data data/crops --network uvit --minutes 6 -o runs/uvit
    python tests/benchmarks/galaxy_diffusion.py bits --data data/simulated runs/d4 runs/plain
    python tests/benchmarks/galaxy_diffusion.py steps --data data/simulated runs/d4 -n 128
    python tests/benchmarks/galaxy_diffusion.py asked --data data/simulated runs/d4 -n 500

`data/simulated` is the prepared set of the card `simulated` (`sciencegen datasets prepare galaxies simulated`). `cut`
takes the middle 32 x 32 pixels of training stamps; conditions stay those of the whole galaxy. `train` gives each
network the same CPU time (a step is timed first). By `with_parameters`, the plain network has as many parameters as the
equivariant one; the U-ViT's width is chosen likewise. `bits` are those of quantized pixels of the first test stamps,
without and with their conditions, 8 times of each stamp; `steps` compares samplers (sampler:steps, or
sampler:steps:pure for a first step from pure noise) with test stamps, under the same conditions and PSFs, and further
test stamps with these; `asked` measures draws under the conditions of test stamps as these stamps themselves are
measured, since both are seen through PSF and noise.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import count, product

import numpy as np
import pandas as pd
import torch

from sciencegen.api.models.folder import load_model
from sciencegen.api.train import train
from sciencegen.data.prepared import PreparedDataset
from sciencegen.diffusion.images import ImageDiffusionSettings
from sciencegen.diffusion.schedules import Linear
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import measure
from sciencegen.domains.galaxies.metrics import STATISTICS
from sciencegen.domains.galaxies.models import CONDITIONS, RECIPES
from sciencegen.metrics.images import log_spectra
from sciencegen.metrics.sets import classifier_auc, table_distance, wasserstein_1d
from sciencegen.networks.unet import UNetDenoiser, UNetSettings
from sciencegen.networks.uvit import UViTSettings
from tests.symmetries import equivariance_error

SIDE, BATCH = 32, 64
D4 = UNetSettings("d4", width=16, multipliers=(1, 2, 4), known=64)
UVIT = UViTSettings(patch=4)


def cropped(stamp: Stamp, side: int) -> Stamp:
    edge = (stamp.side - side) // 2
    return replace(stamp, image=np.ascontiguousarray(stamp.image[:, edge : edge + side, edge : edge + side]))


def crops(data: str, split: str, count: int, side: int) -> Iterator[tuple[Stamp, np.ndarray]]:
    """Stamps as seen, and their conditions."""
    prepared = PreparedDataset.load(data)
    texts, values = prepared.items(split)[:count], prepared.values(split, CONDITIONS)
    for text, row in zip(texts, values, strict=False):
        yield cropped(DOMAIN.items.parse(text), side), row


def cut(given: argparse.Namespace) -> None:
    rows = [(DOMAIN.items.text(stamp), *row) for stamp, row in crops(given.data, "train", given.n, given.side)]
    pd.DataFrame(rows, columns=["item", *CONDITIONS]).to_parquet(given.output)


def parameter_count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def with_parameters(settings: UNetSettings, parameters: int, shape, conditions, context) -> UNetSettings:
    """These settings with the width for which a denoiser's number of parameters is nearest to `parameters`."""

    def size(width: int) -> int:
        with torch.device("meta"):
            return parameter_count(UNetDenoiser("image", shape, conditions, context, replace(settings, width=width)))

    above = next(width for width in count(1) if size(width) >= parameters)
    return replace(settings, width=min(range(max(above - 1, 1), above + 1), key=lambda w: abs(size(w) - parameters)))


def network_settings(given: argparse.Namespace, representation) -> ImageDiffusionSettings:
    """The equivariant network, a plain one of as many parameters, or a U-ViT of about as many."""
    if given.network == "uvit":
        return uvit_settings(representation)
    wide = ImageDiffusionSettings(unet=D4)
    if given.symmetry == "d4":
        return wide
    network = RECIPES["stamp-diffusion"].build(representation, wide).diffusion.network
    plain = replace(D4, symmetry="none")
    shape = representation.shape
    unet = with_parameters(plain, parameter_count(network), shape, network.conditions, network.context)
    return ImageDiffusionSettings(unet=unet)


def uvit_settings(representation) -> ImageDiffusionSettings:
    """A U-ViT about as large as the equivariant network: the width whose number of parameters is nearest."""

    def built(settings: ImageDiffusionSettings) -> int:
        return parameter_count(RECIPES["stamp-diffusion"].build(representation, settings).diffusion.network)

    wanted = built(ImageDiffusionSettings(unet=D4))
    widths = range(UVIT.heads, 200, UVIT.heads)
    made = [ImageDiffusionSettings(network="uvit", uvit=replace(UVIT, width=width)) for width in widths]
    return min(made, key=lambda settings: abs(built(settings) - wanted))


def seconds_of_a_step(model, batch) -> float:
    """CPU seconds, of this process."""
    generator, times = torch.Generator().manual_seed(0), []
    for step in range(6):
        start = time.process_time()
        model.loss(batch, step, generator)["loss"].backward()
        times.append(time.process_time() - start)
    return float(np.median(times[1:]))


def train_one(given: argparse.Namespace) -> None:
    recipe, prepared = RECIPES["stamp-diffusion"], PreparedDataset.load(given.data)
    texts, values = prepared.items(prepared.splits[0])[:BATCH], prepared.values(prepared.splits[0], CONDITIONS)[:BATCH]
    representation = recipe.fit(texts, values, CONDITIONS)
    settings = network_settings(given, representation)
    stamps = representation.encode([DOMAIN.items.parse(text) for text in texts])
    model = recipe.build(representation, settings)
    one = seconds_of_a_step(model, representation.batch(stamps, values))
    steps = round(given.minutes * 60 / one)
    print(parameter_count(model.diffusion.network), "parameters", one, "s a step", steps, "steps", flush=True)
    chosen = {"network": given.network, given.network: asdict(settings)[given.network]}
    start = time.process_time()
    done = train(
        "galaxies", given.data, folder=given.output, log=lambda text: print(text, flush=True),
        recipe="stamp-diffusion", settings=chosen, seed=given.seed, threads=1, device="cpu", conditions=CONDITIONS,
        training={"steps": steps, "batch_size": BATCH, "learning_rate": given.rate, "log_every": 25, "seed": given.seed,
                  "checkpoint_every": 100, "ema_decay": 0.998},
    )  # fmt: skip
    print("CPU seconds", time.process_time() - start, json.dumps(done.metrics))


def held_out(given: argparse.Namespace, count: int, skipped: int = 0):
    rows = list(crops(given.data, given.split, skipped + count, given.side))[skipped:]
    return [stamp for stamp, _ in rows], np.stack([row for _, row in rows])


def bits(given: argparse.Namespace) -> None:
    """Of one density for both: the bound depends on the ends of a schedule alone, here a linear one for all. Errors are
    standard errors over stamps, each at few levels; those of differences are of the same stamps, levels and noise."""
    stamps, values = held_out(given, given.n)
    first: dict[str, np.ndarray] = {}
    for folder in given.models:
        loaded = load_model("galaxies", folder, "cpu", 1)
        model, representation = loaded.model, loaded.representation
        learned = model.diffusion.schedule
        del model.diffusion.schedule  # a module, in whose place torch takes nothing else
        model.diffusion.schedule = Linear(learned.log_snr_max, learned.log_snr_min)
        arrays = representation.encode(stamps)
        size = parameter_count(model.diffusion.network)
        print(folder, size, "parameters; of noise alone", round(model.noise_bits, 4), "bits a pixel", flush=True)
        for name, told in (("free", None), ("told", values)):
            batch = representation.batch(arrays, told)
            found = np.mean([_bits_of(model, batch, seed) for seed in range(given.times)], 0)
            beside = found - first.setdefault(name, found)
            told_apart = [f"{one.mean():.5f} +- {one.std() / len(one) ** 0.5:.5f}" for one in (found, beside)]
            print(" ", name, told_apart[0], "less the first model's", told_apart[1], flush=True)
        x = model.embed(representation.batch(arrays[:64], values[:64]))
        level = torch.linspace(-8, 9, len(x))
        z = {**x.fields, "image": torch.sigmoid(level).sqrt()[:, None, None, None] * x["image"]}
        print("  equivariance error", equivariance_error(model.diffusion.network, z, level, x.condition), flush=True)


def _bits_of(model, batch, seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(1000 + seed)
    parts = range(0, len(batch), 250)
    return np.concatenate([model.bits_per_pixel(batch.select(slice(i, i + 250)), generator).numpy() for i in parts])


def drawn(loaded, stamps: list, values: np.ndarray, sampler: str, steps: int, guidance: float, seed: int):
    """Draws under the conditions and through the PSFs and noise of these stamps, and CPU seconds of it."""
    model, representation = loaded.model, loaded.representation
    model.diffusion.settings = replace(model.diffusion.settings, sampler=sampler, steps=steps, guidance=guidance)
    made, start = [], time.process_time()
    for number in range(0, len(stamps), 64):
        rows = slice(number, number + 64)
        like = representation.batch(representation.encode(stamps[rows]), values[rows])
        generator = torch.Generator().manual_seed(seed + number)
        noise = torch.randn(len(like), model.latent_size, generator=generator)
        made += representation.decode(model.generate(noise, like.condition, like=like))
    return made, time.process_time() - start


def distances(made: list, stamps: list) -> dict[str, float]:
    """Of statistics and radial spectra in standard deviations of the stamps', beside two halves of these; of pixels in
    units of the noise, asinh-stretched; the area under the curve of a classifier by the statistics."""
    good = [one for one in made if isinstance(one, Stamp)]
    generator, floor = np.random.default_rng(0), float(stamps[0].variance.mean())
    tables = [measure(side, STATISTICS) for side in (good, stamps)]
    spectra = [log_spectra(np.stack([one.image[0] for one in side]), floor) for side in (good, stamps)]
    pixels = [np.arcsinh(np.stack([one.image[0] for one in side]).ravel() / floor**0.5) for side in (good, stamps)]
    of_statistics, of_spectra = (table_distance(*pair, generator) for pair in (tables, spectra))
    return {
        "stamps": len(good),
        "statistics": round(of_statistics.mean, 4),
        "of_two_halves": round(of_statistics.halves, 4),
        "spectra": round(of_spectra.mean, 4),
        "spectra_of_two_halves": round(of_spectra.halves, 4),
        "pixels": round(wasserstein_1d(*pixels), 5),
        "auc": round(classifier_auc(*tables, 0), 3),
        **dict(zip(STATISTICS, of_statistics.each.round(3).tolist(), strict=True)),
    }


def steps(given: argparse.Namespace) -> None:
    """The first lines are the distances of up to three further sets of real stamps."""
    stamps, values = held_out(given, given.n)
    for number in range(1, 4):
        others, _ = held_out(given, given.n, number * given.n)
        if len(others) == given.n:
            print("other stamps", distances(others, stamps), flush=True)
    for folder in given.models:
        loaded = load_model("galaxies", folder, "cpu", 1)
        diffusion = loaded.model.diffusion
        diffusion.settings = replace(diffusion.settings, last_time=given.last_time, crowding=given.crowding)
        for name, seed in product(given.samplers, given.seeds):
            sampler, count, *start = name.split(":")
            diffusion.settings = replace(diffusion.settings, pure_noise=start == ["pure"])
            made, seconds = drawn(loaded, stamps, values, sampler, int(count), 0.0, seed)
            cost = f"{seconds / len(stamps):.4f} CPU s a stamp"
            print(folder, name, "seed", seed, cost, distances(made, stamps), flush=True)


def asked(given: argparse.Namespace) -> None:
    """Medians of |got - asked|, and of |got - what the test stamp of these conditions measures|; the middle of the
    latter's sign is the bias. Flux and radius relative."""
    stamps, values = held_out(given, given.n)
    names = ("flux", "half_light_radius", "e1", "e2", "ellipticity")
    real, wanted = measure(stamps, names), values[:, [CONDITIONS.index(name) for name in names]]
    for folder in given.models:
        loaded = load_model("galaxies", folder, "cpu", 1)
        told = values.copy()
        told[:, [CONDITIONS.index(name) for name in CONDITIONS if name not in given.conditions]] = np.nan
        for guidance in given.guidance:
            made, _ = drawn(loaded, stamps, told, "dpm-solver", given.steps, guidance, given.seed)
            got = np.full_like(real, np.nan)
            good = [row for row, one in enumerate(made) if isinstance(one, Stamp)]
            got[good] = measure([made[row] for row in good], names)
            found = {}
            for column, name in enumerate(names):
                scale = wanted[:, column] if name in ("flux", "half_light_radius") else 1.0
                off, own = ((side[:, column] - wanted[:, column]) / scale for side in (got, real))
                found[name] = {
                    "missed": float(np.nanmedian(abs(off))),
                    "estimator": float(np.nanmedian(abs(own))),
                    "bias": float(np.nanmedian(off)),
                    "estimator_bias": float(np.nanmedian(own)),
                }
            rounded = {name: {key: round(v, 4) for key, v in row.items()} for name, row in found.items()}
            print(folder, "guidance", guidance, json.dumps(rounded), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name in ("cut", "train", "bits", "steps", "asked"):
        verb = verbs.add_parser(name)
        verb.add_argument("--data", required=True)
        verb.add_argument("--seed", type=int, default=0)
        verb.add_argument("--seeds", type=int, nargs="+", default=[0], help="of draws by `steps`")
        if name in ("cut", "train"):
            verb.add_argument("-o", "--output", required=True)
        else:
            verb.add_argument("models", nargs="+")
        verb.add_argument("-n", type=int, default=20_000 if name == "cut" else 1000)
        verb.add_argument("--side", type=int, default=SIDE, help="of the stamps' middles that are used")
        verb.add_argument("--symmetry", choices=("none", "d4"), default="d4")
        verb.add_argument("--network", choices=("unet", "uvit"), default="unet")
        verb.add_argument("--minutes", type=float, default=15.0)
        verb.add_argument("--rate", type=float, default=1e-3)
        verb.add_argument("--times", type=int, default=8)
        verb.add_argument("--steps", type=int, default=32)
        verb.add_argument("--last-time", type=float, default=0.0)
        verb.add_argument("--crowding", type=float, default=1.0)
        verb.add_argument("--split", default="test")
        verb.add_argument("--guidance", type=float, nargs="+", default=[0.0, 1.0])
        verb.add_argument("--conditions", nargs="+", default=list(CONDITIONS))
        samplers = ["ancestral:1000", "dpm-solver:30:pure", "dpm-solver:48", "ddim:32", "heun:16"]
        verb.add_argument("--samplers", nargs="+", default=samplers)
    given = parser.parse_args()
    torch.set_num_threads(1)
    {"cut": cut, "train": train_one, "bits": bits, "steps": steps, "asked": asked}[given.verb](given)


if __name__ == "__main__":
    main()
