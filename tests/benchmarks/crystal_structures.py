"""Structures of known formulas, predicted by the diffusion of crystals and by its simplest rival.

Draws of a formula are known structures with other elements, the most alike likelier, and some by the network. Beside
them: the network alone, and the training structures of the same ratios that are nearest on Mendeleev's scale.

    python -m tests.benchmarks.crystal_structures test.csv training.csv --count 200 --tries 1 -o predicted
"""

import argparse
import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from sciencegen.api.models.folder import load_model
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.capabilities import TaskSettings
from sciencegen.domains.crystals.elements import reduced_formula
from sciencegen.domains.crystals.items import Crystal, parse_text, text
from sciencegen.domains.crystals.metrics import structure_prediction
from sciencegen.domains.crystals.tasks import FormulaTask, exchanged, ratios, resolve


def read(path: Path) -> list[Crystal]:
    with path.open(encoding="utf-8") as file:
        found = [parse_text(row["item"]) for row in csv.DictReader(file)]
    return [one for one in found if isinstance(one, Crystal)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("test", type=Path)
    parser.add_argument("training", type=Path)
    parser.add_argument("--model", default="crystals")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--tries", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    loaded = load_model("crystals", options.model)
    model, representation = loaded.model, loaded.representation
    test = read(options.test)
    targets = [test[place] for place in evenly_spaced(len(test), options.count)]
    known, total = defaultdict(list), defaultdict(list)
    for one in read(options.training):
        known[ratios(text(one))].append(one)
        for number in set(one.numbers.tolist()):
            total[number].append(one.volume / len(one))
    volumes = {number: float(np.mean(several)) for number, several in total.items()}
    drawn, denoised, rival = [], [], []
    for row, target in enumerate(targets):
        size = float(len(target))
        task = resolve(
            model, representation, TaskSettings(core=reduced_formula(target), bounds={"atoms": (size, size)})
        )
        noise = torch.randn(options.tries, model.latent_size, generator=torch.Generator().manual_seed(row))
        assert isinstance(task, FormulaTask)
        for found, draw in ((drawn, task.draw), (denoised, task.denoised)):
            found.append([one for one in representation.decode(draw(noise)) if isinstance(one, Crystal)])
        rival.append(exchanged(task.counts, known[ratios(text(target))], volumes)[: options.tries])
    parts = {"draws": drawn, "denoised": denoised, "nearest": rival}
    result = {name: structure_prediction(targets, found) for name, found in parts.items()}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
