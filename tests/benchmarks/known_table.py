"""Models of a table whose distribution is known: log-likelihood of other rows, and how near the draws are to these.

    python -m tests.benchmarks.known_table --rows 300 300000 --recipes array-vae array-diffusion

The models have default settings. A tenth of the cells that they learn from are missing. The 2,000 rows to compare with
have no gaps; beside the models are other rows of the distribution itself, and the rows that the smallest model has
learned from.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path

import pandas as pd

import sciencegen as sg
from tests.domains.tables.known_table import log_likelihood, table

COMPARED = 2000


def compare(name: str, samples: Path, reference: Path, likelihood: str) -> None:
    """Print a line of the figures of a table of rows."""
    found = sg.evaluate("arrays", str(samples), against=str(reference)).metrics
    print(f"{name}: {likelihood} nats, marginals {found['marginals']:.3f}, correlations {found['correlations']:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", nargs="+", type=int, default=[300, 300_000])
    parser.add_argument("--recipes", nargs="+", default=["array-vae", "array-diffusion"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        reference, other = folder / "reference.csv", folder / "other.csv"
        held_out = table(COMPARED, seed=1, gaps=0.0)
        held_out.to_csv(reference, index=False)
        table(COMPARED, seed=2, gaps=0.0).to_csv(other, index=False)
        compare("the distribution", other, reference, f"{log_likelihood(held_out).mean():.2f}")
        for count, recipe in product(chosen.rows, chosen.recipes):
            learned, drawn, run = folder / f"{count}.csv", folder / f"drawn{count}.csv", folder / f"{recipe}{count}"
            table(count, seed=3).to_csv(learned, index=False)
            sg.train("arrays", str(learned), recipe=recipe, folder=str(run), threads=1)
            sg.generate("arrays", COMPARED, model=str(run), threads=1).write(str(drawn))
            scored = pd.DataFrame(sg.score("arrays", reference, model=str(run), names="log_likelihood").table)
            compare(f"{recipe} of {count} rows", drawn, reference, f"{scored['log_likelihood'].mean():.2f}")
        smallest = folder / f"{min(chosen.rows)}.csv"
        compare(f"the {min(chosen.rows)} rows themselves", smallest, reference, "-")


if __name__ == "__main__":
    main()
