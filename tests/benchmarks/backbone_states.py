"""Two states of a diffusion of backbones on equal processor time: coordinates of atoms, or frames of residues.

    python -m tests.benchmarks.backbone_states data/backbones -o states --minutes 40
    python -m tests.benchmarks.backbone_states backbones.npz -o states --minutes 40 --states frames

The first argument is a prepared folder of backbones, or an npz file with xyz (residue, 4, 3; in 0.01 Å) and offset.
`coordinates` is the state of the recipe `backbone-diffusion`: whitened alpha carbons, with N and C relative to them.
`frames` keeps the alpha carbons and makes each residue's N, CA and C ideal; its rotation goes by flow matching on
SO(3) (`frame_flow`). Both have the same network, loss (but for `--weight`), chains, batches and optimizer, no
conditions and no excluded volume. Each is trained for the same processor time of one thread (the learning rate falls
with it), and a stopped training goes on from OUT/STATE.pt. Settings of draws are chosen from equally many trials of 8
draws. Judged are 64 draws of 50 network evaluations, as they are and with relaxed bonds, against every tenth chain,
which was held out. Results are written to OUT/STATE.json; a state that has one is not trained again. Needs tmtools.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from sciencegen.batch import Batch
from sciencegen.data.prepared import PreparedDataset
from sciencegen.data.statistics import evenly_spaced
from sciencegen.diffusion.model import DiffusionModel
from sciencegen.diffusion.process import diffuse, predict
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.state import Euclidean, Field, State
from sciencegen.domains.proteins.backbones import diffusion
from sciencegen.domains.proteins.backbones.files import ITEMS
from sciencegen.domains.proteins.backbones.geometry import place_oxygens
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.metrics import evaluate_backbones
from sciencegen.domains.proteins.backbones.relaxation import relaxed
from sciencegen.domains.proteins.backbones.representation import padded_places, places_of
from sciencegen.files import atomic_write
from sciencegen.networks.residues import ATOMS, BOND, TRACE, ResidueDenoiser, ResidueNetworkSettings, colour
from tests.benchmarks.frame_flow import FrameFlow, Turning
from tests.benchmarks.timed_training import TimedTraining, train

STATES: Mapping[str, type[DiffusionModel]] = {"coordinates": DiffusionModel, "frames": FrameFlow}
NETWORK = ResidueNetworkSettings(width=64, pair_width=16, layers=2)
LENGTHS = (60, 96)
DRAWN, TRIED = 64, 8
STEPS = 49
ROWS = 8
"""Chains that are drawn together: of neighbouring lengths."""
TIMES = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8)
"""Of the diffusion: where errors of estimates are measured on held-out chains."""
NOISES = (0.3, 0.5, 0.7)
TRIALS: Mapping[str, Sequence[Mapping[str, float]]] = {
    "coordinates": [{"step_noise": noise, "crowding": crowding} for noise in NOISES for crowding in (1.0, 1.5)],
    "frames": [{"step_noise": noise, "rate": rate} for noise in (0.3, 0.6) for rate in (0.0, 5.0, 10.0)],
}
JUDGES = (
    "ca_distances", "no_clash", "unbroken", "overlaps", "right_handed", "helix", "strand", "gyration", "ramachandran",
    "lengths", "angles", "mean_tm", "nearest_training_tm",
)  # fmt: skip


@dataclass(frozen=True)
class Chains:
    """N, CA, C and O of chains, in ångström, centred at the mean of CA."""

    training: Sequence[np.ndarray]
    held_out: Sequence[np.ndarray]


def read_chains(path: Path, longest: int) -> Chains:
    """Held out is every tenth."""
    if path.is_dir():
        prepared = PreparedDataset.load(path)
        split = "train" if "train" in prepared.splits else prepared.splits[0]
        items = map(ITEMS.parse, prepared.items(split))
        found = [item.coordinates for item in items if isinstance(item, Backbone)]
    else:
        with np.load(path, allow_pickle=False) as stored:
            places, offset = stored["xyz"] / 100.0, stored["offset"]
            rows = np.arange(len(offset) - 1)
            if "rep30" in stored:
                rows = np.flatnonzero(stored["globular"] & stored["rep30"] & ~stored["in_BM5_cluster"])
        found = [places[offset[row] : offset[row + 1]] for row in rows]
    kept = [one - one[:, 1].mean(0) for one in found if len(one) <= longest]
    return Chains([one for row, one in enumerate(kept) if row % 10], kept[::10])


def batch_of(chains: Sequence[np.ndarray]) -> Batch:
    return padded_places([one[:, :3] for one in chains])


def make(name: str, longest: int, seed: int, weight: float) -> DiffusionModel:
    torch.manual_seed(seed)
    state = State({TRACE: Field(Euclidean()), ATOMS: Field(Euclidean())})
    schedule = Cosine(*diffusion.LOG_SNR_ENDS, diffusion.SHIFT)
    settings = diffusion.BackboneDiffusionSettings()
    network, norms = ResidueDenoiser((), NETWORK, recalls=True), diffusion.chain_norms(state, settings.placement)
    shapes = {TRACE: (longest, 3), ATOMS: (longest, 6)}
    model = STATES[name](network, state, schedule, shapes, settings.diffusion, norms)
    if isinstance(model, FrameFlow):
        model.turning = Turning(weight)
    return model


# --- Measures ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def errors_of(model: DiffusionModel, chains: Sequence[np.ndarray]) -> dict[str, list[float]]:
    """Root mean square errors in ångström of estimates of CA, and of N and C relative to CA, at each of `TIMES`."""
    x, found = batch_of(chains), dict[str, list[float]](ca=[], atoms=[])
    for at in TIMES:
        generator, at_each = torch.Generator().manual_seed(0), torch.full((len(x),), at)
        log_snr = model.schedule(at_each)
        if isinstance(model, FrameFlow):
            z = model.noise_at(x, at_each, generator)
        else:
            z = diffuse(model.state, x, log_snr, model.state.noise(x, generator))
        estimate = predict(model, model.state, z, log_snr)
        trace, atoms = (x[name] - estimate[name] for name in (TRACE, ATOMS))
        placed = colour(trace, x.mask.sum(1))
        found["ca"].append(float(placed[x.mask].square().sum(-1).mean().sqrt()))
        found["atoms"].append(float(BOND * atoms[x.mask].square().sum(-1).div(2).mean().sqrt()))
    return found


def draws(model: DiffusionModel, count: int, seed: int, longest: int) -> list[np.ndarray]:
    """[residue 3 3] N, CA and C of chains of evenly spread lengths."""
    lengths = np.linspace(LENGTHS[0], min(LENGTHS[1], longest), count).round().astype(int)
    generator, found = torch.Generator().manual_seed(seed), list[np.ndarray]()
    for first in range(0, count, ROWS):
        like = padded_places([np.zeros((length, 3, 3)) for length in lengths[first : first + ROWS]])
        if isinstance(model, FrameFlow):
            found += places_of(model.draw(model.start(like, generator), STEPS))
        else:
            z = Batch(model.state.noise(like, generator), like.mask)
            found += places_of(model.draw(z, "ancestral", STEPS))
    return found


def with_oxygens(places: Sequence[np.ndarray]) -> list[np.ndarray]:
    atoms = [one.swapaxes(0, 1) for one in places]
    return [np.stack([*one, place_oxygens(*one)], 1) for one in atoms]


def set_draws(model: DiffusionModel, trial: Mapping[str, float]) -> None:
    """Apply settings of draws."""
    own = {name: value for name, value in trial.items() if name != "rate"}
    model.settings = replace(model.settings, **own)
    if isinstance(model, FrameFlow):
        model.turning = replace(model.turning, rate=trial["rate"])


def misfit(found: Mapping[str, float]) -> float:
    """What a trial is chosen by: distances of bonds, secondary structure, torsions and size to those of natives."""
    shares = sum(abs(found[name] - found[f"reference_{name}"]) for name in ("helix", "strand"))
    size = abs(found["gyration"] / found["reference_gyration"] - 1)
    return 1 - found["ca_distances"] + shares + found["ramachandran"] + size + (1 - found.get("right_handed", 0.5))


def run(name: str, chains: Chains, given: argparse.Namespace) -> dict[str, object]:
    model = make(name, given.longest, given.seed, given.weight)
    usual = diffusion.TRAINING
    training = TimedTraining(60 * given.minutes, usual["learning_rate"], int(usual["batch_size"]), given.seed)
    lengths = np.array(list(map(len, chains.training)))
    pick = lambda rows: batch_of([chains.training[row] for row in rows])  # noqa: E731
    steps = train(model, pick, lengths, training, given.output / f"{name}.pt")
    model.eval()
    errors, scores = errors_of(model, chains.held_out), list[float]()
    print(name, steps, "steps; errors", errors, flush=True)
    for trial in TRIALS[name]:
        set_draws(model, trial)
        drawn = with_oxygens(draws(model, TRIED, 1, given.longest))
        found = evaluate_backbones(drawn, chains.held_out, alignments=False, sequences=False)
        scores.append(misfit(found))
        print(name, dict(trial), f"misfit {scores[-1]:.3f}", _shown(found), flush=True)
    best = TRIALS[name][int(np.argmin(scores))]
    set_draws(model, best)
    start = time.process_time()
    drawn = draws(model, DRAWN, 0, given.longest)
    seconds = (time.process_time() - start) / DRAWN
    sample = [chains.training[row] for row in evenly_spaced(len(chains.training), given.compared)]
    judged = dict[str, dict[str, float]]()
    for kind, known in (("drawn", sample), ("relaxed", None)):
        atoms = with_oxygens(drawn if kind == "drawn" else [relaxed(one) for one in drawn])
        judged[kind] = evaluate_backbones(atoms, chains.held_out, known, alignments=known is not None, sequences=False)
        print(name, kind, _shown(judged[kind]), flush=True)
    weights = sum(parameter.numel() for parameter in model.parameters())
    return {"steps": steps, "weights": weights, "settings": dict(best), "misfits": scores, "errors": errors,
            "seconds_of_a_draw": seconds, **judged}  # fmt: skip


def _shown(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {metrics[name]:.3f}" for name in JUDGES if name in metrics)


def show(results: Mapping[str, dict]) -> None:
    columns = [(name, kind) for name in results for kind in ("drawn", "relaxed")]
    print("| |", " | ".join(" ".join(column) for column in columns), "| held-out chains |")
    print("|---" * (len(columns) + 2) + "|")
    for judge in JUDGES:
        values = [results[name][kind] for name, kind in columns]
        cells = [one.get(judge) for one in values] + [values[0].get(f"reference_{judge}")]
        print(f"| {judge} |", " | ".join("" if cell is None else f"{cell:.3f}" for cell in cells), "|")
    for name, result in results.items():
        print(name, {key: result[key] for key in ("steps", "weights", "settings", "errors", "seconds_of_a_draw")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40.0, help="processor time of each training")
    parser.add_argument("--states", nargs="+", choices=STATES, default=list(STATES))
    parser.add_argument("--longest", type=int, default=LENGTHS[1], help="residues of a training chain at most")
    parser.add_argument("--compared", type=int, default=200, help="training chains for TM-scores, evenly chosen")
    parser.add_argument("--weight", type=float, default=Turning.weight, help="of errors of frames in the loss")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.output.mkdir(parents=True, exist_ok=True)
    chains = read_chains(given.data, given.longest)
    print(f"{len(chains.training)} training chains, {len(chains.held_out)} held out")
    for name in given.states:
        path = given.output / f"{name}.json"
        if not path.exists():
            with atomic_write(path) as handle:
                json.dump(run(name, chains, given), handle)
    paths = [given.output / f"{name}.json" for name in STATES]
    show({path.stem: json.loads(path.read_text()) for path in paths if path.exists()})


if __name__ == "__main__":
    main()
