"""The schema of a workflow's config, and its check before any step runs: a step deletes its earlier results.

Each section gets the checks that its verb makes before reading data. Other checks are left to the steps.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sciencegen.api.criteria import Condition, OracleBook
from sciencegen.api.evaluate import SetKind, check_calibration, set_to_compare, shipped_set
from sciencegen.api.models.completion import check_completes
from sciencegen.api.models.data import family_columns, requested_conditions
from sciencegen.api.models.folder import describe_model, recipe_settings
from sciencegen.api.models.plan import Plan, check_taken, class_made_by, make_plan
from sciencegen.api.optimize import search_criteria
from sciencegen.api.predictors.folder import split_targets, target_called
from sciencegen.api.sampling.generation import check_measured
from sciencegen.api.sampling.request import Asked, check_drawing
from sciencegen.api.science import domain_of, in_form, name_of_results
from sciencegen.api.score_variants import check_variants, family_of_recipe
from sciencegen.api.search import start_items
from sciencegen.api.sources.preparation import check_splits, reference_of_source, resolve_prepare
from sciencegen.api.sources.tables import find_card, find_part, is_folder_of, prepared_at
from sciencegen.api.train_predictor import check_predictor
from sciencegen.api.writing.writer import check_ending
from sciencegen.config import TEXTS, PredictorSettings, RunSettings, Settings, TrainSettings, further_of
from sciencegen.config.base import ONLY_INSIDE
from sciencegen.data.prepare import check_columns, edges_between
from sciencegen.data.tables import READ_TABLES, column_names, find_column, no_numbers, number_columns
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Recipe, Representation
from sciencegen.errors import ConfigError, DataError, IncompatibleError, SciencegenError
from sciencegen.files import files_below
from sciencegen.optimization.goals import check_consistent

# The JSON schema of a config.

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "#/$defs/"

ANY = ("additionalProperties", True)
"""What holds without being written; only some versions of Pydantic write it."""

Schema = dict[str, Any]


def config_schema() -> Schema:
    """The schema, without references: a catalog shows the keys of each section.

    Examples
    --------
    >>> schema = config_schema()
    >>> schema["required"], sorted(schema["properties"]["report"]["properties"])
    (['domain'], ['candidates', 'colour_by', 'title'])
    """
    schema = RunSettings.model_json_schema()
    records = {record.__name__: record for record in _records(Settings)}
    definitions = {
        name: _accepting(part, records[name]) if name in records else part for name, part in schema.pop("$defs").items()
    }
    return {"$schema": DIALECT, **_plain(_accepting(schema, RunSettings), definitions)}


def _records(record: type[Settings]) -> Iterator[type[Settings]]:
    yield record
    for below in record.__subclasses__():
        yield from _records(below)


def _accepting(schema: Schema, record: type[Settings]) -> Schema:
    """The schema of a record with what `config` accepts besides: one text for several, and names for aliases."""
    properties = dict(schema["properties"])
    for name, field in record.model_fields.items():
        known = field.alias or name
        if field.annotation in TEXTS:
            several = {key: value for key, value in properties[known].items() if key != "description"}
            properties[known] = {"description": field.description, "anyOf": [{"type": "string"}, several]}
        properties.setdefault(name, properties[known])
    if (further := further_of(record)) is not None:  # as keys of the section itself until version 0.5
        for name, one in _accepting(further.model_json_schema(), further)["properties"].items():
            if name not in ONLY_INSIDE:
                properties.setdefault(name, one | {"description": "Write it in `settings`.", "deprecated": True})
    summary = " ".join(schema.pop("description").split())
    return {"description": summary, **schema, "properties": properties}


def _plain(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """A schema without references and without the titles that repeat its keys."""
    if (name := schema.get("$ref", "").removeprefix(REFERENCE)) in definitions:
        given = {key: value for key, value in schema.items() if key != "$ref"}
        return _plain({**definitions[name], **given}, definitions)
    plain: Schema = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            plain[key] = {name: _plain(part, definitions) for name, part in value.items()}
        elif isinstance(value, dict) and key in ("items", "additionalProperties"):
            plain[key] = _plain(value, definitions)
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            plain[key] = [_plain(part, definitions) for part in value]
        elif key != "title" and not (key == "default" and isinstance(value, dict | None)) and (key, value) != ANY:
            plain[key] = value
    return plain


# A workflow's model as far as it is known before anything runs: its conditions and its own scores.


@dataclass(frozen=True)
class PlannedModel:
    """representation: the model's; its class if the model is to be trained; None if unknown. conditions: all possible
    conditions; None if they depend on the data. knows: names of the model's possible scores; None if unknown. network:
    the recipe's settings."""

    science: Domain
    recipe: Recipe
    representation: Representation | type[Representation] | None
    conditions: frozenset[str] | None
    knows: tuple[str, ...] | None
    network: object

    @property
    def results(self) -> str:
        """Name of the domain or form in which the model's items are scored and written."""
        return name_of_results(self.science.name, self.recipe.form)

    @property
    def own(self) -> dict[str, Any]:
        """The model's scores, without oracles: for an `OracleBook` that only checks names."""
        return dict.fromkeys(self.knows or ())

    @property
    def fitted(self) -> Representation | None:
        """The representation of a model that is already trained, else None."""
        return None if isinstance(self.representation, type) else self.representation


def planned_model(settings: RunSettings, section: TrainSettings | None = None, data: str = "") -> PlannedModel:
    """The model of the section `train`, or of another one, which is trained on `data`; wrong settings are an
    error. The device isn't checked here, since the step may run on another machine."""
    domain, chosen = settings.domain, section or settings.train
    representation: Representation | type[Representation] | None
    if chosen.model is not None:
        check_taken(chosen)
        found = describe_model(domain, chosen.model)
        recipe, representation = found.recipe, found.representation
        conditions: frozenset[str] | None = frozenset(found.representation.properties)
        network: object = recipe_settings(recipe, dict(found.config.get("settings") or {}))
    else:
        plan = make_plan(domain, data, None, chosen.model_copy(update={"device": "auto"}))
        recipe, representation, network = plan.recipe, class_made_by(plan.recipe.fit), plan.network
        if plan.halvings and plan.start:
            conditions = frozenset(plan.start.representation.properties)
        else:
            conditions = planned_conditions(settings, chosen, plan)
    science = domain_of(in_form(domain, recipe.form))
    knows = () if recipe.oracles is None else recipe.oracles.names or None
    if science.cells is not None:  # it scores the columns of its data
        knows = None
    return PlannedModel(science, recipe, representation, conditions, knows, network)


def planned_conditions(settings: RunSettings, section: TrainSettings, plan: Plan) -> frozenset[str] | None:
    """All possible conditions of a training; requested ones that the data can't have are an error."""
    known = data_names(settings, plan.recipe)
    if section.conditions is not None:
        return frozenset(section.conditions if known is None else requested_conditions(section.conditions, known))
    if plan.recipe.conditions is None:
        return frozenset()
    usual = plan.start.representation.properties if plan.start else plan.recipe.conditions
    return None if known is None else known | set(usual)


def data_names(settings: RunSettings, recipe: Recipe) -> frozenset[str] | None:
    """Names of all numeric columns that the prepared data may have, None if unknown."""
    source, chosen = settings.prepare.source, settings.prepare
    form = in_form(settings.domain, chosen.form)
    columns, properties = frozenset(chosen.columns) or source_columns(form, str(source)), domain_of(form).properties
    computed = properties if chosen.properties is None else chosen.properties
    if columns is None:
        return None
    return columns.union(computed, recipe.conditions or (), family_columns(recipe))


def source_columns(domain: str, source: str) -> frozenset[str] | None:
    """Names of a source's numeric columns; None for a file that isn't a table, and for items that are rows of one."""
    if domain_of(domain).cells is not None:
        return None
    if (found := prepared_at(source)) is not None:
        return frozenset(found[0].property_names)
    if os.path.isfile(source):
        return frozenset(number_columns(Path(source))) if source.lower().endswith(READ_TABLES) else None
    if is_folder_of(domain_of(domain), source):
        return None
    return frozenset(column.name for column in find_card(domain, source)[0].columns)


# A workflow's files: names that Snakemake can't take as they are, or that would lie elsewhere, and times to come are
# errors.

NAME = re.compile(r"\w([\w .,'+:@()-]*[\w)])?")
"""Names of runs and predictors, which are names of folders too."""
ENDING = re.compile(r"(\.\w+)+")
BRACES = re.compile("[{}]")


def check_name(name: str) -> None:
    """Raise an error for a name of a run or of a predictor that can't be the name of a folder.

    Examples
    --------
    >>> check_name("Anna's run")
    >>> check_name("../run")
    Traceback (most recent call last):
    sciencegen.errors.ConfigError: Expected a name of letters, digits, spaces and _ . , ' + : @ ( ) - that begins ...
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            "Expected a name of letters, digits, spaces and _ . , ' + : @ ( ) - that begins with a letter or a digit, "
            f"got {name!r}."
        )


TOLERANCE_S = 2.0
"""By which clocks of machines, and times of file systems, may differ."""


def check_files(settings: RunSettings) -> None:
    """Raise an error for files that Snakemake can't take: with braces in their names, which are its wildcards, or of a
    time to come. What a step makes of such a file would be older than it, for which Snakemake removes the result."""
    given, now = set(filter(os.path.isfile, _texts(settings.model_dump()))), time.time()
    for text in {settings.results, *given}:
        if BRACES.search(text):
            raise ConfigError(f"Expected a path without braces, which Snakemake can't take, got {text!r}. Rename it.")
    for path in (*map(Path, given), *files_below(settings.folder)):
        with suppress(FileNotFoundError):  # what a killed run left may go in the meantime
            if (changed := path.stat().st_mtime) > now + TOLERANCE_S:
                raise ConfigError(
                    f"Expected files that are not from the future, {path} is of {_written(changed)}, and it is "
                    f"{_written(now)}. Set the clock, or give the file the present time with `touch`."
                )


def _written(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _texts(one)


def check_run(settings: RunSettings, config: str) -> None:
    """Raise an error, with config and section, for settings that a step would refuse before reading data."""
    at = partial(_placed, config)
    with at("name"):
        check_name(settings.name)
    for name in settings.predict:
        with at("predict"):
            check_name(name)
    with at("files"):
        check_files(settings)
    with at("prepare"):
        check_prepare(settings)
    with at("train"):
        model = planned_model(settings)
    with at("structures"):
        if settings.structures:
            if not ENDING.fullmatch(settings.structures):
                raise ConfigError(f"Expected a file ending such as .sdf, got {settings.structures!r}.")
            check_ending(model.results, "structures", f"candidates{settings.structures}")
    if settings.complete is not None:
        with at("complete"):
            check_complete(settings)
    for name in settings.predict:
        with at(f"predict.{name}"):
            check_predict(settings, name)
    checks: dict[str, Callable[[RunSettings, PlannedModel], None]] = {
        "generate": check_generate, "optimize": check_optimize, "variants": check_variants_of,
        "propose": check_propose, "evaluate": check_evaluate,
    }  # fmt: skip
    for section, check in checks.items():
        with at(section):
            _check_wired(settings, section)
            check(settings, model)
    with at("report"):
        labels = settings.report.colour_by
        if labels is not None and labels.lower().endswith(READ_TABLES) and not Path(labels).is_file():
            raise DataError(f"Expected a table of labels at {labels}, found no file.")


def _check_wired(settings: RunSettings, section: str) -> None:
    """Raise an error for a `model` in a section where the workflow uses its own."""
    if named := getattr(getattr(settings, section), "model", None):
        raise ConfigError(
            f"Expected no model here, got '{named}': the workflow's steps use the one of `train`. Name it there: "
            f"`train: {{model: {named}}}`, or call `sciencegen {section}` by itself."
        )
    if section == "optimize" and settings.complete is not None and settings.optimize.complete is not None:
        raise ConfigError(
            f"Expected no complete here beside the section `complete`, whose model is used, got "
            f"'{settings.optimize.complete}'. Leave one of them out."
        )


@contextmanager
def _placed(config: str, section: str) -> Iterator[None]:
    """Raise errors of the block as errors in this section of the config."""
    try:
        yield
    except SciencegenError as error:
        kind = IncompatibleError if isinstance(error, IncompatibleError) else ConfigError
        raise kind(f"{config}, {section}: {error}", names_keys=True) from None


def check_prepare(settings: RunSettings) -> None:
    """Raise an error for a wrong source, fractions, columns or reference of `prepare`."""
    chosen = settings.prepare
    science, source, names = resolve_prepare(settings.domain, chosen)
    found = find_part(form := in_form(settings.domain, chosen.form), source, chosen.sample)
    check_columns(chosen.columns, names)
    if chosen.fractions:
        edges_between(chosen.fractions)
        card, split = found or (None, None)
        splits = () if card is None else (split,) if split else tuple(card.disjoint_splits)
        check_splits(source, splits, chosen.fractions)
    reference_of_source(science, chosen, [Path(source)] if os.path.isfile(source) else [])
    _check_columns_of(form, source, chosen.columns, chosen.column)


def check_complete(settings: RunSettings) -> None:
    """Raise an error if the model of `complete`, or the recipe to train, doesn't complete items."""
    assert settings.complete is not None
    model = planned_model(settings, settings.complete, str(settings.prepare.source))
    check_completes(model.recipe, settings.complete.model or f"recipe '{model.recipe.name}'")


def check_predict(settings: RunSettings, name: str) -> None:
    """Raise an error for a wrong table, target, split or model of the predictor `name`."""
    chosen = settings.predict[name]
    check_predictor(settings.domain, chosen)
    if prepared_at(chosen.table) is None:
        find_part(settings.domain, chosen.table, _sample(settings, chosen))
    targets = split_targets(chosen.target) if chosen.form else (chosen.target,)
    target_called(name, targets, name)
    _check_columns_of(settings.domain, chosen.table, targets, chosen.column)
    if chosen.model is not None:
        describe_model(settings.domain, chosen.model)


def check_generate(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error for unknown conditions, columns, patterns or samplers of `generate`."""
    chosen = settings.generate
    asked = Asked(model.science, model.recipe, model.representation, chosen, f"recipe '{model.recipe.name}'")
    book = OracleBook(model.science.name, chosen.predictors, own=model.own)
    names = (*_free(asked.conditions, model), *chosen.include, *chosen.predictors)
    _check_names(book, names, model)
    asked.check()
    check_drawing(chosen, model.network, model.recipe.tasks)
    if chosen.complete is not None:
        check_completes(describe_model(settings.domain, chosen.complete).recipe, chosen.complete)


def _free(conditions: Sequence[Condition], model: PlannedModel) -> list[str]:
    """Names that the model isn't conditioned on, as far as that is known, so that something has to measure them."""
    told = [one.name for one in conditions] if model.conditions is None else model.conditions
    return [one.name for one in conditions if one.name not in told]


def check_optimize(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error for wrong goals, oracles, start items, training set or completing model of `optimize`."""
    chosen = settings.optimize
    science = domain_of(model.results)
    conditions, goals, _ = search_criteria(science, chosen, model.science, model.fitted, settings.predict)
    folders = {**chosen.predictors, **dict.fromkeys(settings.predict, "")}
    book = OracleBook(model.results, folders, chosen.oracles, model.own)
    check_consistent([goal for goal in (*goals, *(one.goal for one in conditions)) if goal.is_constraint])
    names = (*(goal.name for goal in goals), *_free(conditions, model), *chosen.include, *chosen.predictors)
    _check_names(book, names, model, made=settings.predict)
    if (known := model.fitted) is not None:
        naming = known.naming
        start_items(model.science, chosen.start, naming and naming.reference, known.encode if naming else None)
    elif science.variants is None:  # else their names may refer to a reference known after training
        start_items(science, chosen.start)
    if chosen.complete is not None:
        check_completes(describe_model(settings.domain, chosen.complete).recipe, chosen.complete)
    if chosen.training is not None:
        _check_texts(settings, model.results, chosen.training)


def check_variants_of(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error if the variants can't be read, or if the model is not of a family."""
    if settings.variants is not None:
        chosen = settings.variants
        check_variants(settings.domain, chosen.variants, chosen.structure)
        family_of_recipe(model.recipe, settings.train.model or "what is trained here")


def check_propose(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error for wrong goals, predictors or tables of `propose`, if the config has this section."""
    chosen = settings.propose
    if chosen is None:
        return
    from sciencegen.api.propose import Bench  # on use: BoTorch

    request = Bench(settings.domain, chosen, settings.predict)
    folders = {**chosen.predictors, **dict.fromkeys(settings.predict, "")}
    names = [goal.name for goal in request.goals]
    _check_names(OracleBook(settings.domain, folders, own=model.own), names, model, made=settings.predict)
    for source in chosen.also:
        _check_texts(settings, settings.domain, source)
    for source in chosen.measured:
        find_part(settings.domain, source)
        _check_columns_of(settings.domain, source, [request.target], chosen.column)
    if chosen.pool is not None:
        find_part(settings.domain, chosen.pool)
        _check_columns_of(settings.domain, chosen.pool, [chosen.cost] if chosen.cost else [], chosen.column)


def check_evaluate(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error if a set can't be read, or a property to calibrate can't be measured."""
    chosen = settings.evaluate
    domain = in_form(settings.domain, chosen.form)
    sets: dict[SetKind, str | None] = {"held_out": set_to_compare(chosen), "training": chosen.training}
    for kind, source in sets.items():
        if source is not None and not shipped_set(domain, source, kind):
            _check_texts(settings, domain, source)
    if model.conditions is not None:
        check_calibration(model.science, chosen.calibrate, model.conditions)
    made = set(settings.predict) & set(chosen.calibrate)  # only these replace the folders in the section
    _check_names(OracleBook(model.science.name, chosen.predictors), chosen.predictors, model, made)
    predicted = (*chosen.predictors, *settings.predict)
    if model.knows is not None:
        for name in chosen.calibrate:
            check_measured(name, (*predicted, *model.science.properties, *model.knows))


def _check_names(book: OracleBook, names: Iterable[str], model: PlannedModel, made: Collection[str] = ()) -> None:
    """Raise an error for unknown names. made: predictors that the workflow trains."""
    for name in names:
        if name in made:
            continue
        try:
            book.check(name)
        except ConfigError:
            if model.knows is not None or name in book.predictors:
                raise


def _check_texts(settings: RunSettings, domain: str, source: str) -> None:
    """Raise an error for a source of items that can't be read, unless another step writes it. domain: of the items,
    perhaps in a form."""
    path = Path(source)
    if not path.is_relative_to(settings.folder) and prepared_at(source) is None:
        find_part(domain, source)


def _check_columns_of(domain: str, source: str, names: Iterable[str], item_column: str | None) -> None:
    known = source_columns(domain, source)
    if known is None:
        return
    if item_column is not None and os.path.isfile(source):
        find_column(column_names(Path(source)), (), item_column, source)
    for name in names:
        if name not in known:
            raise no_numbers(source, name, known)


def _sample(settings: RunSettings, chosen: PredictorSettings) -> bool | None:
    """Whether a predictor reads the sample of its dataset: by default as `prepare` does for the same dataset."""
    prepared = str(settings.prepare.source)
    if chosen.sample is not None or os.path.isfile(chosen.table) or os.path.exists(prepared):
        return chosen.sample
    same = find_card(settings.domain, chosen.table)[0].name == find_card(settings.domain, prepared)[0].name
    return settings.prepare.sample if same else None
