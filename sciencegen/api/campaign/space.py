"""What a design round sees of a domain and a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen.api.criteria.proposals import Judge, meeting
from sciencegen.api.models.folder import LoadedModel, open_model
from sciencegen.api.predictors.inputs import latents_of
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import constraint_of, reference_of
from sciencegen.api.sources.datasets import reference_of_card
from sciencegen.config import ProposeSettings
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.latent.explorer import is_refusal
from sciencegen.optimization.moves import crank_nicolson_step
from sciencegen.optimization.proposers import CampaignSpace, Move

STEPS = (0.1, 0.25, 0.5)
"""Of latents, in prior standard deviations."""


def design_space(science: Any, settings: ProposeSettings, measured: Sequence[Any] | None = None) -> Any:
    """The domain's own, by the user's options; None where there are none.

    measured: items, None while they aren't read: they may be named against the space's reference. A space without one
    is made of them, and is None until then.
    """
    options = dict(settings.space)
    if settings.wild_type:
        if str(options.get("reference", settings.wild_type)) != settings.wild_type:
            raise ConfigError(
                f"Expected one wild type, got --wild-type {settings.wild_type} and --space "
                f"reference={options['reference']}. Pass --wild-type alone."
            )
        options["reference"] = reference_of(science, settings.wild_type)
    elif "reference" not in options and (known := _reference_of_measured(science, settings)) is not None:
        options["reference"] = known
    if not options:
        return None
    if not hasattr(science, "design_space"):
        raise ConfigError(f"Expected no --space, since {science.name} has no design space. Use --keep and --forbid.")
    for name in options:
        if name not in science.space_options:
            raise unknown_name(f"option of the design space of {science.name}", name, science.space_options)
    if "reference" not in options and measured is None:
        return None
    return science.design_space(measured or (), **options)


def _reference_of_measured(science: Any, settings: ProposeSettings) -> Any:
    """The wild type that the first measured dataset's card names, None where a file was measured."""
    named = [one for one in settings.measured if one != "-" and not Path(one).exists() and not Path(one).suffix]
    return reference_of_card(science, named[0]) if named and hasattr(science, "reference") else None


def campaign_space(
    domain: str, settings: ProposeSettings, space: Any, seen: Sequence[Any], whole: bool = False
) -> CampaignSpace:
    """seen: items that are measured or awaited; their shape tells which features can be learned from.
    whole: candidates are the items of the space itself, so that only patterns and wishes are left to be looked at."""
    science = domain_of(domain)
    model = None if settings.model is None else open_model(domain, settings.model, settings)
    features, fits = features_for(science, getattr(space, "origin", None), seen)
    patterns = settings.keep or settings.forbid
    wanted = constraint_of(science, settings.keep, settings.forbid, origin_of(science, space)) if patterns else None
    tests = [test for test in (wanted, *(() if whole else (getattr(space, "accepts", None), fits))) if test is not None]
    met = meeting(domain, settings, model.oracles if model is not None and settings.where else {})
    marks = marks_for(science, space, settings)
    moves = moves_of(science, space)
    found = CampaignSpace(science.key, features, science.similarity, _accepting(tests, met), moves, marks=marks)
    if model is None:
        return found
    near, draw = latent_moves(model)
    return replace(found, moves={**found.moves, "latent": near}, draws={"prior": draw})


def _accepting(tests: Sequence[Callable[[Any], bool]], met: Judge) -> Judge:
    """Which items pass every test and meet what is wished, of which those alone are asked that pass."""

    def accept(items: Sequence[Any]) -> list[bool]:
        passed = [all(test(item) for test in tests) for item in items]
        rest = iter(met([item for item, fine in zip(items, passed, strict=True) if fine]))
        return [fine and next(rest) for fine in passed]

    return accept


def marks_for(science: Any, space: Any, settings: ProposeSettings) -> Callable[[Sequence[Any]], Any] | None:
    """What items of a plate may have in common, where a share limits it."""
    if settings.maximum_share == 1:
        return None
    if not hasattr(science, "marks"):
        return lambda items: [{label} - {""} for label in science.groups(items)]
    origin = getattr(space, "origin", None)
    if origin is None:
        raise ConfigError("Expected a wild type beside --maximum-share, which counts changes of it. Pass --wild-type.")
    return lambda items: science.marks(items, origin)


def origin_of(science: Any, space: Any) -> Any:
    """What all items of a design space are changes of, as a reference; None where there is no such thing."""
    origin = getattr(space, "reference", None) or getattr(space, "origin", None)
    return reference_of(science, origin) if hasattr(science, "reference") else None


def features_for(
    science: Any, origin: Any, seen: Sequence[Any]
) -> tuple[Callable[[Sequence[Any]], Any], Callable[[Any], bool]]:
    """The domain's features for designs where all that was seen can be laid on one another, and whether an item can;
    else its features for predictors, which every item has."""
    first = origin if origin is not None else next(iter(seen), None)
    if first is None or not comparable(science, first, seen):
        return science.features, lambda item: True
    design = science.design_features
    return lambda items: design(items, first), lambda item: design([item], first) is not None


def comparable(science: Any, origin: Any, seen: Sequence[Any]) -> bool:
    """Whether all items can be laid on the origin, or, without one, on each other."""
    design = getattr(science, "design_features", None)
    first = origin if origin is not None else next(iter(seen), None)
    return design is not None and (first is None or design([first, *seen], first) is not None)


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


def latent_moves(model: LoadedModel) -> tuple[Move, Callable[..., Any]]:
    """Steps around the latents of parents, and draws from the prior."""
    if model.recipe.form and not hasattr(model.representation, "reference"):  # a family's decodes to whole items
        made = f"{model.folder} makes them as {model.recipe.form}"
        raise ConfigError(f"Expected a model of plain {model.domain.name}, {made}.")
    space, science = model.space, model.domain
    known: dict[str, np.ndarray] = {}  # parents breed many times

    def latents_of_parents(parents: Sequence[Any]) -> np.ndarray:
        keys = [science.key(parent) for parent in parents]
        new = {key: parent for key, parent in zip(keys, parents, strict=True) if key not in known}
        known.update(zip(new, latents_of(model, list(new.values())), strict=True))
        return np.stack([known[key] for key in keys])

    def near(parents: Sequence[Any], generator: np.random.Generator) -> list[Any]:
        latents = latents_of_parents(parents)
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
