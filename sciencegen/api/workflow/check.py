"""Check a workflow's config before any step runs, because a step deletes its earlier results when it starts.

Each section gets the checks that its verb makes before reading data. Other checks are left to the steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sciencegen.api.criteria.conditions import Condition, parse_conditions
from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.evaluate import SetKind, check_against, check_calibration, shipped_set
from sciencegen.api.models.completion import check_completes
from sciencegen.api.models.folder import describe_model
from sciencegen.api.models.plan import check_taken
from sciencegen.api.optimize import check_search
from sciencegen.api.predictors.folder import check_goes_by, split_targets
from sciencegen.api.sampling.calibration import check_measured
from sciencegen.api.sampling.checks import check_noise_free, check_patterns
from sciencegen.api.sampling.drawing import check_planned_drawing
from sciencegen.api.sampling.replacement import check_replacing
from sciencegen.api.sampling.tasks import check_task
from sciencegen.api.science.forms import domain_of, in_form
from sciencegen.api.score_variants import check_family, check_variants
from sciencegen.api.search.space import start_items
from sciencegen.api.sources.datasets import check_source, find_card, prepared_at, splits_of
from sciencegen.api.sources.family import check_measured_table
from sciencegen.api.sources.preparation import check_splits, property_names, reference_of_source
from sciencegen.api.train_predictor import check_predictor
from sciencegen.api.workflow.names import check_ending_of, check_files, check_name
from sciencegen.api.workflow.planned_model import (
    PlannedModel,
    planned_conditions,
    planned_model,
    planned_training,
    source_columns,
)
from sciencegen.api.writing.formats import check_ending
from sciencegen.config import PredictorSettings, RunSettings
from sciencegen.data.labels import check_labels
from sciencegen.data.prepare import check_columns, check_fractions
from sciencegen.data.tables import column_names, find_column, no_numbers
from sciencegen.errors import ConfigError, IncompatibleError, SciencegenError
from sciencegen.optimization.goals import check_consistent


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
        _check_structures(settings, model)
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
        check_labels(settings.report.colour_by)


def _check_structures(settings: RunSettings, model: PlannedModel) -> None:
    if settings.structures:
        check_ending_of(settings.structures)
        check_ending(model.results, "structures", f"candidates{settings.structures}")


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
    form = in_form(settings.domain, chosen.form)
    science = domain_of(form)
    if chosen.source is None:
        raise ConfigError("Expected a source to prepare: a file, or a dataset's name.")
    check_source(form, chosen.source, chosen.sample)
    check_measured_table(science, chosen)
    names = property_names(science, chosen)
    check_columns(chosen.columns, names)
    if chosen.fractions:
        check_fractions(chosen.fractions)
        check_splits(chosen.source, splits_of(form, chosen.source), chosen.fractions)
    reference_of_source(science, chosen, _files(chosen.source))
    _check_columns_of(form, chosen.source, chosen.columns, chosen.column)


def check_complete(settings: RunSettings) -> None:
    """Raise an error if the model of `complete`, or the recipe to train, doesn't complete items."""
    section, source = settings.complete, str(settings.prepare.source)
    assert section is not None
    if section.model is not None:
        check_taken(section)
        check_completes(describe_model(settings.domain, section.model).recipe, section.model)
        return
    plan = planned_training(settings.domain, source, section)
    check_completes(plan.recipe, f"recipe '{plan.recipe.name}'")
    planned_conditions(settings, section, plan)


def check_predict(settings: RunSettings, name: str) -> None:
    """Raise an error for a wrong table, target, split or model of the predictor `name`."""
    chosen = settings.predict[name]
    check_predictor(settings.domain, chosen)
    if prepared_at(chosen.table) is None:
        check_source(settings.domain, chosen.table, _sample(settings, chosen))
    targets = split_targets(chosen.target) if chosen.form else (chosen.target,)
    check_goes_by(name, targets, name)
    _check_columns_of(settings.domain, chosen.table, targets, chosen.column)
    if chosen.model is not None:
        describe_model(settings.domain, chosen.model)


def check_generate(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error for unknown conditions, columns, patterns or samplers of `generate`."""
    chosen = settings.generate
    known = model.fitted
    conditions = parse_conditions(chosen.where, model.science, known)
    book = OracleBook(model.science.name, chosen.predictors, own=model.own)
    names = (*_free(conditions, model), *chosen.include, *chosen.predictors)
    _check_names(book, names, model)
    if chosen.noise_free and model.representation is not None:
        check_noise_free(model.science, model.representation)
    own = check_task(model.recipe.tasks, chosen, f"recipe '{model.recipe.name}'", model.science.recipes)
    check_patterns(model.science, chosen, own)
    check_replacing(model.science, chosen)
    check_planned_drawing(model.network, model.recipe.tasks, chosen)
    if chosen.complete is not None:
        check_completes(describe_model(settings.domain, chosen.complete).recipe, chosen.complete)


def _free(conditions: Sequence[Condition], model: PlannedModel) -> list[str]:
    """Names that the model isn't conditioned on, as far as that is known, so that something has to measure them."""
    told = [one.name for one in conditions] if model.conditions is None else model.conditions
    return [one.name for one in conditions if one.name not in told]


def check_optimize(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error for wrong goals, oracles, start items, training set or completing model of `optimize`."""
    chosen = settings.optimize
    goals, _ = check_search(model.results, chosen, settings.predict)
    folders = {**chosen.predictors, **dict.fromkeys(settings.predict, "")}
    book = OracleBook(model.results, folders, chosen.oracles, model.own)
    conditions = parse_conditions(chosen.where, model.science, model.fitted)
    check_consistent([goal for goal in (*goals, *(one.goal for one in conditions)) if goal.is_constraint])
    names = (*(goal.name for goal in goals), *_free(conditions, model), *chosen.include, *chosen.predictors)
    _check_names(book, names, model, made=settings.predict)
    if (known := model.fitted) is not None:
        naming = known.naming
        start_items(model.science, chosen.start, naming and naming.reference, known.encode if naming else None)
    elif domain_of(model.results).variants is None:  # else their names may refer to a reference known after training
        start_items(domain_of(model.results), chosen.start)
    if chosen.complete is not None:
        check_completes(describe_model(settings.domain, chosen.complete).recipe, chosen.complete)
    if chosen.training is not None:
        _check_texts(settings, model.results, chosen.training)


def check_variants_of(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error if the variants can't be read or classified, or if the model is not of a family."""
    if settings.variants is not None:
        chosen = settings.variants
        check_variants(settings.domain, chosen.variants, chosen.classify, chosen.structure)
        check_family(model.recipe, settings.train.model or "what is trained here")


def check_propose(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error for wrong goals, predictors or tables of `propose`, if the config has this section."""
    chosen = settings.propose
    if chosen is None:
        return
    from sciencegen.api.propose import resolve  # on use: BoTorch

    request = resolve(settings.domain, chosen, settings.predict)
    folders = {**chosen.predictors, **dict.fromkeys(settings.predict, "")}
    names = [goal.name for goal in request.goals]
    _check_names(OracleBook(settings.domain, folders, own=model.own), names, model, made=settings.predict)
    for source in chosen.also:
        _check_texts(settings, settings.domain, source)
    for source in chosen.measured:
        check_source(settings.domain, source)
        _check_columns_of(settings.domain, source, [request.target], chosen.column)
    if chosen.pool is not None:
        check_source(settings.domain, chosen.pool)
        _check_columns_of(settings.domain, chosen.pool, [chosen.cost] if chosen.cost else [], chosen.column)


def check_evaluate(settings: RunSettings, model: PlannedModel) -> None:
    """Raise an error if a set can't be read, or a property to calibrate can't be measured."""
    chosen = settings.evaluate
    domain = in_form(settings.domain, chosen.form)
    sets: dict[SetKind, str | None] = {"held_out": check_against(chosen), "training": chosen.training}
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
        check_source(domain, source)


def _check_columns_of(domain: str, source: str, names: Iterable[str], item_column: str | None) -> None:
    known = source_columns(domain, source)
    if known is None:
        return
    if item_column is not None and os.path.isfile(source):
        find_column(column_names(Path(source)), (), item_column, source)
    for name in names:
        if name not in known:
            raise no_numbers(source, name, known)


def _files(source: str) -> list[Path]:
    return [Path(source)] if os.path.isfile(source) else []


def _sample(settings: RunSettings, chosen: PredictorSettings) -> bool | None:
    """Whether a predictor reads the sample of its dataset: by default as `prepare` does for the same dataset."""
    prepared = str(settings.prepare.source)
    if chosen.sample is not None or os.path.isfile(chosen.table) or os.path.exists(prepared):
        return chosen.sample
    same = find_card(settings.domain, chosen.table)[0].name == find_card(settings.domain, prepared)[0].name
    return settings.prepare.sample if same else None
