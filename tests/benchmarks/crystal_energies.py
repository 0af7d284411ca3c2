"""Formation energies of draws of crystals by CHGNet (Deng et al. 2023), and which are stable, unique and new.

CHGNet gives total energies. They become formation energies by energies of the elements, fitted to the training set's
own (least squares over --fitted structures), so that both are on one scale. A relaxed draw is stable if it lies at most
0 or 0.1 eV/atom above the hull of all training structures, unique if the matcher lays it on no draw before it, and new
if on no training structure.

    pip install chgnet==0.4.2
    python -m tests.benchmarks.crystal_energies asked training.csv held-out.csv -n 40 -o asked
    python -m tests.benchmarks.crystal_energies stable training.csv held-out.csv --draws draws.csv -n 200 -o stable
"""

import argparse
import csv
import json
import warnings
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling.generation import Generation
from sciencegen.api.sampling.request import resolve_draws
from sciencegen.config import GenerateSettings
from sciencegen.data.statistics import evenly_spaced
from sciencegen.domains.crystals.elements import fractions
from sciencegen.domains.crystals.items import Crystal, crystal, parse_text, text
from sciencegen.domains.crystals.metrics import among, structure_of

TARGETS = (-3.0, -2.5, -2.0, -1.5, -1.0, -0.5, 0.0)
FORCE, STEPS = 0.1, 100
"""eV/Å, at which a relaxation ends, and its most steps."""


class Judge:
    """CHGNet with energies of the elements in eV/atom, by atomic number."""

    def __init__(self, known: list[Crystal], energies: np.ndarray) -> None:
        from chgnet.model import CHGNet, StructOptimizer  # --help works without it

        self.model = CHGNet.load(use_device="cpu", verbose=False)
        self.optimizer = StructOptimizer(model=self.model, use_device="cpu")
        self.elements = np.zeros(len(fractions(known[0])))
        rest = np.array([self.formation(one) for one in known]) - energies
        self.elements = np.linalg.lstsq(np.array([fractions(one) for one in known]), rest, rcond=None)[0]

    def formation(self, item: Crystal) -> float:
        total = self.model.predict_structure(structure_of(item), task="e")["e"]
        return float(total) - float(fractions(item) @ self.elements)

    def relaxed(self, item: Crystal) -> Crystal | None:
        """The item with forces below `FORCE`, or as after `STEPS` steps; None where it flies apart."""
        made = self.optimizer.relax(structure_of(item), fmax=FORCE, steps=STEPS, verbose=False)["final_structure"]
        one = crystal(made.lattice.matrix, item.numbers, made.frac_coords)
        return one if isinstance(one, Crystal) else None


def read(path: Path, count: int = 0) -> tuple[list[Crystal], np.ndarray]:
    """Crystals, evenly spaced if a number is given, and their formation energies."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows = [rows[place] for place in evenly_spaced(len(rows), count or len(rows))]
    items = [(parse_text(row["item"]), float(row.get("formation_energy") or "nan")) for row in rows]
    kept = [(item, energy) for item, energy in items if isinstance(item, Crystal)]
    return [item for item, _ in kept], np.array([energy for _, energy in kept])


def asked(judge: Judge, count: int, relax: int) -> pd.DataFrame:
    """Raw draws at each target and without: formation energies as drawn, and of the first `relax` relaxed."""
    rows, model = [], load_model("crystals", None, "cpu")
    for target in (*TARGETS, None):
        where = () if target is None else (f"formation_energy={target}",)
        request = resolve_draws(model, GenerateSettings(n=count, raw=True, where=where, seed=1, threads=1))
        for line in chain.from_iterable(chunk["item"] for chunk in Generation(request, few=True)):
            if isinstance(item := parse_text(str(line)), Crystal):
                rows.append({"asked": target, "drawn": judge.formation(item), "relaxed": np.nan, "item": line})
        print(target, np.median([row["drawn"] for row in rows if row["asked"] == target]), flush=True)
    table = pd.DataFrame(rows).astype({"asked": float})
    for row in table.groupby("asked", dropna=False).head(relax).index:
        if (after := judge.relaxed(parse_text(table.loc[row, "item"]))) is not None:
            table.loc[row, "relaxed"] = judge.formation(after)
    return table


def above_hull(item: Crystal, energy: float, known: list[Crystal], table: np.ndarray) -> float:
    """Above the hull of known structures and elements, eV/atom; negative below it."""
    own = set(item.symbols)
    inside = [PDEntry(Composition({symbol: 1}), 0.0) for symbol in own]
    for one, found in zip(known, table, strict=True):
        if own.issuperset(one.symbols):
            inside.append(PDEntry(Composition(Counter(one.symbols)), found * len(one)))
    return energy - PhaseDiagram(inside).get_hull_energy_per_atom(Composition(Counter(item.symbols)))


def stable(judge: Judge, draws: list[Crystal], known: list[Crystal], table: np.ndarray) -> pd.DataFrame:
    """Of each draw, relaxed: its energy above the hull, whether it is unlike those before it, and whether it is new."""
    rows, texts, is_known = [], list[str](), among(map(text, known))
    for item in draws:
        if (one := judge.relaxed(item)) is None:
            continue
        above = above_hull(one, judge.formation(one), known, table)
        rows.append({"above": above, "unique": not among(texts)(one), "new": not is_known(one), "item": text(one)})
        texts.append(text(one))
        print(len(rows), f"{above:.3f}", flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("asked", "stable"))
    parser.add_argument("training", type=Path)
    parser.add_argument("held_out", type=Path)
    parser.add_argument("--fitted", type=int, default=1000, help="training structures for the elements' energies")
    parser.add_argument("--draws", type=Path, help="a table of draws (stable)")
    parser.add_argument("-n", type=int, default=40, help="draws, at each target (asked)")
    parser.add_argument("--relax", type=int, default=0, help="of these, relaxed (asked)")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    judge = Judge(*read(options.training, options.fitted))
    items, table = read(options.held_out, 200)
    away = np.abs([judge.formation(item) - energy for item, energy in zip(items, table, strict=True)])
    result = {"held_out_median": float(np.median(away)), "held_out_mean": float(away.mean())}
    options.output.mkdir(parents=True, exist_ok=True)
    if options.part == "asked":
        found = asked(judge, options.n, options.relax)
        given = found[found["asked"].notna()]
        for name in ("drawn", "relaxed"):
            error = (given[name] - given["asked"]).abs()
            result[name] = float(error.median())
            result |= {f"{name} at {at:g}": float(one.median()) for at, one in error.groupby(given["asked"])}
            free = found.loc[found["asked"].isna(), name].to_numpy()
            result[f"{name}, unasked"] = float(np.nanmedian(np.abs(free[:, None] - np.array(TARGETS))))
    else:
        found = stable(judge, read(options.draws, options.n)[0], *read(options.training))
        for at in (0.0, 0.1):
            kept = found["above"] <= at
            result[f"stable {at}"] = float(kept.mean())
            result[f"stable, unique, new {at}"] = float((kept & found["unique"] & found["new"]).mean())
    found.to_csv(options.output / f"{options.part}.csv", index=False)
    (options.output / f"{options.part}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
