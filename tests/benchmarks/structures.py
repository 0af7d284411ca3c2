"""Structures de novo: molecules of one model, coordinates of another, judged by the coordinates of the first draw.

    python tests/benchmarks/structures.py --model qm9-molecules -n 1000 --steps 8 16 25
    python tests/benchmarks/structures.py --model qm9-joint -n 1000 --sampler churn --steps 24

A model that makes atoms, bonds and coordinates together is judged by its own raw draws. Bonds are perceived in the
coordinates; nothing is drawn again or left out because of them. With --graphs the molecules come from a file (test
molecules, say) instead of a model. Novelty is against QM9 train, geometry against QM9 test.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sciencegen.api.generate import generate
from sciencegen.api.models.completion import draws
from sciencegen.api.models.folder import LoadedModel, load_model
from sciencegen.api.sources.tables import read_texts
from sciencegen.config import COMPUTE_CHUNK
from sciencegen.data.threads import inference_threads
from sciencegen.diffusion.model import DiffusionSettings
from sciencegen.domains import load_domain
from sciencegen.domains.molecules.geometry import symbols, with_structure
from sciencegen.domains.molecules.structure_metrics import evaluate_structures
from sciencegen.items import Refusal
from sciencegen.latent.geometry import latent_noise


def graphs(chosen: argparse.Namespace) -> list[Any]:
    domain = load_domain("molecules")
    if chosen.graphs:
        texts = [row.text for row, _ in zip(domain.items.read(chosen.graphs), range(chosen.n), strict=False)]
    else:
        where = {"where": chosen.where} if chosen.where else {}
        texts = generate("molecules", chosen.n, model=chosen.model, raw=chosen.raw, seed=chosen.seed, **where).table[
            "item"
        ]
    return [item for item in map(domain.items.parse, filter(None, texts)) if not isinstance(item, Refusal)]


def texts_of(made: Iterator[tuple[int, Any]] | Any) -> list[str]:
    """Each structure as the text that the metrics read; "" for none."""
    write = load_domain("molecules/structures").items.text
    return ["" if isinstance(one, Refusal) else write(one) for _, one in made]


def jointly(model: LoadedModel, count: int, seed: int) -> list[str]:
    """Raw draws as XYZ blocks: elements and coordinates alone."""
    texts: list[str] = []
    for chunk in range(-(-count // COMPUTE_CHUNK)):
        noise = latent_noise(seed, chunk, model.space.size)[: count - len(texts)]
        for geometry in model.representation.geometries(model.space.generate_batch(noise)):
            atoms = zip(symbols(geometry.numbers), geometry.positions, strict=True)
            lines = [f"{element} {x:.5f} {y:.5f} {z:.5f}" for element, (x, y, z) in atoms]
            texts.append("\n".join([str(len(lines)), "", *lines]))
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="qm9-molecules")
    parser.add_argument("--complete", default="qm9-conformers")
    parser.add_argument("--graphs", help="a file of molecules, instead of the model's")
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("--raw", action="store_true", help="the model's raw draws, malformed ones too")
    parser.add_argument("--where", nargs="*")
    parser.add_argument("--steps", type=int, nargs="*", default=[8, 16, 25])
    parser.add_argument("--sampler", default="dpm-solver")
    parser.add_argument("--last-time", type=float, help="where the sampler's way ends; the model's own unless given")
    parser.add_argument("--crowding", type=float, help="of its steps towards the data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rdkit", action="store_true", help="RDKit's ETKDG and MMFF beside it")
    chosen = parser.parse_args()
    maker = load_model("molecules", chosen.model, "cpu", inference_threads(0))
    if maker.recipe.form:
        return report_joint(maker, chosen)
    items = graphs(chosen)
    model = load_model("molecules", chosen.complete, "cpu", inference_threads(0))
    known = model.representation.given(items)
    rows = [row for row, one in enumerate(known) if not isinstance(one, Refusal)]
    print(f"{len(items)} molecules, {len(rows)} of them within the model's elements and sizes")
    reference, training = known_structures()
    for steps in chosen.steps:
        model.model.settings = drawing(model.model.settings, steps, chosen)
        start = time.perf_counter()
        found = list(draws(model, known, rows, chosen.seed))
        seconds = time.perf_counter() - start
        print(f"{chosen.sampler}, {steps} steps ({steps + 1} evaluations): {len(rows) / seconds:.0f} molecules/s")
        print("   ", _shown(evaluate_structures(texts_of(found), reference, training)), flush=True)
    if chosen.rdkit:
        found = [(row, with_structure(items[row]).molecule) for row in rows]
        print("RDKit ETKDGv3 + MMFF94\n   ", _shown(evaluate_structures(texts_of(found), reference, training)))


def drawing(own: DiffusionSettings, steps: int, chosen: argparse.Namespace) -> DiffusionSettings:
    """A model's own settings, with another sampler and way."""
    way = {name: value for name in ("last_time", "crowding") if (value := getattr(chosen, name)) is not None}
    return replace(own, sampler=chosen.sampler, steps=steps, **way)


def known_structures() -> tuple[list[str], list[str]]:
    test, train = (list(read_texts("molecules/structures", f"qm9/{split}")) for split in ("test", "train"))
    return test, train


def report_joint(model: LoadedModel, chosen: argparse.Namespace) -> None:
    reference, training = known_structures()
    diffusion = model.model.diffusion
    for steps in chosen.steps:
        diffusion.settings = drawing(diffusion.settings, steps, chosen)
        start = time.perf_counter()
        texts = jointly(model, chosen.n, chosen.seed)
        print(f"{chosen.sampler}, {steps} steps: {len(texts) / (time.perf_counter() - start):.1f} molecules/s")
        print("   ", _shown(evaluate_structures(texts, reference, training)), flush=True)


def _shown(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())


if __name__ == "__main__":
    main()
