"""Effects of mutations in several families: columns, a Potts model, or VAEs, with and without a structure.

    python tests/benchmarks/families.py families/ YAP1_HUMAN:YAP1_HUMAN_Araya_2012 KKA2_KLEPN:KKA2_KLEPN_Melnikov_2014

The folder has ALIGNMENT.a2m.gz, proteingym_SCAN.csv.gz (columns mutant, score) and SCAN.pdb.gz of each pair. Printed:
Spearman's correlation with the scan, and in parentheses the standard deviation over bootstrap samples of positions.
`potts+columns` and `+structure` are means of ranks with equal weights; that of `+structure` is family_structure_score.
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata, spearmanr

import sciencegen as sg

SAMPLES = 200


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("pairs", nargs="+", help="ALIGNMENT:SCAN")
    parser.add_argument("--recipe", default="alignment-potts")
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
        began = time.process_time()
        found = sg.score_variants(
            "proteins", names, alignment=str(alignment), recipe=chosen.recipe, structure=str(structure), threads=1
        )
        table = found.table.astype({"measured": float}).dropna(subset=["measured", "contacts", "structure_log_odds"])
        score, columns = table["score"].to_numpy(), table["column_score"].to_numpy()
        scores = {
            "columns": columns,
            chosen.recipe: score,
            f"{chosen.recipe}+columns": rankdata(score) + rankdata(columns),
            "contacts": -table["contacts"].to_numpy(),
            "log odds": table["structure_log_odds"].to_numpy(),
            "columns+structure": with_structure(table, columns),
            f"{chosen.recipe}+structure": table["family_structure_score"].to_numpy(),
        }
        shown = "  ".join(f"{name} {value:.3f} ({sd:.3f})" for name, (value, sd) in correlations(table, scores).items())
        alike = float(spearmanr(score, columns).statistic)
        print(f"{scan}: {len(table)} of {len(measured)} variants; {shown}; alike {alike:.3f}", flush=True)
        print(f"  {time.process_time() - began:.0f} CPU s; " + "; ".join(found.notes), flush=True)


if __name__ == "__main__":
    main()
