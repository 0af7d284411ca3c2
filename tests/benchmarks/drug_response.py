"""Responses of cell lines to drugs: held-out entries by `array-vae`, beside matrix factorization and the drug's mean.

    python -m tests.benchmarks.drug_response gdsc/gdsc_ic50.csv -o drug-response

The table has a row for each cell line, with its name, cancer type and tissue, and log IC50 of each drug: the dataset
`gdsc-ic50`, of GDSC (Yang et al. 2013) as Brouwer and Lio (2017) filtered it. A tenth of the known entries is held out,
at random, in each repeat. Rank and penalty of the factorization (alternating least squares, around the means of drugs
and cell lines) are chosen on a tenth of the others. The VAE fills gaps with the median of their likelihood, by `encode`
and `decode`.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import sciencegen as sg
from sciencegen.domains.tables import rows

STEPS, ROWS = 1500, 128
RANKS, PENALTIES = (4, 8, 16, 32), (10.0, 20.0, 40.0)
NETWORKS: dict[str, object] = {}
PRODUCT: dict[str, object] = {"posterior": "product", "depth": 0}


def split(table: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The table without a tenth of its known entries, and a mask of these."""
    held = ~np.isnan(table) & (generator.random(table.shape) < 0.1)
    return np.where(held, np.nan, table), held


def means(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each drug, and with it the mean difference of each cell line, [line drug]."""
    drug = np.broadcast_to(np.nanmean(table, 0), table.shape)
    return drug, drug + np.nanmean(table - drug, 1, keepdims=True)


def factorized(table: np.ndarray, rank: int, penalty: float, seed: int) -> np.ndarray:
    """U V' + means, by alternating ridge regressions of the known entries."""
    base, known = means(table)[1], ~np.isnan(table)
    rest, generator = np.where(known, table - base, 0.0), np.random.default_rng(seed)
    u, v = generator.normal(0, 0.1, (len(table), rank)), generator.normal(0, 0.1, (table.shape[1], rank))
    for _ in range(20):
        for one, other, mask, value in ((u, v, known, rest), (v, u, known.T, rest.T)):
            gram = np.einsum("ij,jk,jl->ikl", mask, other, other) + penalty * np.eye(rank)
            one[:] = np.linalg.solve(gram, (value @ other)[..., None])[..., 0]
    return base + u @ v.T


def best_factorization(table: np.ndarray, seed: int) -> np.ndarray:
    inner, held = split(table, np.random.default_rng(seed + 1000))
    scores = {chosen: rmse(factorized(inner, *chosen, seed), table, held) for chosen in product(RANKS, PENALTIES)}
    return factorized(table, *min(scores, key=lambda one: scores[one]), seed)


def rmse(found: np.ndarray, table: np.ndarray, held: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(found - table)[held])))


def filled(
    folder: Path, table: np.ndarray, names: list[str], seed: int, settings: dict[str, object], rate: float
) -> np.ndarray:
    """The table with its gaps filled by the VAE."""
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(table, columns=names).to_csv(folder / "train.csv", index=False)
    sg.train(
        "arrays", folder / "train.csv", folder=folder / "run", seed=seed, threads=1,
        settings={"likelihoods": dict.fromkeys(names, "gaussian"), "latent": 16, "flow_layers": 0, **settings},
        training={"steps": STEPS, "batch_size": ROWS, "learning_rate": rate},
    )  # fmt: skip
    encoded = sg.encode("arrays", folder / "train.csv", model=str(folder / "run"), threads=1)
    back = sg.decode("arrays", encoded.latent, model=str(folder / "run"), threads=1)
    items = [rows.parse(text) for text in back.table["item"]]
    return np.array([[item[name] for name in names] for item in items], float)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", help="a .csv, perhaps .csv.gz")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "-o", dest="folder", default="drug-response", help="of tables and models; a killed training goes on"
    )
    chosen = parser.parse_args()
    found = pd.read_csv(chosen.table, index_col=0).drop(columns=["Cancer Type", "Tissue"])
    table, names = found.to_numpy(float), [str(name) for name in found.columns]
    for seed in chosen.seeds:
        folder = Path(chosen.folder) / str(seed)
        given, held = split(table, np.random.default_rng(seed))
        drug, both = means(given)
        predicted = {
            "mean of the drug": drug, "of drug and cell line": both,
            "matrix factorization": best_factorization(given, seed),
            "array-vae": filled(folder / "networks", given, names, seed, NETWORKS, 1e-3),
            "array-vae, product": filled(folder / "product", given, names, seed, PRODUCT, 5e-3),
        }  # fmt: skip
        shown = ", ".join(f"{name} {rmse(one, table, held):.3f}" for name, one in predicted.items())
        print(f"seed {seed}, RMSE of {held.sum()} entries: {shown}", flush=True)


if __name__ == "__main__":
    main()
