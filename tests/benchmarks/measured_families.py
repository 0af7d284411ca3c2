"""A family's model beside measured variants: what it reads of variants that it wasn't shown, and what it draws.

    python tests/benchmarks/measured_families.py blat-alignment --measured blat-singles --target log_fitness --shown 600

Alignment and measurements are datasets, fetched on first use, or files.
Trains on the alignment and on `--shown` of the measured variants, drawn by the seed; the others are looked up only.
With --alone the same settings without any measurement, for the scores.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from scipy.stats import spearmanr

from sciencegen.api.models.folder import load_model
from sciencegen.api.train import train
from sciencegen.config import TrainSettings, build_settings
from sciencegen.data.tables import read_table
from sciencegen.domains.proteins.items import encode_rows
from sciencegen.domains.proteins.models import FamilyScorer
from sciencegen.latent.geometry import latent_noise
from tests.benchmarks.dataset_files import dataset_file


def split(chosen: argparse.Namespace) -> tuple[dict[str, float], dict[str, float]]:
    """Shown and others: name -> what was measured."""
    rows = [row for row in read_table(dataset_file(chosen.measured), ("mutant",)) if chosen.target in row.values]
    order = np.random.default_rng(chosen.seed).permutation(len(rows))
    parts = order[: chosen.shown], order[chosen.shown :]
    shown, others = ({rows[i].text: rows[i].values[chosen.target] for i in part} for part in parts)
    return shown, others


def model_of(chosen: argparse.Namespace, shown: dict[str, float], folder: Path) -> Any:
    settings: dict[str, Any] = {"seed": chosen.seed, "threads": chosen.threads}
    settings |= {"settings": yaml.safe_load(chosen.settings), "training": yaml.safe_load(chosen.training)}
    if not chosen.alone:
        with (folder / "shown.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("mutant", chosen.target), *shown.items()])
        settings |= {"measured": str(folder / "shown.csv"), "target": chosen.target}
    train("proteins", dataset_file(chosen.alignment), build_settings(TrainSettings, settings), folder=folder / "model")
    return load_model("proteins", folder / "model", "cpu")


def readings(loaded: Any, others: dict[str, float]) -> None:
    """Spearman of scores, which know no measurement, and of what the model reads, with what was measured."""
    scorer, names, values = FamilyScorer(loaded.model, loaded.representation), list(others), list(others.values())
    known = ~np.isnan(scores := scorer.member_scores(names).mean(0))
    print(f"{known.sum()} variants left out: score {spearmanr(scores[known], np.array(values)[known]).statistic:.3f}")
    if loaded.model.landscape is not None:
        rows = [loaded.representation.row_of(scorer.names.read(name)[1]) for name in np.array(names)[known]]
        read = loaded.model.landscape.value(torch.from_numpy(encode_rows(rows).astype(np.int64))).numpy()
        print(f"what it reads {spearmanr(read, np.array(values)[known]).statistic:.3f}")


def draws(loaded: Any, asked: float, changes: int, shown: dict[str, float], others: dict[str, float], target: str):
    """512 draws under both wishes: the sums of what was measured of their single changes; of singles those left out."""
    row = loaded.representation.condition({target: asked, "mutations": float(changes)})
    noise = torch.from_numpy(latent_noise(0, 0, loaded.model.latent_size)).float()
    batch = loaded.model.generate(noise, torch.from_numpy(np.repeat(row[None], len(noise), 0)))
    names = set(loaded.representation.names(loaded.representation.decode(batch)))
    measured = shown | others
    sums = [
        sum(measured[one] for one in name.split(":")) for name in names if all(p in measured for p in name.split(":"))
    ]
    own = [others[name] for name in names if name in others]
    left_out = f"; {len(own)} that were left out {np.mean(own):.2f}" if own else ""
    print(f"{changes} mutations, asked {asked:g}: {len(names)} distinct, sum of singles {np.mean(sums):.2f}{left_out}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alignment", help="a dataset or a file")
    parser.add_argument("--measured", required=True, help="a dataset or a file")
    parser.add_argument("--target", default="value")
    parser.add_argument("--shown", type=int, default=600)
    parser.add_argument("--asked", default="-3,-2,-1,-0.5,0")
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--training", default="{}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--alone", action="store_true")
    chosen = parser.parse_args()
    shown, others = split(chosen)
    with tempfile.TemporaryDirectory() as folder:
        loaded = model_of(chosen, shown, Path(folder))
    readings(loaded, others)
    if not chosen.alone:
        for changes in (1, 2, 6):
            for asked in map(float, chosen.asked.split(",")):
                draws(loaded, asked, changes, shown, others, chosen.target)


if __name__ == "__main__":
    main()
