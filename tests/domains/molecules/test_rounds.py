"""Design rounds on real molecules: the next plate beats a random one, from a pool and from moves."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.propose import propose
from sciencegen.domains.molecules import DOMAIN

SAMPLE = Path(__file__).parents[3] / "datasets/molecules/moses/sample_train.csv.gz"
FAST = dict(threads=1, surrogate="gp", batch=24)


def tpsa(texts):
    return DOMAIN.measure([DOMAIN.items.parse(text) for text in texts], ["tpsa"])[:, 0]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """60 measured molecules, and 500 others."""
    folder = tmp_path_factory.mktemp("rounds")
    with gzip.open(SAMPLE, "rt") as file:
        texts = file.read().split()[1:561]
    pd.DataFrame({"item": texts[:60], "value": tpsa(texts[:60])}).to_csv(folder / "round1.csv", index=False)
    pd.DataFrame({"item": texts[60:]}).to_csv(folder / "pool.csv", index=False)
    return folder / "round1.csv", folder / "pool.csv"


@pytest.mark.slow
def test_a_plate_of_a_pool_beats_a_random_one(tables):
    measured, pool = tables
    table = propose("molecules", str(measured), pool=str(pool), **FAST).table
    values, found = tpsa(pd.read_csv(pool)["item"]), tpsa(table["item"])
    chance = np.random.default_rng(0)
    random = np.array([chance.choice(values, 24, replace=False).mean() for _ in range(1000)])
    assert found.mean() > random.max()
    assert np.corrcoef(found, table["predicted"])[0, 1] > 0.5
    less = propose("molecules", str(measured), pool=str(pool), minimize=True, **FAST).table
    assert tpsa(less["item"]).mean() < random.min()


@pytest.mark.long
def test_a_plate_of_moves_beats_the_measured_and_holds_the_patterns(tables):
    measured, _ = tables
    options = dict(keep=["c1ccccc1"], forbid=["[N+](=O)[O-]"], breeding={"children": 100, "generations": 2})
    table = propose("molecules", str(measured), maximum_similarity=0.6, **options, **FAST).table
    assert tpsa(table["item"]).mean() > tpsa(pd.read_csv(measured)["item"]).mean() + 20
    items = [DOMAIN.items.parse(text) for text in table["item"]]
    assert all(map(DOMAIN.moves.constraint(options["keep"], options["forbid"], None), items))
    alike = DOMAIN.similarity.matrix(items, items)[~np.eye(len(items), dtype=bool)]
    assert alike.max() <= 0.6
    assert set(table["source"]) <= {"substituent", "matched pair", "linker", "replacement"}
