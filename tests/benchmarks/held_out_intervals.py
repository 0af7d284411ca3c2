"""How often the intervals of predictors hold the labels of held-out rows, and how far off the predictions are.

    sciencegen predict galaxies data/kids --predictor mag=runs/mag_r -o predicted.csv
    python tests/benchmarks/held_out_intervals.py predicted.csv --split test --label mag=mag_r

The table holds predictions, the labels and the column `split`, as `predict` writes it for a prepared folder. Per label:
the share of intervals that hold it, with a 95% interval (Wilson 1927), also of the rows in domain and of thirds by the
label; the median absolute error beside the labels' own spread (median absolute deviation from their median, which is
the error of always guessing this median); the rank correlation; the median width of the intervals.
"""

from __future__ import annotations

import argparse
import json
import math

import numpy as np
import pandas as pd


def wilson(held: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """A 95% interval of a share."""
    share, wide = held / count, z**2 / count
    centre, half = share + wide / 2, z * math.sqrt(share * (1 - share) / count + wide / (4 * count))
    return (centre - half) / (1 + wide), (centre + half) / (1 + wide)


def of_label(rows: pd.DataFrame, name: str, label: str) -> dict[str, object]:
    rows = rows[np.isfinite(rows[label]) & np.isfinite(rows[name])]
    truth, value = rows[label], rows[name]
    holds = (rows[f"{name}_lower"] <= truth) & (truth <= rows[f"{name}_upper"])
    low, high = wilson(int(holds.sum()), len(rows))
    thirds = np.array_split(np.argsort(truth.to_numpy(), kind="stable"), 3)
    in_domain = rows[f"{name}_in_domain"].astype(str).str.lower() == "true"
    return {
        "rows": len(rows),
        "intervals_hold": f"{holds.mean():.3f} ({low:.3f} to {high:.3f})",
        "in_domain": f"{in_domain.mean():.3f}, of which {holds[in_domain].mean():.3f} hold",
        "thirds_hold": [round(float(holds.to_numpy()[one].mean()), 3) for one in thirds],
        "median_error": float((value - truth).abs().median()),
        "median_bias": float((value - truth).median()),
        "spread_of_labels": float((truth - truth.median()).abs().median()),
        "spearman": float(value.corr(truth, method="spearman")),
        "median_width": float((rows[f"{name}_upper"] - rows[f"{name}_lower"]).median()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="as `predict` wrote it")
    parser.add_argument("--split", default="test")
    parser.add_argument("--label", action="append", required=True, help="prediction=label, repeatable")
    given = parser.parse_args()
    table = pd.read_csv(given.table)
    rows = table[table["split"] == given.split]
    pairs = (one.partition("=")[::2] for one in given.label)
    print(json.dumps({label: of_label(rows, name, label) for name, label in pairs}, indent=1))


if __name__ == "__main__":
    main()
