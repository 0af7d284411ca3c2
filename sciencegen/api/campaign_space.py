"""What a design round sees of a domain, a model and a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from sciencegen.api.models import open_model
from sciencegen.api.predict import describe, latents_of
from sciencegen.api.prepare import open_source
from sciencegen.api.record import Refused
from sciencegen.api.rooms import ParseAndMeasure, domain_of
from sciencegen.config import PrepareSettings, ProposeSettings
from sciencegen.data.tables import Row
from sciencegen.errors import ConfigError, DataError
from sciencegen.latent.explorer import is_refusal
from sciencegen.optimization.campaign import Given
from sciencegen.optimization.moves import crank_nicolson_step
from sciencegen.optimization.proposers import CampaignSpace, Move

LARGEST_SPACE = 200_000
"""Items of a design space that are all looked at."""
STEPS = (0.1, 0.25, 0.5)
"""Of latents, in prior standard deviations."""


def design_space(science: Any, settings: ProposeSettings) -> Any:
    """The domain's own, by the user's options; None where there are none."""
    if not settings.space:
        return None
    if not hasattr(science, "design_space"):
        raise ConfigError(f"Expected no --space, since {science.name} has no design space. Use --keep and --forbid.")
    return science.design_space(**settings.space)


def given_pool(domain: str, settings: ProposeSettings, space: Any) -> tuple[Given | None, list[Refused]]:
    """The candidates of a file or dataset, or the whole of a design space that is small enough; and refused rows."""
    science = domain_of(domain)
    if settings.pool is None:
        if cost_column(settings):
            raise ConfigError("Expected a pool with a column of costs beside --cost and --cost-limit. Pass --pool.")
        items = space.everything(LARGEST_SPACE) if hasattr(space, "everything") else None
        return (None if items is None else Given(items, [science.key(i) for i in items], np.ones(len(items)))), []
    reading = PrepareSettings(source=settings.pool, column=settings.column, threads=settings.threads)
    rows, _ = open_source(domain, reading)
    listed = list(chain.from_iterable(rows.values()) if isinstance(rows, dict) else rows)
    pairs, refused = describe(ParseAndMeasure(domain, ()), listed, settings.threads)
    distinct = {key: (row, text) for row, (text, key, *_) in reversed(pairs)}
    if not distinct:
        raise DataError(f"Expected items in the pool {settings.pool}, all {len(listed)} rows were refused.")
    keys = list(reversed(distinct))
    costs = np.array([_cost(distinct[key][0], settings) for key in keys])
    return Given([science.parse(distinct[key][1]) for key in keys], keys, costs), refused


def cost_column(settings: ProposeSettings) -> str | None:
    """The pool's column of costs, where costs count."""
    return settings.cost or ("cost" if settings.cost_limit is not None else None)


def _cost(row: Row, settings: ProposeSettings) -> float:
    name = cost_column(settings)
    if name is None:
        return 1.0
    value = row.values.get(name)
    if value is None or value <= 0:
        found = "none" if value is None else f"{value:g}"
        raise DataError(
            f"Expected a cost above 0 in '{name}' in every row of {settings.pool}, line {row.line} has {found}."
        )
    return value


def campaign_space(domain: str, settings: ProposeSettings, space: Any, seen: Sequence[Any]) -> CampaignSpace:
    """seen: items that are measured or awaited; their shape tells which features can be learned from."""
    science = domain_of(domain)
    wanted = science.constraint(settings.keep, settings.forbid)
    features, fits = features_for(science, getattr(space, "reference", None), seen)
    within = getattr(space, "accepts", None)
    accept = lambda item: wanted(item) and fits(item) and (within is None or within(item))  # noqa: E731
    found = CampaignSpace(science.key, features, science.similarity, accept, moves_of(science, space))
    if settings.model is None:
        return found
    near, draw = latent_moves(domain, settings)
    return replace(found, moves={**found.moves, "latent": near}, draws={"prior": draw})


def features_for(
    science: Any, reference: Any, seen: Sequence[Any]
) -> tuple[Callable[[Sequence[Any]], Any], Callable[[Any], bool]]:
    """The domain's features for designs where all that was seen can be laid on one another, and whether an item can;
    else its features for predictors, which every item has."""
    design = getattr(science, "design_features", None)
    first = reference if reference is not None else next(iter(seen), None)
    if design is None or first is None or design([first, *seen], first) is None:
        return science.features, lambda item: True
    return lambda items: design(items, first), lambda item: design([first, item], first) is not None


def moves_of(science: Any, space: Any) -> dict[str, Move]:
    """The domain's moves, each lifted to many parents; within the design space where that has a move of its own."""

    def lifted(move: Callable[..., Any]) -> Move:
        return lambda parents, generator: [_item(move(parent, generator)) for parent in parents]

    def crossed(parents: Sequence[Any], generator: np.random.Generator) -> list[Any]:
        others = generator.permutation(len(parents))
        return [_item(science.recombine(one, parents[k], generator)) for one, k in zip(parents, others, strict=True)]

    moves = {"mutation": lifted(getattr(space, "mutate", None) or science.mutate)}
    if hasattr(science, "edit"):
        moves["edit"] = lifted(science.edit)
    if hasattr(science, "recombine"):
        moves["recombination"] = crossed
    return moves


def _item(found: Any) -> Any:
    return None if is_refusal(found) else found


def latent_moves(domain: str, settings: ProposeSettings) -> tuple[Move, Callable[..., Any]]:
    """Steps around the latents of parents, and draws from the prior."""
    model = open_model(domain, settings.model, settings)
    if model.recipe.form:
        raise ConfigError(f"Expected a model of plain {domain}, {model.folder} makes them as {model.recipe.form}.")
    space = model.space

    def near(parents: Sequence[Any], generator: np.random.Generator) -> list[Any]:
        latents = latents_of(model, parents)
        good = np.flatnonzero(np.isfinite(latents).all(1))
        if not len(good):
            return []
        steps = generator.choice(STEPS, (len(good), 1))
        moved = crank_nicolson_step(latents[good], steps, np.ones(space.size, bool), generator)
        return [_item(item) for item in space.decode_items(moved)]

    def draw(count: int, generator: np.random.Generator) -> list[Any]:
        noise = generator.standard_normal((count, space.size), np.float32)
        return [_item(item) for item in space.generate_items(noise)]

    return near, draw
