"""Predict: properties of items by trained predictors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.score import collect, resolve_score
from sciencegen.api.writing.results import Scored
from sciencegen.config import PredictSettings, ScoreSettings, build_settings
from sciencegen.items import Given
from sciencegen.options import takes


@takes(PredictSettings, frames=("items",))
def predict(domain: str, items: Path | Given, predictors: str | Path | Mapping[str, str], **options: object) -> Scored:
    r"""Predict properties of items by trained predictors.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    items : str, object, sequence of these, Series, DataFrame, or Path
        One item or several, as texts or objects such as RDKit molecules; a data frame with a column of them; or the
        path of a file (a `pathlib.Path`; a str is an item).
    predictors : str, Path or mapping of str to str
        A predictor's folder or shipped name, for all its targets; or a mapping from column name to folder.

    Returns
    -------
    Scored
        Columns for each target: its value in the unit of the training table, the ends of the interval, `_lower` and
        `_upper`, and `_in_domain`, whether the item is similar to the training items.

    Raises
    ------
    DataError
        If there is no such predictor.
    IncompatibleError
        If it is a predictor of another domain.

    Examples
    --------
    >>> import sciencegen as sg
    >>> table = "item,value\n" + "\n".join(f"{'C' * n}O,{n}" for n in range(1, 31))
    >>> _ = open("measured.csv", "w").write(table)
    >>> settings = {"families": ["ridge"], "folds": 3}
    >>> _ = sg.train_predictor("molecules", "measured.csv", target="value", folder="predictor", settings=settings,
    ...                        evaluation_repeats=None, threads=1)
    >>> sg.predict("molecules", ["CCO"], "predictor", threads=1).table.columns.tolist()
    ['item', 'value', 'value_lower', 'value_upper', 'value_in_domain', 'refused']
    """
    chosen = build_settings(PredictSettings, options)
    settings = ScoreSettings(predictors=_by_name(domain, predictors), **chosen.model_dump(exclude_unset=True))
    return collect(resolve_score(domain, items, settings, verb="predict"))


def _by_name(domain: str, predictors: str | Path | Mapping[str, str]) -> dict[str, str]:
    """Name -> folder; for a single folder, one entry for each of its targets."""
    if isinstance(predictors, Mapping):
        return dict(predictors)
    trained = load_predictor(domain, predictors)
    return dict.fromkeys(trained.targets, str(trained.folder))
