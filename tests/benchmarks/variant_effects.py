"""Effects of mutations from a family alone, beside measurements; and the bound that its settings are chosen by.

    python tests/benchmarks/variant_effects.py blat-alignment --held-out 0.1 --settings '{hidden: 512}'
    python tests/benchmarks/variant_effects.py blat-alignment --measured blat-singles --target log_fitness

Alignment and measurements are datasets, fetched on first use, or files.
With --held-out whole groups of sequences (each within 80% identity of the first of its group, together this share of
the summed weights) are left out of training, and nothing is read but their bound. With --measured: Spearman's
correlation of each member's scores and of their mean with the measured values.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from scipy.stats import spearmanr

from sciencegen.data.tables import read_table
from sciencegen.domains.proteins.aligned import alignment_rows, context
from sciencegen.domains.proteins.alignments import read_alignment
from sciencegen.domains.proteins.items import GAP, encode_rows
from sciencegen.domains.proteins.models import RECIPES, AlignmentRepresentation, FamilyScorer, alignment_vae, fit
from sciencegen.records import to_record
from sciencegen.training import TrainingSettings, weighted_order
from sciencegen.training.train import train
from tests.benchmarks.dataset_files import dataset_file

RECIPE = RECIPES["alignment-vae"]
IDENTITY = 0.8


def groups(rows: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """[sequence] the first of its group: drawn one after the other, each takes what is near it and has no group."""
    first = np.full(len(rows), -1)
    for leader in generator.permutation(len(rows)):
        if first[leader] < 0:
            near = (rows == rows[leader]).mean(1) > IDENTITY
            first[near & (first < 0)] = leader
            first[leader] = leader
    return first


def held_out(rows: np.ndarray, weights: np.ndarray, share: float, seed: int) -> np.ndarray:
    """[sequence] True for those of the groups that are left out; never the focus's own."""
    generator = np.random.default_rng(seed)
    first = groups(rows, generator)
    out = np.zeros(len(rows), bool)
    for leader in generator.permutation(np.unique(first)):
        if leader != first[0] and weights[out].sum() < share * weights.sum():
            out |= first == leader
    return out


def near(rows: np.ndarray, out: np.ndarray) -> np.ndarray:
    """[sequence] True for those that are as near to one that is left out, over its residues: no model sees them."""
    found = np.zeros(len(rows), bool)
    for row in rows[out]:
        found |= ((rows == row) & (row != GAP)).sum(1) > IDENTITY * (row != GAP).sum()
    return found


class Family:
    """An alignment's distinct rows, and models of them."""

    def __init__(self, path: Path, chosen: argparse.Namespace) -> None:
        kept = [row for row in alignment_rows(read_alignment(path)) if not row.text.startswith("#")]
        self.texts, self.seed = [row.text for row in kept], chosen.seed
        self.rows = encode_rows(self.texts)
        self.weights = np.array([row.values["weight"] for row in kept])
        values = np.array([[row.values["mutations"], row.values["weight"]] for row in kept])
        self.representation: AlignmentRepresentation = fit(self.texts, values, ("mutations", "weight"), context(path))
        self.settings = to_record(RECIPE.settings, yaml.safe_load(chosen.settings), "settings")
        given = {**RECIPE.training, **yaml.safe_load(chosen.training), "seed": chosen.seed}
        self.training = to_record(TrainingSettings, given, "training")

    def model(self, chosen: np.ndarray) -> Any:
        """Trained on these rows."""
        torch.manual_seed(self.seed)
        model = alignment_vae(self.representation, self.settings)
        model.effective_items = float(self.weights[chosen].sum())
        rows, weights = self.rows[chosen], self.weights[chosen]

        def batches(step: int) -> Any:
            for drawn in weighted_order(weights, self.training.batch_size, self.seed, step):
                yield self.representation.batch(list(rows[drawn]))

        with tempfile.TemporaryDirectory() as folder:  # never what an earlier run left
            train(model, batches, self.training, Path(folder))
        return model.eval()


def bound(model: Any, family: Family, out: np.ndarray, samples: int = 32) -> tuple[float, float]:
    """Nats a sequence, by weight: the members' mean bound, and that of their mixture."""
    parts = np.array_split(np.flatnonzero(out), max(1, out.sum() // 256))
    evidence = torch.cat([model.evidence(family.representation.batch(list(family.rows[p])), samples) for p in parts], 1)
    weights = family.weights[np.concatenate(parts)]
    mixture = (evidence.logsumexp(0) - np.log(len(evidence))).numpy()
    return float(np.average(evidence.mean(0).numpy(), weights=weights)), float(np.average(mixture, weights=weights))


def correlations(model: Any, family: Family, path: str, target: str) -> None:
    rows = [row for row in read_table(path, ("mutant",)) if target in row.values]
    scorer = FamilyScorer(model, family.representation)
    started = time.perf_counter()
    each = scorer.member_scores([row.text for row in rows])
    measured = np.array([row.values[target] for row in rows])
    known = ~np.isnan(each[0])
    single = [float(spearmanr(one[known], measured[known]).statistic) for one in each]
    whole = float(spearmanr(each.mean(0)[known], measured[known]).statistic)
    shown = " ".join(f"{value:.3f}" for value in single)
    print(f"{known.sum()} of {len(rows)} variants in {time.perf_counter() - started:.0f} s")
    print(f"Spearman: members {shown} (mean {np.mean(single):.3f}, sd {np.std(single):.3f}); their mean {whole:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alignment", help="a dataset or a file")
    parser.add_argument("--held-out", type=float)
    parser.add_argument("--measured", help="a dataset or a file")
    parser.add_argument("--target", default="value")
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--training", default="{}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    started = time.perf_counter()
    family = Family(dataset_file(chosen.alignment), chosen)
    print(f"{len(family.rows)} distinct rows worth {family.weights.sum():.0f}: {time.perf_counter() - started:.1f} s")
    out = held_out(family.rows, family.weights, chosen.held_out or 0.0, 0)
    model = family.model(~out & ~near(family.rows, out))
    print(f"trained in {time.perf_counter() - started:.0f} s")
    if chosen.held_out:
        print(
            "held out {}: {:.2f} nats a sequence, mixture of members {:.2f}".format(
                out.sum(), *bound(model, family, out)
            )
        )
    if chosen.measured:
        correlations(model, family, str(dataset_file(chosen.measured)), chosen.target)


if __name__ == "__main__":
    main()
