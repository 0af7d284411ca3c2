"""Effects of mutations in several families: columns, a Potts model and VAEs, with and without a structure.

    python tests/benchmarks/families.py families/ YAP1_HUMAN:YAP1_HUMAN_Araya_2012 KKA2_KLEPN:KKA2_KLEPN_Melnikov_2014

The folder has ALIGNMENT.a2m.gz, proteingym_SCAN.csv.gz (columns mutant, score) and SCAN.pdb.gz of each pair. Printed:
Spearman's correlation with the scan, and in parentheses the standard deviation over bootstrap samples of positions.
blosum62 is the matrix's entry for the substitution. Sums are means of ranks with equal weights; +structure is that of
family_structure_score. Then, of `--shown` variants drawn at random, mean and standard deviation over 20 draws of
Spearman's correlation with the others: a ridge regression on letters and positions (one-hot), and the same beside each
score (augmented, Hsu et al. 2022), penalty by cross-validation. The tables are kept in `--work`.
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path

import numpy as np
import pandas as pd
from Bio.Align import substitution_matrices
from scipy.stats import rankdata, spearmanr
from sklearn.linear_model import RidgeCV

import sciencegen as sg

SAMPLES, DRAWS = 200, 20
ALPHAS = np.logspace(-2, 3, 11)
MATRIX = substitution_matrices.load("BLOSUM62")


def unpacked(path: Path, folder: Path) -> Path:
    made = folder / path.stem
    if not made.exists():
        made.write_bytes(gzip.decompress(path.read_bytes()))
    return made


def with_structure(table: pd.DataFrame, score: np.ndarray) -> np.ndarray:
    """The mean of the ranks of a score and of the mean of those of the structure's columns."""
    parts = [rankdata(-table["contacts"])]
    if "structure_log_odds" in table:
        parts.append(rankdata(table["structure_log_odds"]))
    return rankdata(score) + np.mean(parts, 0)


def correlations(table: pd.DataFrame, scores: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    """Name -> Spearman's correlation and its standard deviation over samples of positions."""
    position = table["mutant"].str[1:-1].astype(int).to_numpy()
    rows = [np.flatnonzero(position == one) for one in np.unique(position)]
    generator, measured = np.random.default_rng(0), table["measured"].to_numpy()
    drawn = [
        np.concatenate([rows[one] for one in generator.integers(len(rows), size=len(rows))]) for _ in range(SAMPLES)
    ]
    found = {}
    for name, score in scores.items():
        each = [spearmanr(score[chosen], measured[chosen]).statistic for chosen in drawn]
        found[name] = (float(spearmanr(score, measured).statistic), float(np.std(each)))
    return found


def one_hot(mutants: pd.Series) -> np.ndarray:
    """Which position is changed, and to which letter: of 96 variants few share both."""
    position, letter = mutants.str[1:-1], mutants.str[-1]
    return np.column_stack([pd.get_dummies(position), pd.get_dummies(letter)]).astype(float)


def from_some(table: pd.DataFrame, scores: dict[str, np.ndarray], shown: int) -> dict[str, tuple[float, float]]:
    """Name of the inputs -> mean and standard deviation of the correlation with variants that weren't shown."""
    letters, measured = one_hot(table["mutant"]), table["measured"].to_numpy()
    inputs = {"one-hot": letters}
    for name, score in scores.items():
        standard = (score - score.mean()) / score.std()
        inputs[f"one-hot, {name}"] = np.column_stack([letters, 10 * standard])  # 10: hardly any penalty on the score's
    found = {}
    for name, x in inputs.items():
        each = []
        for seed in range(DRAWS):
            order = np.random.default_rng(seed).permutation(len(table))
            known, other = order[:shown], order[shown:]
            model = RidgeCV(ALPHAS).fit(x[known], measured[known])
            each.append(spearmanr(model.predict(x[other]), measured[other]).statistic)
        found[name] = (float(np.mean(each)), float(np.std(each)))
    return found


def shown_as(found: dict[str, tuple[float, float]]) -> str:
    return "  ".join(f"{name} {value:.3f} ({sd:.3f})" for name, (value, sd) in found.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pairs", nargs="+", help="ALIGNMENT:SCAN")
    parser.add_argument("--recipes", nargs="+", default=["alignment-potts", "alignment-vae"])
    parser.add_argument("--shown", type=int, default=96)
    parser.add_argument("--work", type=Path, default=Path("runs/families"))
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    for pair in chosen.pairs:
        family, scan = pair.split(":")
        alignment = unpacked(chosen.folder / f"{family}.a2m.gz", chosen.work)
        structure = unpacked(chosen.folder / f"{scan}.pdb.gz", chosen.work)
        measured = pd.read_csv(chosen.folder / f"proteingym_{scan}.csv.gz").rename(columns={"score": "measured"})
        names = chosen.work / f"{scan}.csv"
        measured.to_csv(names, index=False)
        tables, notes = {}, list[str]()
        for recipe in chosen.recipes:
            began = time.process_time()
            found = sg.score_variants(
                "proteins", names, alignment=str(alignment), recipe=recipe, structure=str(structure), threads=1
            )
            tables[recipe] = found.table.astype({"measured": float})
            notes.append(f"{recipe}: {time.process_time() - began:.0f} CPU s; " + "; ".join(found.notes))
        table = tables[chosen.recipes[0]]
        known = table[["measured", "contacts", "structure_log_odds"]].notna().all(axis=1)
        for recipe, one in tables.items():
            table[recipe] = one["score"]
        table[known].to_csv(chosen.work / f"{scan}.scores.csv", index=False)
        table = table[known].reset_index(drop=True)
        columns = table["column_score"].to_numpy()
        scores = {"blosum62": np.array([MATRIX[one[0]][one[-1]] for one in table["mutant"]]), "columns": columns}
        scores["blosum62+columns"] = rankdata(scores["blosum62"]) + rankdata(columns)
        learned = {recipe: table[recipe].to_numpy() for recipe in chosen.recipes}
        scores |= learned
        if len(learned) > 1:
            learned["+".join(learned)] = sum(map(rankdata, learned.values()))
            scores |= learned
        scores |= {"contacts": -table["contacts"].to_numpy(), "log odds": table["structure_log_odds"].to_numpy()}
        for name in ("columns", *learned):
            scores[f"{name}+structure"] = with_structure(table, scores[name])
        print(f"{scan}: {len(table)} of {len(measured)} variants; {shown_as(correlations(table, scores))}", flush=True)
        beside = {name: rankdata(scores[name]) for name in ("columns", *learned)}
        beside |= {f"{name}+structure": scores[f"{name}+structure"] for name in learned}
        print(f"  of {chosen.shown}: {shown_as(from_some(table, beside, chosen.shown))}", flush=True)
        print("  " + "\n  ".join(notes), flush=True)


if __name__ == "__main__":
    main()
