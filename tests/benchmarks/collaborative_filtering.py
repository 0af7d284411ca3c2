"""What users will like: `array-vae` with a multinomial likelihood, beside popularity, factorization and a linear model.

    python -m tests.benchmarks.collaborative_filtering ml-100k/u.data -o collaborative-filtering

The ratings are a table whose first columns are user, item and rating, such as MovieLens' `u.data` and `ratings.csv`. Of
the dataset `gdsc-ic50`, users are cell lines, and they like the drugs to which they are among the most sensitive fifth.
The protocol is that of Liang et al. (2018): ratings of 4 and more are likes, users have five or more, a sixth of the
users is for validation and as many for the test. Models learn from all likes of the others, get four of five likes of
a test user, and are to find the fifth ones. Recall@20 is the share of these, of at most 20, among the 20 items of the
highest score; NDCG@100 also counts their ranks. The factorization is that of implicit feedback (Hu et al. 2008), the
linear autoencoder EASE (Steck 2019). Their settings, and the steps of the VAE, are chosen by NDCG@100 of the
validation users. Scores of the VAE are the shares that `encode` gives.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import sciencegen as sg

LIKED, FEWEST = 4.0, 5
LINE = "Cell Line"
SENSITIVE = 0.2
"""Share of the cell lines on which a drug was measured that like it."""
HELD_OUT = 1 / 6
RANKS, PENALTIES, WEIGHTS = (8, 16, 32), (1.0, 10.0), (2.0, 10.0)
RIDGES = (50.0, 100.0, 200.0, 400.0)
STEPS, ROWS = (300, 600, 1200), 128
SETTINGS = {
    "multinomial": {"liked": ["x"]}, "count_inputs": "normalized", "count_dropout": 0.5, "latent": 32, "width": 128,
    "depth": 1, "flow_layers": 0, "decoder_noise": False,
}  # fmt: skip

Scorer = Callable[[np.ndarray], np.ndarray]
"""Likes of users to scores of items, [user item]."""


@dataclass(frozen=True)
class Split:
    """Likes [user item] of those who are learned from; given and hidden ones of others."""

    train: np.ndarray
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def likes(path: str) -> pd.DataFrame:
    """The columns user and item of likes of users with `FEWEST` or more."""
    comma = path.endswith(".csv")
    found = pd.read_csv(path, sep="," if comma else "\t", header=0 if comma else None)
    if LINE in found:
        liked = sensitive(found)
    else:
        found = found.iloc[:, :3].set_axis(["user", "item", "rating"], axis=1)
        liked = found[found["rating"] >= LIKED]
    return liked[liked.groupby("user")["user"].transform("size") >= FEWEST]


def sensitive(table: pd.DataFrame) -> pd.DataFrame:
    """Cell lines, and the drugs whose log IC50 is there in the lowest share of those measured."""
    values = table.set_index(LINE).drop(columns=["Cancer Type", "Tissue"])
    low = (values.rank(pct=True) <= SENSITIVE).rename_axis("user").rename_axis("item", axis=1).stack()
    return low[low].reset_index()[["user", "item"]]


def split(liked: pd.DataFrame, seed: int) -> Split:
    generator = np.random.default_rng(seed)
    users = generator.permutation(np.unique(liked["user"]))
    count = round(HELD_OUT * len(users))
    parts = users[2 * count :], users[:count], users[count : 2 * count]
    items = np.unique(liked["item"][liked["user"].isin(parts[0])])
    whole = pd.crosstab(liked["user"], liked["item"])[items]
    train, validation, test = (whole.loc[part].to_numpy() for part in parts)
    return Split(train, with_hidden(validation, generator), with_hidden(test, generator))


def with_hidden(liked: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four of five likes of each user, and the others."""
    hidden = np.zeros_like(liked)
    for row, found in zip(hidden, liked, strict=True):
        items = np.flatnonzero(found)
        row[generator.choice(items, len(items) // 5, replace=False)] = 1
    return liked - hidden, hidden


def metrics(scorer: Scorer, given: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall@20 and NDCG@100 of each user with hidden likes (Liang et al. 2018, section 4.2)."""
    some = hidden.any(1)
    order = np.argsort(-np.where(given > 0, -np.inf, scorer(given))[some], 1, kind="stable")[:, :100]
    hit, count = np.take_along_axis(hidden[some], order, 1), hidden[some].sum(1)
    gain = 1 / np.log2(np.arange(2, order.shape[1] + 2))
    best = np.cumsum(gain)[np.minimum(count, len(gain)) - 1]
    return hit[:, :20].sum(1) / np.minimum(count, 20), hit @ gain / best


def popularity(one: Split) -> Iterator[Scorer]:
    yield lambda given: np.broadcast_to(one.train.sum(0), given.shape)


def regressed(liked: np.ndarray, others: np.ndarray, penalty: float, weight: float) -> np.ndarray:
    """Factors of rows: a ridge regression in which likes have the weight 1 + `weight` (Hu et al. 2008, eq. 4)."""
    gram = others.T @ others + penalty * np.eye(others.shape[1])
    own = (others[row > 0] for row in liked)
    return np.stack([np.linalg.solve(gram + weight * rows.T @ rows, (1 + weight) * rows.sum(0)) for rows in own])


def factorizations(one: Split, seed: int) -> Iterator[Scorer]:
    for rank, *settings in product(RANKS, PENALTIES, WEIGHTS):
        items = np.random.default_rng(seed).normal(0, 0.1, (one.train.shape[1], rank))
        for _ in range(10):
            items = regressed(one.train.T, regressed(one.train, items, *settings), *settings)
        yield lambda given, items=items, settings=settings: regressed(given, items, *settings) @ items.T


def linear_autoencoders(one: Split) -> Iterator[Scorer]:
    """x B, where B has a diagonal of 0 (Steck 2019, eq. 8)."""
    for ridge in RIDGES:
        inverse = np.linalg.inv(one.train.T @ one.train + ridge * np.eye(one.train.shape[1]))
        weight = -inverse / np.diag(inverse)
        np.fill_diagonal(weight, 0)
        yield lambda given, weight=weight: given @ weight


def vaes(one: Split, folder: Path, seed: int) -> Iterator[Scorer]:
    np.savez(folder / "train.npz", x=one.train)
    for steps in STEPS:
        run = folder / f"run-{steps}"
        sg.train(
            "arrays", folder / "train.npz", folder=run, seed=seed, threads=1,
            settings={**SETTINGS, "beta": {"shape": "linear", "steps": steps // 2, "end": 0.2}},
            training={"steps": steps, "batch_size": ROWS, "warmup_steps": 20, "ema_decay": 0.98},
        )  # fmt: skip

        def shares(given: np.ndarray, run: Path = run) -> np.ndarray:
            np.savez(folder / "given.npz", x=given)
            return sg.encode("arrays", folder / "given.npz", model=str(run), threads=1).inferred["shares_liked"]

        yield shares


def best(candidates: Iterator[Scorer], one: Split) -> Scorer:
    return max(candidates, key=lambda scorer: metrics(scorer, *one.validation)[1].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ratings", help="a table of users, items and ratings; .csv with a header, else tabs without")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("-o", dest="folder", default="collaborative-filtering", help="of tables and models")
    chosen = parser.parse_args()
    liked = likes(chosen.ratings)
    for seed in chosen.seeds:
        folder, one = Path(chosen.folder) / str(seed), split(liked, seed)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"seed {seed}: {one.train.shape[0]} users, {one.train.shape[1]} items, {one.train.sum()} likes")
        methods = {
            "popularity": popularity(one), "factorization": factorizations(one, seed),
            "linear autoencoder": linear_autoencoders(one), "array-vae": vaes(one, folder, seed),
        }  # fmt: skip
        for name, candidates in methods.items():
            recall, gain = metrics(best(candidates, one), *one.test)
            error = recall.std() / len(recall) ** 0.5
            print(f"seed {seed}, {name}: recall@20 {recall.mean():.3f} ({error:.3f}), NDCG@100 {gain.mean():.3f}")


if __name__ == "__main__":
    main()
