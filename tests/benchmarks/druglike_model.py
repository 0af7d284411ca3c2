"""The shipped model of drug-size molecules: its data, its training with pairs of analogues, its prior, its folder.

    python tests/benchmarks/druglike_model.py rows druglike.tsv.gz moses.csv zinc.csv --without ligands.csv -o work
    python tests/benchmarks/druglike_model.py train work                # goes on where it was stopped
    python tests/benchmarks/druglike_model.py train work --decay 3000   # its end: the rate falls to zero
    python tests/benchmarks/druglike_model.py train work --start molecules --rate 3e-4 --long 3   # from a shipped model
    python tests/benchmarks/druglike_model.py finish work

`rows` takes tables or lists of SMILES; molecules of --without stay out, also with other stereochemistry, and of the
first table 3,000 are held out for tests and 3,000 for validation. `finish` fits the prior to codes of ordinary
molecules (`is_ordinary`) and a few of any, so that draws are what a chemist would order, and writes the folder
work/model. With --start, `rows` needs the same option, for the vocabulary.

The loss is that of `LatentPriorVAE`, its estimates of properties learned from the 500,000 molecules whose properties
`rows` measures, and two terms with an analogue x' of each molecule x at a Tanimoto similarity s:

    -log p(x | z, 1) - log p(x' | z', 1) - 1/2 log p(x' | u, s)     u = sqrt(1 - r^2) z + r (a d + sqrt(1 - a^2) noise)
    + 64 (cos(mu, mu') - sqrt(1 - r^2))^2                           r = RADII(s), d = direction z to z', a ~ U(0, 1)

so that codes of analogues are near and a code's neighbourhood decodes to analogues. The decoder reads the similarity
beside the code, or zeros for half of the rows: the shipped one that of a known similarity, `DRAWN` for draws.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from multiprocessing.pool import Pool
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rdkit import Chem, RDLogger
from rdkit.Chem import rdFingerprintGenerator
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.api.models.folder import load_model, save_model
from sciencegen.batch import Batch
from sciencegen.domains import standardization
from sciencegen.domains.molecules.alerts import (
    alert_catalog,
    is_plausible,
    large_rings,
    ring_frequency,
    unknown_environments,
)
from sciencegen.domains.molecules.items import parse, text
from sciencegen.domains.molecules.models import CONDITIONS
from sciencegen.domains.molecules.properties import measure
from sciencegen.domains.molecules.representations import FIRST_TOKEN, Vocabulary, learn_groups
from sciencegen.domains.molecules.smiles_representation import CHARACTERS, SmilesRepresentation, characters
from sciencegen.items import Refusal
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.mlp import MLP
from sciencegen.networks.sequence import AttentiveDecoder, BottleneckEncoder, SequenceSizes
from sciencegen.runs import RunFolder
from sciencegen.vae.autoregressive import END, START
from sciencegen.vae.flows import PriorFitSettings, fit_prior
from sciencegen.vae.latent_prior_vae import LatentPriorVAE, LatentPriorVAESettings
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior, standard_normal_kl

CODE, LENGTH, LARGEST = 64, 100, 60
SIZES = SequenceSizes(token=128, encoder=256, decoder=448, slots=8, slot=128, heads=4, dense=512)
HELD_OUT = 3000
MERGES, LEARNED_FROM = 640, 60_000
BANDS, ROWS, ANALOGUES = 20, 3, 12
LEAST = 0.3
"""Of the similarity of analogues."""
RADII = ((0.12, 0.35, 0.5, 0.7, 1.0), (1.0, 0.7, 0.5, 0.3, 0.0))
"""Similarity -> radius of the step between codes."""
WEIGHTS = (1.0, 0.45, 0.7)
"""Of the tables' molecules in training: drug-like, MOSES, ZINC250k."""
SHARES = (0.72, 0.2, 0.08)
"""Of the tables' molecules among those whose properties are measured."""
MEASURED = 0.5
"""Share of the pairs whose first molecule is one of these."""
PAIRS, TOGETHER = 96, 32
DRAWN = 0.6
"""At which draws are decoded. At 0.4, 0.6, 0.8 and 1 of 1,500 raw draws 14, 16, 22 and 29% have more than 2 unknown
environments, and the FCD of 1,000 to held-out molecules is 3.99, 3.55, 3.43 and 3.49."""
ANY = 0.04
"""Share of the rows that the prior is fitted to which needn't be ordinary."""
BETA, RISE, WARMUP = 0.15, 3000, 500
FINGERPRINT = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048, includeChirality=True)


# The rows: canonical molecules, their tokens, and analogues of each.


def canonical(smiles: str) -> str | None:
    molecule = parse(smiles)
    if isinstance(molecule, Refusal) or not 5 <= molecule.GetNumAtoms() <= LARGEST:
        return None
    return None if set(found := text(molecule)) & set("*.<>") else found


def flat(smiles: str) -> str | None:
    molecule = Chem.MolFromSmiles(smiles)
    return None if molecule is None else Chem.MolToSmiles(molecule, isomericSmiles=False)


def bits(smiles: str) -> np.ndarray:
    return np.packbits(FINGERPRINT.GetFingerprintAsNumPy(Chem.MolFromSmiles(smiles)))


def measured(smiles: Iterable[str]) -> np.ndarray:
    return measure([Chem.MolFromSmiles(one) for one in smiles], CONDITIONS)


def smiles_of(path: Path) -> list[str]:
    if path.name.endswith(".smi"):
        return path.read_text().split()
    table = pd.read_csv(path, sep="\t" if ".tsv" in path.name else ",")
    return table[next(name for name in table if str(name).lower() == "smiles")].astype(str).str.strip().tolist()


def make_rows(sources: list[Path], without: list[Path], folder: Path, count: int, start: str | None = None) -> None:
    rng = np.random.default_rng(47)
    folder.mkdir(parents=True, exist_ok=True)
    with Pool() as pool:
        refused = {one for path in without for one in pool.imap(flat, smiles_of(path), 500)}
        seen: dict[str, int] = {}
        for number, path in enumerate(sources):
            found = [one for one in pool.imap(canonical, smiles_of(path), 2000) if one and one not in seen]
            known = pool.map(flat, found, 2000)
            seen |= {one: number for one, plain in zip(found, known, strict=True) if plain not in refused}
        first = rng.permutation([one for one, number in seen.items() if number == 0])
        for name, part in (("test", first[:HELD_OUT]), ("validation", first[HELD_OUT : 2 * HELD_OUT])):
            (folder / f"{name}.smi").write_text("\n".join(part) + "\n")
            for one in part:
                del seen[one]
        rows = pd.DataFrame({"smiles": list(seen), "source": list(seen.values())})
        weight = np.where(rows["source"] == 0, 3.0, 1.0)
        some = rng.choice(len(rows), min(LEARNED_FROM, len(rows)), replace=False, p=weight / weight.sum())
        spelled = [*(characters(rows["smiles"][row]) for row in some), *([one] for one in CHARACTERS)]
        groups = (
            load_model("molecules", start).representation.vocabulary.groups if start else learn_groups(spelled, MERGES)
        )
        fingerprints = np.stack(pool.map(bits, rows["smiles"], 2000))
        share = np.array(SHARES)[rows["source"]] / np.bincount(rows["source"], minlength=3)[rows["source"]]
        chosen = np.sort(rng.choice(len(rows), min(count, len(rows)), replace=False, p=share / share.sum()))
        parts = np.array_split(rows["smiles"].to_numpy()[chosen], max(1, len(chosen) // 2000))
        values = np.concatenate(pool.map(measured, parts)).astype(np.float32)
    vocabulary = Vocabulary(groups, FIRST_TOKEN)
    tokens = [np.array([*vocabulary.read(characters(one)), END], np.int16) for one in rows["smiles"]]
    neighbour, alike = analogues(fingerprints, rng)
    (folder / "groups.json").write_text(json.dumps([list(group) for group in groups]))
    rows.to_csv(folder / "rows.csv", index=False)
    offset = np.cumsum([0, *map(len, tokens)])
    np.savez(
        folder / "rows.npz", flat=np.concatenate(tokens), offset=offset, neighbour=neighbour, alike=alike,
        chosen=chosen, values=values,
    )  # fmt: skip
    print(f"{len(rows):,} molecules, {(neighbour >= 0).sum(axis=1).mean():.1f} analogues each")


def analogues(packed: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Up to ANALOGUES rows that are alike for each row (-1: none), and their similarities in percent.

    Pairs that share a band of MinHash values (Broder 1997); few of each similarity are as likely as many of another.
    """
    words, count = packed.view(np.uint64), len(packed)
    size = np.bitwise_count(words).sum(axis=1).astype(np.int32)
    column = np.concatenate([np.nonzero(np.unpackbits(part, axis=1))[1] for part in np.array_split(packed, 64)])
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    partner = np.full((count, 3 * BANDS), -1, np.int32)
    alike = np.zeros(partner.shape, np.float32)
    for band in range(BANDS):
        key = np.zeros(count, np.int64)
        for _ in range(ROWS):
            key = 2048 * key + np.minimum.reduceat(rng.permutation(2048)[column], start)
        order = np.lexsort((rng.random(count), key))
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        long = np.diff([*first, count])
        place, within = np.arange(count) - np.repeat(first, long), np.repeat(long, long)
        for step in (1, 2, 3):  # the next ones of the same key, in a circle
            other = order[np.repeat(first, long) + (place + step) % within]
            both = np.bitwise_count(words[order] & words[other]).sum(axis=1)
            partner[order, 3 * band + step - 1] = other
            alike[order, 3 * band + step - 1] = both / np.maximum(size[order] + size[other] - both, 1)
    good = (alike >= LEAST) & (alike < 1)
    rank = np.argsort(partner, axis=1)
    repeated = np.diff(np.take_along_axis(partner, rank, 1), axis=1, prepend=-2) == 0
    again = np.zeros_like(good)
    np.put_along_axis(again, rank, repeated, 1)
    good &= ~again
    group = np.clip((alike - LEAST) / 0.05, 0, 13).astype(int)
    weight = 1 / np.maximum(np.bincount(group[good], minlength=14), 1)
    priority = np.where(good, rng.random(good.shape) ** (1 / np.maximum(weight / weight.max(), 1e-3))[group], -1)
    kept = np.argsort(-priority, axis=1)[:, :ANALOGUES]
    chosen = np.where(np.take_along_axis(priority, kept, 1) >= 0, np.take_along_axis(partner, kept, 1), -1)
    return chosen, (100 * np.take_along_axis(alike, kept, 1)).round().astype(np.uint8)


Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Rows, an analogue of each, and their similarities."""


@dataclass
class Rows:
    """Tokens and analogues, and batches of pairs of like lengths. values: properties of the rows `chosen`."""

    flat: np.ndarray
    offset: np.ndarray
    neighbour: np.ndarray
    alike: np.ndarray
    chosen: np.ndarray
    values: np.ndarray
    source: np.ndarray
    long: float = 0.0

    def __post_init__(self) -> None:
        self.length = np.diff(self.offset)
        weight = np.array(WEIGHTS)[self.source] * (self.length <= LENGTH - 4)
        weight *= np.clip(self.length / np.median(self.length), 0.3, 2.5) ** self.long
        self.cumulative = np.cumsum(weight) / weight.sum()
        self.scaled = standardization.fit(self.values.astype(float), CONDITIONS)
        self.standard = np.full((len(weight), len(CONDITIONS)), np.nan, np.float32)
        self.standard[self.chosen] = self.scaled.rows(self.values.astype(float))
        weight *= np.isfinite(self.standard).all(axis=1)
        self.of_measured = np.cumsum(weight) / weight.sum()
        self.count = (self.neighbour >= 0).sum(axis=1)

    def batches(self, number: int) -> list[Pairs]:
        rng = np.random.default_rng([11, number])
        own = np.searchsorted(self.cumulative, rng.random(PAIRS * TOGETHER))
        known = rng.random(len(own)) < MEASURED
        own[known] = np.searchsorted(self.of_measured, rng.random(known.sum()))
        pick = (rng.random(len(own)) * self.count[own]).astype(int)
        other = np.where(self.count[own] > 0, self.neighbour[own, pick], own)
        other = np.where(self.length[other] <= LENGTH - 4, other, own)
        alike = np.where(other == own, 1.0, self.alike[own, pick] / 100)
        order = np.argsort(np.maximum(self.length[own], self.length[other]) + rng.random(len(own)))
        groups = [rng.permutation(part) for part in np.split(order, TOGETHER)]
        rng.shuffle(groups)
        return [(own[part], other[part], alike[part]) for part in groups]

    def batch(self, rows: np.ndarray) -> Batch:
        longest = int(self.length[rows].max())
        tokens = torch.zeros(len(rows), longest, dtype=torch.long)
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for place, row in enumerate(rows):
            tokens[place, : self.length[row]] = torch.from_numpy(self.flat[self.offset[row] : self.offset[row + 1]])
            mask[place, : self.length[row]] = True
        return Batch({"tokens": tokens}, mask, torch.from_numpy(self.standard[rows]))


def read_rows(folder: Path, long: float = 0.0) -> Rows:
    with np.load(folder / "rows.npz") as found:
        return Rows(**found, source=pd.read_csv(folder / "rows.csv")["source"].to_numpy(), long=long)


# Training.


class Network(nn.Module):
    """The networks of `LatentPriorVAE` by their names there; the decoder reads [similarity, is it known] too."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.encoder = BottleneckEncoder(vocabulary, SIZES)
        self.posterior = GaussianPosterior(self.encoder.feature_size, CODE)
        self.decoder = AttentiveDecoder(vocabulary, CODE + 2, SIZES)
        self.bag = MLP(CODE, vocabulary, SIZES.dense, 1)
        self.properties = MLP(CODE, len(CONDITIONS), SIZES.dense, 2)

    def posterior_of(self, batch: Batch) -> DiagonalGaussian:
        features = self.encoder(batch["tokens"], batch.mask)
        with torch.autocast("cpu", enabled=False):
            return self.posterior(features.float())

    def log_prob(self, code: Tensor, level: Tensor, batch: Batch) -> Tensor:
        assert batch.mask is not None
        tokens, start = batch["tokens"], self.decoder.start(torch.cat([code, level], 1))
        logits, _ = self.decoder(torch.cat([torch.full_like(tokens[:, :1], START), tokens[:, :-1]], 1), start)
        own = torch.log_softmax(logits.float(), -1).gather(2, tokens[..., None])[..., 0]
        return (own * batch.mask).sum(1)


def unfolded(name: str, network: Network) -> None:
    """Take the weights of a shipped model, whose decoder reads the similarity as known: the inverse of `folded`."""
    trained, state = load_model("molecules", name).model.state_dict(), network.state_dict()
    for key, value in state.items():
        given = trained[key].float()
        if value.shape != given.shape:
            given = functional.pad(given, (0, 1))
        value.copy_(given)
    network.load_state_dict(state)


def loss_of(
    network: Network, rows: Rows, pairs: Pairs, beta: float, gen: torch.Generator, told: float = 0.5
) -> dict[str, Tensor]:
    """The terms of the loss by name, in nats. told: share of the rows whose decoder reads the similarity."""
    own, other, alike = pairs
    count, half = len(own), (len(own) + 1) // 2
    batch = rows.batch(np.concatenate([own, other]))
    posterior = network.posterior_of(batch)
    mean, spread = posterior.mean, posterior.log_std.exp()
    code = mean + spread * torch.randn(mean.shape, generator=gen)
    here, there = code[:half], code[count : count + half]
    radius = torch.from_numpy(np.interp(alike, *RADII)).float()
    moved = (radius[:half] + 0.05 * torch.randn(half, generator=gen)).clamp(0.02, 0.9)[:, None]
    toward = math.sqrt(CODE) * functional.normalize(there - here, dim=1, eps=1e-3)
    share, noise = torch.rand(half, 1, generator=gen), torch.randn(here.shape, generator=gen)
    step = (1 - moved**2).sqrt() * here + moved * (share * toward + (1 - share**2).sqrt() * noise)
    known = (torch.rand(2 * count + half, generator=gen) < told).float()
    similarity = torch.cat([torch.ones(2 * count), torch.from_numpy(alike[:half]).float()])
    written = torch.cat([torch.arange(2 * count), count + torch.arange(half)])
    level = torch.stack([known * similarity, known], 1)
    log_prob = network.log_prob(torch.cat([code, step]), level, batch.select(written))
    with torch.autocast("cpu", enabled=False):
        cosine = functional.cosine_similarity(mean[:count], mean[count:])
        metric = (cosine - (1 - radius**2).sqrt()).square() * torch.from_numpy(own != other)
        kl = standard_normal_kl(posterior).mean()
    error = (network.properties(code).float() - batch.condition).square().sum(1)
    tokens = batch["tokens"]
    bag = (torch.log_softmax(network.bag(code).float(), -1).gather(1, tokens) * (tokens != END)).sum(1)
    return {
        "reconstruction": -log_prob[: 2 * count].mean(),
        "analogue": -0.5 * log_prob[2 * count :].mean(),
        "kl": beta * kl,
        "metric": CODE * metric.mean(),
        "bag": -0.3 * bag.mean(),
        "properties": 2 * error[error.isfinite()].mean(),
    }


def train(folder: Path, rate: float, decay: int, steps: int, start: str | None, long: float) -> None:
    """Checkpoints every 1,000 steps. decay: steps from now on in which the rate falls to zero; then it ends. start: a
    shipped model to start from, of which the decoder always reads the similarity. long: of `Rows`."""
    vocabulary = Vocabulary(json.loads((folder / "groups.json").read_text()), FIRST_TOKEN)
    rows, state = read_rows(folder, long), folder / "last.pt"
    torch.manual_seed(0)
    network, done = Network(len(vocabulary)), 0
    if start:
        unfolded(start, network)
    optimizer = torch.optim.AdamW(network.parameters(), rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    if state.exists():
        found = torch.load(state, weights_only=True)
        network.load_state_dict(found["model"])
        optimizer.load_state_dict(found["opt"])
        average, done = found["ema"], found["step"]
    end, started = done + (decay or steps), time.monotonic()
    batches = list[Pairs]()
    for step in range(done, end):
        number, place = divmod(step, TOGETHER)
        if step == done or not place:
            batches = rows.batches(number)
        falling = 1 - (step - done) / decay if decay else 1.0
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / WARMUP) * falling
        beta = BETA if start else min(BETA, 0.01 + (BETA - 0.01) * step / RISE)
        gen = torch.Generator().manual_seed(step)
        with torch.autocast("cpu", torch.bfloat16):
            terms = loss_of(network, rows, batches[place], beta, gen, 1.0 if start else 0.5)
        optimizer.zero_grad()
        torch.stack([*terms.values()]).sum().backward()
        if torch.isfinite(nn.utils.clip_grad_norm_(network.parameters(), 20.0)):
            optimizer.step()
        now = network.state_dict()
        torch._foreach_lerp_(
            list(average.values()), [now[name] for name in average], 1 - min(0.999, step / (step + 10))
        )
        if (step + 1) % 100 == 0:
            shown = " ".join(f"{name} {float(value.detach()):.2f}" for name, value in terms.items())
            print(f"{step + 1} {shown} {time.monotonic() - started:.0f} s", flush=True)
        if (step + 1) % 1000 == 0 or step + 1 == end:
            saved = {"model": now, "opt": optimizer.state_dict(), "ema": average, "step": step + 1}
            torch.save(saved, state.with_suffix(".tmp"))
            os.replace(state.with_suffix(".tmp"), state)


# The model's folder: a decoder that knows the similarity, the prior of codes, and the estimates of properties.


def folded(weights: Mapping[str, Tensor], model: LatentPriorVAE) -> LatentPriorVAE:
    """The model with these weights; its decoder reads the similarity, always as known."""
    state, given = model.state_dict(), dict(weights)
    for name, value in weights.items():
        if name.startswith("decoder.") and value.ndim == 2 and value.shape[1] == state[name].shape[1] + 1:
            given[name] = torch.cat([value[:, : CODE + 1], value[:, CODE + 2 :]], 1)
            bias = name.replace("weight", "bias")
            given[bias] = weights[bias] + value[:, CODE + 1]
    model.load_state_dict({**state, **given})
    return model.eval()


def chunks(rows: Rows, chosen: np.ndarray) -> Iterator[np.ndarray]:
    """Places in `chosen`, those of like lengths together."""
    order = np.argsort(rows.length[chosen])
    yield from np.split(order, range(512, len(order), 512))


def fit_properties(model: LatentPriorVAE, mean: Tensor, log_std: Tensor, values: Tensor, steps: int) -> None:
    optimizer, gen = torch.optim.AdamW(model.properties.parameters(), 2e-3), torch.Generator().manual_seed(2)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        some = torch.randint(len(mean), (1024,), generator=gen)
        code = mean[some] + log_std[some].exp() * torch.randn(1024, CODE, generator=gen)
        loss = (model.properties(code) - values[some]).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def is_ordinary(smiles: str) -> bool:
    """Whether a chemist would expect the molecule in a library: in size, lipophilicity and rings, without groups that
    decompose or react, alerts, or a charge."""
    molecule = Chem.MolFromSmiles(smiles)
    logp, qed, sa, tpsa, mw, rings = measure([molecule], ("logp", "qed", "sa", "tpsa", "mw", "rings"))[0]
    usual = -2 <= logp <= 5 and qed >= 0.4 and sa <= 4.5 and tpsa <= 160 and 230 <= mw <= 600 and rings >= 1
    if not usual or "+]" in smiles or "-]" in smiles or ring_frequency(molecule) < 30 or large_rings(molecule):
        return False
    return unknown_environments(molecule) <= 1 and is_plausible(molecule) and not alert_catalog().matches(molecule)


def finish(folder: Path, steps: int) -> None:
    vocabulary = Vocabulary(json.loads((folder / "groups.json").read_text()), FIRST_TOKEN)
    rows = read_rows(folder)
    chosen = rows.chosen[np.isfinite(rows.standard[rows.chosen]).all(axis=1) & (rows.length[rows.chosen] <= LENGTH - 4)]
    settings = LatentPriorVAESettings(code=CODE, length=LENGTH, networks=SIZES, prior_layers=6, prior_width=192)
    settings = replace(
        settings, noised=0.5, radius=0.9, drawn_similarity=DRAWN, beta=replace(settings.beta, steps=RISE, end=BETA)
    )
    torch.manual_seed(1)
    model = LatentPriorVAE(len(vocabulary), len(CONDITIONS), settings)
    model = folded(torch.load(folder / "last.pt", weights_only=True)["ema"], model)
    mean, log_std = torch.zeros(2, len(chosen), CODE)
    with torch.inference_mode():
        for places in chunks(rows, chosen):
            posterior = model.posterior_of(rows.batch(chosen[places]))
            mean[places], log_std[places] = posterior.mean, posterior.log_std
    standard = torch.from_numpy(rows.standard[chosen])
    fit_properties(model, mean, log_std, standard, steps)
    texts = pd.read_csv(folder / "rows.csv")["smiles"].to_numpy()[chosen]
    with Pool() as pool:
        ordinary = np.array(pool.map(is_ordinary, texts, 500))
    any_of = np.random.default_rng(6).random(len(chosen)) < ANY * ordinary.mean()
    kept = torch.from_numpy(np.flatnonzero(ordinary | any_of))
    mean, log_std, standard = mean[kept], log_std[kept], standard[kept]
    dropout = ConditionDropout(some=0.5, everything=0.3, few=0.5)
    fitted = PriorFitSettings(steps=steps, dropout=dropout)
    gen = torch.Generator().manual_seed(3)
    found = fit_prior(model.prior, mean, standard, gen, log_std=log_std, settings=fitted)
    print(f"-log p(z): {found.start:.2f} before, {found.end:.2f} nats after the fit")
    run = RunFolder(folder / "model")
    run.write_json("representation.json", SmilesRepresentation(vocabulary, rows.scaled, LENGTH).to_json())
    known = {"format_version": 1, "domain": "molecules", "recipe": "smiles-vae", "settings": asdict(settings)}
    run.write_yaml("config.yaml", {**known, "training_data": "moses/train", "seed": 1})
    save_model(run, model.half(), {}, "molecules")


def main() -> None:
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    rows, training, ending = (commands.add_parser(name) for name in ("rows", "train", "finish"))
    rows.add_argument("sources", type=Path, nargs="+", help="drug-like molecules, MOSES' training set, ZINC250k")
    rows.add_argument("--without", type=Path, nargs="*", default=[])
    rows.add_argument("--molecules", type=int, default=500_000, help="whose properties are measured")
    rows.add_argument("-o", "--output", type=Path, required=True)
    for command in (training, ending):
        command.add_argument("folder", type=Path)
    for command in (rows, training):
        command.add_argument("--start", help="a shipped model that is trained further")
    training.add_argument("--long", type=float, default=0.0, help="power of the length in a row's share")
    training.add_argument("--rate", type=float, default=1e-3)
    training.add_argument("--decay", type=int, default=0)
    training.add_argument("--steps", type=int, default=10_000)
    ending.add_argument("--steps", type=int, default=12_000)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if chosen.command == "rows":
        make_rows(chosen.sources, chosen.without, chosen.output, chosen.molecules, chosen.start)
    elif chosen.command == "train":
        train(chosen.folder, chosen.rate, chosen.decay, chosen.steps, chosen.start, chosen.long)
    else:
        finish(chosen.folder, chosen.steps)


if __name__ == "__main__":
    main()
