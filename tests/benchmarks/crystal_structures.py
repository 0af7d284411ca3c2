"""Structures of known formulas, predicted by the diffusion of crystals and by its simplest rival.

The rival takes the training structure of the same ratios whose composition is nearest (ElMD), exchanges elements in the
order of Pettifor's scale, and scales the cell to the mean volume that the elements' atoms have in the training set.

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
from sciencegen.domains.crystals.elements import counts_of, element_data, reduced_formula
from sciencegen.domains.crystals.items import Crystal, crystal, parse_text
from sciencegen.domains.crystals.metrics import structure_prediction
from sciencegen.domains.crystals.tasks import resolve


def read(path: Path) -> list[Crystal]:
    with path.open(encoding="utf-8") as file:
        found = [parse_text(row["item"]) for row in csv.DictReader(file)]
    return [one for one in found if isinstance(one, Crystal)]


def ratios(item: Crystal) -> tuple[int, ...]:
    return tuple(sorted(counts_of(item)[1].tolist()))


def in_order(item: Crystal) -> list[int]:
    """Elements, those with fewer atoms first, then by Mendeleev number."""
    elements, counts = np.unique(item.numbers, return_counts=True)
    return elements[np.lexsort([element_data()["mendeleev_number"][elements], counts])].tolist()


def substituted(target: Crystal, known: list[Crystal], volumes: dict[int, float], tries: int) -> list[Crystal]:
    wanted, scale = in_order(target), element_data()["mendeleev_number"]
    away = [np.abs(scale[in_order(one)] - scale[wanted]).sum() for one in known]
    made = []
    for place in np.argsort(away, kind="stable")[:tries]:
        exchange = dict(zip(in_order(known[place]), wanted, strict=True))
        numbers = np.array([exchange[number] for number in known[place].numbers.tolist()])
        volume = sum(volumes[number] for number in numbers.tolist())
        one = crystal(known[place].lattice * (volume / known[place].volume) ** (1 / 3), numbers, known[place].places)
        made += [one] if isinstance(one, Crystal) else []
    return made


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
        known[ratios(one)].append(one)
        for number in set(one.numbers.tolist()):
            total[number].append(one.volume / len(one))
    volumes = {number: float(np.mean(several)) for number, several in total.items()}
    drawn, rival = [], []
    for row, target in enumerate(targets):
        size = float(len(target))
        task = resolve(
            model, representation, TaskSettings(core=reduced_formula(target), bounds={"atoms": (size, size)})
        )
        noise = torch.randn(options.tries, model.latent_size, generator=torch.Generator().manual_seed(row))
        drawn.append([one for one in representation.decode(task.draw(noise)) if isinstance(one, Crystal)])
        rival.append(substituted(target, known[ratios(target)], volumes, options.tries))
    result = {"model": structure_prediction(targets, drawn), "substitution": structure_prediction(targets, rival)}
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
