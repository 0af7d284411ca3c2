"""A workflow's model as far as it is known before anything runs: its conditions and its own scores."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sciencegen.api.models.data import check_conditions
from sciencegen.api.models.folder import describe_model, recipe_settings
from sciencegen.api.models.plan import Plan, check_taken, class_made_by, make_plan
from sciencegen.api.science.forms import domain_of, in_form, name_of_results
from sciencegen.api.sources.datasets import find_card, is_folder_of, prepared_at
from sciencegen.config import RunSettings, TrainSettings
from sciencegen.data.tables import READ_TABLES, number_columns
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Recipe, Representation


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


def planned_model(settings: RunSettings) -> PlannedModel:
    """The model of the section `train`; wrong settings are an error."""
    domain, chosen = settings.domain, settings.train
    if chosen.model is not None:
        check_taken(chosen)
        found = describe_model(domain, chosen.model)
        conditions: frozenset[str] | None = frozenset(found.representation.properties)
        network = recipe_settings(found.recipe, dict(found.config.get("settings") or {}))
        return _planned(domain, found.recipe, found.representation, conditions, network)
    plan = planned_training(domain, "", chosen)
    if plan.halvings and plan.start:
        conditions = frozenset(plan.start.representation.properties)
    else:
        conditions = planned_conditions(settings, chosen, plan)
    return _planned(domain, plan.recipe, class_made_by(plan.recipe.fit), conditions, plan.network)


def planned_training(domain: str, data: str, section: TrainSettings) -> Plan:
    """The plan of a training. The device isn't checked here, since the step may run on another machine."""
    return make_plan(domain, data, None, section.model_copy(update={"device": "auto"}))


def _planned(
    domain: str,
    recipe: Recipe,
    representation: Representation | type[Representation] | None,
    conditions: frozenset[str] | None,
    network: object,
) -> PlannedModel:
    science = domain_of(in_form(domain, recipe.form))
    knows = () if recipe.oracles is None else recipe.oracles.names or None
    if science.cells is not None:  # it scores the columns of its data
        knows = None
    return PlannedModel(science, recipe, representation, conditions, knows, network)


def planned_conditions(settings: RunSettings, section: TrainSettings, plan: Plan) -> frozenset[str] | None:
    """All possible conditions of a training; requested ones that the data can't have are an error."""
    known = data_names(settings, plan.recipe)
    if section.conditions is not None:
        check_conditions(section.conditions, section.conditions if known is None else known)
        return frozenset(section.conditions)
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
    return (
        None
        if columns is None
        else columns
        | set(computed)
        | set(recipe.conditions or ())
        | set(() if recipe.family is None else recipe.family.columns)
    )


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
