"""Predict: what a trained property regressor says of items."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.science.forms import domain_of
from sciencegen.config import as_texts
from sciencegen.items import Refusal
from sciencegen.scoring.oracles import ANNOTATIONS


def predict(domain: str, items: str | Sequence[str], folder: str | Path) -> Any:
    """A pandas table with a row for each item: its value, lower and upper bound, whether it is in domain."""
    import pandas as pd

    trained = load_predictor(domain, folder)
    items = as_texts(items)
    found = [domain_of(domain).items.parse(item) for item in items]
    good = [row for row, item in enumerate(found) if not isinstance(item, Refusal)]
    table = pd.DataFrame({"item": list(items)})
    for name in trained.targets:
        scores = trained.oracle(name).score([found[row] for row in good])
        for column, field in {name: "value", **{f"{name}_{part}": part for part in ANNOTATIONS}}.items():
            cells = [getattr(score, field) for score in scores]
            table[column] = pd.Series(cells, index=good, dtype=object if field == "in_domain" else float)
    return table
