"""Score: properties and other oracles of items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sciencegen.api.criteria import trained_predictor
from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.api.models.region import UNKNOWN, load_region
from sciencegen.api.science import domain_of, in_form, read_rows_of
from sciencegen.api.scores import Scoring, ScoringTask, scoring_task
from sciencegen.api.sources.tables import given_form, given_source, rows_with_cells
from sciencegen.api.writing.output_record import origin_of_given, plain_path
from sciencegen.api.writing.results import Scored, scored
from sciencegen.api.writing.writer import OutputOptions, OutputWriter, open_output
from sciencegen.config import PredictSettings, ScoreSettings, as_texts, build_settings
from sciencegen.data.tables import READ_TABLES
from sciencegen.errors import ConfigError
from sciencegen.items import Given, Origin, Row
from sciencegen.options import takes
from sciencegen.scoring.oracles import Oracle


@dataclass(frozen=True)
class ScoreRequest:
    """A checked request to score items.

    domain: the name of the items' domain. task: names, predictors and oracles. source: a file or rows; a table's other
    columns are copied, unless items are written as texts of a form. column: the column of items in a file. origin:
    provenance, for files that can hold it.
    """

    domain: str
    task: ScoringTask
    source: Path | Sequence[Row]
    origin: Origin
    column: str | None = None

    def scoring(self) -> Scoring:
        """The scores, chunk by chunk."""
        return Scoring(self.task, self._rows())

    @property
    def written(self) -> str:
        """Name of the domain or form of the items in the results."""
        return self.task.domain if self.task.whole else self.domain

    def open(self, scoring: Scoring, output: str, overwrite: bool = False) -> OutputWriter:
        """The writer of these scores."""
        options = OutputOptions(origin=self.origin, overwrite=overwrite, exact=scoring.own.carried)
        return open_output(self.written, output, scoring.columns, options)

    def _rows(self) -> Iterator[Row]:
        if not isinstance(self.source, Path):
            return iter(self.source)
        path, wild_type, domain = self.source, self.task.wild_type, domain_of(self.task.domain)
        copied = not self.task.whole and self.task.domain == self.domain and path.name.lower().endswith(READ_TABLES)
        if wild_type or not copied:
            return read_rows_of(domain, path, self.column, wild_type, whole=copied)
        return rows_with_cells(domain, path, self.column)


@takes(ScoreSettings, frames=("items",))
def score(domain: str, items: Path | Given, names: str | Sequence[str] = (), **options: object) -> Scored:
    """Score items by properties, predictors and other oracles.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    items : str, object, sequence of these, Series, DataFrame, or Path
        One item or several, as texts or objects such as RDKit molecules; a data frame with a column of them; or the
        path of a file (a `pathlib.Path`; a str is an item).
    names : str or sequence of str
        Properties and oracles; none means all properties of the domain, or with `model` the model's scores.

    Returns
    -------
    Scored
        For given texts `table` has a row for each, with the reason in `refused` if it can't be read; for a file it is
        the table that the command writes. Predictors add the columns `_lower`, `_upper` and `_in_domain` too; a `model`
        that knows it adds `in_domain`, whether the item is like those that it was trained on, and `outside`, why not.

    Raises
    ------
    ConfigError
        For an unknown domain or name.

    Examples
    --------
    >>> import sciencegen as sg
    >>> sg.score("molecules", ["CCO", "c1ccccc1"], "rings", threads=1).table["rings"].tolist()
    [0.0, 1.0]
    """
    settings = build_settings(ScoreSettings, {**options, "names": as_texts(names)})
    return collect(resolve_score(domain, items, settings))


def resolve_score(
    domain: str,
    items: Path | Given,
    settings: ScoreSettings,
    *,
    verb: str = "score",
    whole: bool = False,
    called: str = "",
) -> ScoreRequest:
    """Check the settings and resolve names to oracles; a wrong name is an error before a row is read.

    A file is read in the form that a predictor needs, or that has a requested score which the domain lacks, if the file
    has that form; or in the only form that can read it. Given items are read in the form that recognizes the first of
    them. whole: write the texts of that form. called: the name of the source in the origin.
    """
    model = None if settings.model is None else open_model(domain, settings.model, settings)
    further = {} if model is None else own_oracles(model, settings)
    path = items if isinstance(items, Path) else None
    if isinstance(items, Iterator):
        items = list(items)  # its first item is looked at
    form = _form_of(domain, path, settings) if path else given_form(domain, items, settings.column)
    formed = domain if settings.wild_type else in_form(domain, form)
    task = scoring_task(formed, settings, whole, further)
    if model is not None and model.recipe.region is not None:
        region = load_region(model)
        task = replace(task, region=region, notes=(*task.notes, *([] if region else [UNKNOWN])))
    source = given_source(domain_of(formed), items, settings.column)
    origin = origin_of_given(verb, [f"of {called or (plain_path(str(path)) if path else 'given items')}"])
    return ScoreRequest(domain, task, source, origin, settings.column)


def collect(request: ScoreRequest) -> Scored:
    """Score all items: one row for each given text, or for each row of a file that could be scored."""
    scoring = request.scoring()
    given = None if isinstance(request.source, Path) else [row.text for row in request.source]
    return scored(scoring, partial(request.open, scoring), given, request.written)


def own_oracles(model: LoadedModel, settings: ScoreSettings) -> Mapping[str, Oracle]:
    """The model's own oracles by name; an error for a model that has none. If the settings name no scores, only those
    oracles that are not on request, if there are any."""
    if not model.oracles:
        raise ConfigError(
            f"Expected a model that scores items, {settings.model} has no scores of its own. Leave it out."
        )
    return model.oracles if settings.names else model.usual_oracles or model.oracles


def _form_of(domain: str, path: Path, settings: ScoreSettings) -> str:
    science = domain_of(domain)
    forms = {name: domain_of(in_form(domain, name)) for name in science.forms}
    wanted = [trained_predictor(domain, folder).form for folder in settings.predictors.values()]
    missing = set(settings.names or ()) - set(science.oracles.names())
    for name, formed in forms.items():
        prefixes = tuple(f"{one.partition(':')[0]}:" for one in formed.oracles.open_names)
        if missing.intersection(formed.oracles.names()) or any(one.startswith(prefixes) for one in missing):
            wanted.append(name)
    if not path.name.lower().endswith(tuple(science.items.formats)):
        wanted += list(forms)
    return next((name for name in wanted if name in forms and (own := forms[name].form) and own.holds(path)), "")


# Properties of items by trained predictors.


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
    trained = trained_predictor(domain, predictors)
    return dict.fromkeys(trained.targets, str(trained.folder))
