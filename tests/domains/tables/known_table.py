"""A mixed table whose distribution is known: in each of three hidden groups the columns are independent."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special, stats

from sciencegen.domains.tables import rows

SHARE = np.array([0.5, 0.3, 0.2])
HEIGHT, WIDTH = np.array([170.0, 182.0, 160.0]), np.array([6.0, 5.0, 9.0])
AGE, AGE_SCALE = np.array([30.0, 48.0, 66.0]), 5.0
INCOME, INCOME_SCALE = np.array([10.2, 10.9, 9.6]), 0.35
VISITS, SIZE = np.array([1.5, 6.0, 14.0]), 3.0
CITIES = np.array(["Bergen", "Oslo", "Tromsø"])
CITY = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3]])
SMOKES = np.array([0.1, 0.3, 0.6])
RATING = np.array([[0.05, 0.15, 0.3, 0.5], [0.4, 0.3, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]])
LIKELIHOODS = {
    "height": "gaussian", "age": "discretized_logistic", "income": "log_normal", "visits": "negative_binomial",
    "city": "categorical", "smoker": "bernoulli", "rating": "categorical",
}  # fmt: skip
"""Of the columns, as they are chosen by what these hold."""


def _drawn(shares: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A class of each row by its shares."""
    return (generator.random(len(shares))[:, None] > shares.cumsum(1)[:, :-1]).sum(1)


def table(count: int, seed: int = 0, gaps: float = 0.1) -> pd.DataFrame:
    """Rows, of whose cells a share is missing."""
    generator = np.random.default_rng(seed)
    group = generator.choice(3, count, p=SHARE)
    size = SIZE
    found = pd.DataFrame(
        {
            "height": generator.normal(HEIGHT[group], WIDTH[group]).round(1),
            "age": generator.logistic(AGE[group], AGE_SCALE).round().astype(int),
            "income": np.exp(generator.normal(INCOME[group], INCOME_SCALE)).round(2),
            "visits": generator.negative_binomial(size, size / (size + VISITS[group])),
            "city": CITIES[_drawn(CITY[group], generator)],
            "smoker": np.where(generator.random(count) < SMOKES[group], "yes", "no"),
            "rating": 1 + _drawn(RATING[group], generator),
        }
    )
    return found.astype(object).mask(generator.random(found.shape) < gaps) if gaps else found


def log_likelihood(found: pd.DataFrame) -> np.ndarray:
    """log p of each row in nats, missing cells marginalized; densities of height and income in their units."""
    each = np.log(SHARE)[None].repeat(len(found), 0)

    def age(value: np.ndarray) -> np.ndarray:
        rounded = stats.logistic(AGE, AGE_SCALE)
        return np.log(rounded.cdf(value + 0.5) - rounded.cdf(value - 0.5))

    columns = {
        "height": lambda x: stats.norm.logpdf(x, HEIGHT, WIDTH),
        "age": age,
        "income": lambda x: stats.norm.logpdf(np.log(x), INCOME, INCOME_SCALE) - np.log(x),
        "visits": lambda x: stats.nbinom.logpmf(x, SIZE, SIZE / (SIZE + VISITS)),
        "rating": lambda x: np.log(RATING.T[x[:, 0].astype(int) - 1]),
    }
    for name, log_prob in columns.items():
        known = found[name].notna().to_numpy()
        each[known] += log_prob(found[name][known].to_numpy(float)[:, None])
    city, smoker = found["city"], found["smoker"]
    each += np.where(city.isna().to_numpy()[:, None], 0, np.log(CITY.T[np.searchsorted(CITIES, city.fillna("Oslo"))]))
    yes = np.log(np.where((smoker == "yes").to_numpy()[:, None], SMOKES, 1 - SMOKES))
    return special.logsumexp(each + np.where(smoker.isna().to_numpy()[:, None], 0, yes), 1)


def texts(count: int, seed: int = 0, gaps: float = 0.1) -> list[str]:
    """Rows as texts."""
    cells = table(count, seed, gaps).astype(object)
    records = cells.where(cells.notna(), None).to_dict("records")
    plain = (
        {name: cell.item() if isinstance(cell, np.generic) else cell for name, cell in row.items()} for row in records
    )
    return [rows.text(row) for row in plain]
