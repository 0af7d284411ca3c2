"""Score: properties and other oracles of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sciencegen.api.models.folder import open_model
from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.science.forms import domain_of, in_form
from sciencegen.api.science.naming import columns_of, read_rows_of
from sciencegen.api.scores.rows import Scoring
from sciencegen.config import DEFAULT_RESOURCES, Resources, as_texts
from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.errors import ConfigError
from sciencegen.items import Row
from sciencegen.scoring.oracles import Oracle


def score(
    domain: str,
    items: str | Sequence[str],
    names: str | Sequence[str] = (),
    predictors: Mapping[str, str] | None = None,
    model: str | None = None,
) -> Any:
    """The items' scores as a pandas table with one row each; an item that is refused has empty cells and its reason.

    model: a shipped name or a folder, for what it knows of items itself (galaxies: anomaly)."""
    import pandas as pd

    texts = as_texts(items)
    rows = [Row(line, text) for line, text in enumerate(texts, start=1)]
    further = own_oracles(domain, model, DEFAULT_RESOURCES)
    scoring = Scoring(domain, rows, as_texts(names), predictors or {}, Resources(), 30.0, further=further)
    columns: dict[str, list[Any]] = {name: [] for name in scoring.columns}
    refused: dict[int, str] = {}
    for chunk in scoring:
        refused |= {line: reason for line, _, reason in chunk.refused}
        for name, values in chunk.values.items():
            columns[name].extend(values)
    table = pd.DataFrame(columns).set_index("line").reindex(range(1, len(rows) + 1))
    table["item"] = table["item"].fillna(pd.Series(texts, index=table.index))
    table["refused"] = [refused.get(line) for line in table.index]
    return table.reset_index(drop=True)


def stream(
    domain: str, path: Path, names: Sequence[str], predictors: Mapping[str, str], *, column: str | None = None,
    timeout_s: float = 30.0, resources: Resources = DEFAULT_RESOURCES, whole: bool = False, wild_type: str = "",
    carried: bool = False, model: str | None = None,
) -> Scoring:  # fmt: skip
    """The scoring of a file, chunk by chunk; in the form that a predictor sees items in, if the file has it,
    or in one that alone can read it.

    whole: items come as the texts of that form, to be written as its files; else as the domain's own, for tables.
    wild_type: what the rows are named against (proteins: column mutant); then their names are a column.
    carried: a table's own columns come along.
    model: whose own oracles may be named; without names, they are those asked.
    """
    further = own_oracles(domain, model, resources)
    formed = domain if wild_type else in_form(domain, _form_of(domain, path, predictors))
    rows = read_rows_of(domain_of(formed), path, column, wild_type)
    if carried and formed == domain and path.name.lower().endswith(READ_TABLES):
        whole_rows = read_table(path, columns_of(domain_of(domain), wild_type), column, with_cells=True)
        rows = (replace(row, cells=one.cells) for row, one in zip(rows, whole_rows, strict=True))
    return Scoring(formed, rows, names, predictors, resources, timeout_s, whole, wild_type, further)


def own_oracles(domain: str, model: str | None, resources: Resources) -> Mapping[str, Oracle]:
    """What a model knows of items itself, by name; none without a model, an error for one that knows nothing."""
    if model is None:
        return {}
    found = open_model(domain, model, resources).oracles
    if not found:
        raise ConfigError(f"Expected a model that scores items, {model} has no scores of its own. Leave it out.")
    return found


def _form_of(domain: str, path: Path, predictors: Mapping[str, str]) -> str:
    science = domain_of(domain)
    forms = {name: domain_of(in_form(domain, name)).form for name in science.forms}
    wanted = [load_predictor(domain, folder).form for folder in predictors.values()]
    if not path.name.lower().endswith(tuple(science.items.formats)):
        wanted += list(forms)
    return next((form for form in wanted if (known := forms.get(form)) is not None and known.holds(path)), "")
