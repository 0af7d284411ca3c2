"""The design space, features and moves of a design round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.criteria import ConstraintTest, OracleBook, constraint_test
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.predictors.folder import latents_of
from sciencegen.api.science import constraint_of, reference_of
from sciencegen.api.sources.tables import reference_of_card
from sciencegen.data.workers import is_refusal
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import BlockMoves, DesignSpace, Edits, Moves, Reference
from sciencegen.domains.capabilities.design import Crossover
from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.items import Item, Refusal
from sciencegen.optimization.candidates import CampaignSpace, Move
from sciencegen.optimization.evolution import crank_nicolson_step
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.objective import resolve_oracles
from sciencegen.optimization.selection import Marks

Features = Callable[[Sequence[Item]], FeatureRows]
Draw = Callable[[int, np.random.Generator], list[Item | None]]
Unlike = Callable[[Item], str | None]
"""The reason why an item can't be compared with the known ones, or None."""

STEPS = (0.1, 0.25, 0.5)
"""Step sizes of moves in latent space, in prior standard deviations."""


def space_options(
    science: Domain, options: Mapping[str, object], wild_type: str | None, tables: Sequence[str]
) -> dict[str, object]:
    """Check options of the domain's design space, and parse the reference.

    Parameters
    ----------
    science : Domain
    options : mapping
        As the user gave them.
    wild_type : str, optional
        The reference as text, or its file.
    tables : sequence of str
        Measured tables and datasets; a dataset's card may name the reference.
    """
    found = dict(options)
    if wild_type:
        if str(found.get("reference", wild_type)) != wild_type:
            raise ConfigError(
                f"Expected one wild type, got `wild_type` {wild_type} and `space` reference={found['reference']}. "
                "Pass `wild_type` alone."
            )
        found["reference"] = reference_of(science, wild_type)
    elif "reference" not in found and (known := _reference_of_tables(science, tables)) is not None:
        found["reference"] = known
    known_options = () if science.design is None else science.design.options
    if found and science.design is None:
        raise ConfigError(f"Expected no `space`, since {science.name} has no design space. Use `keep` and `forbid`.")
    for name in found:
        if name not in known_options:
            raise unknown_name(f"option of the design space of {science.name}", name, known_options)
    return found


def design_space(
    science: Domain, options: Mapping[str, object], measured: Sequence[Item] | None = None
) -> DesignSpace | None:
    """The domain's design space by checked options; None without options.

    measured: measured items, None before they are read. A space without a reference is built from them, so it is None
    until they are read.
    """
    if not options or science.design is None or ("reference" not in options and measured is None):
        return None
    return science.design.space(measured or (), **options)


def wild_type(space: DesignSpace | None) -> list[Item]:
    """The reference of a design space if one was named; [] if it is the consensus of measured items."""
    return [] if space is None or space.reference is None else [space.origin]


def _reference_of_tables(science: Domain, tables: Sequence[str]) -> Reference | None:
    """The wild type in the card of the first measured dataset; None if there are only files."""
    named = [one for one in tables if one != "-" and not Path(one).exists() and not Path(one).suffix]
    return reference_of_card(science, named[0]) if named and science.variants is not None else None


def campaign_space(
    request: ProposeRequest, space: DesignSpace | None, known_items: Sequence[Item], edits: Edits | None,
    whole: bool = False,
) -> CampaignSpace:  # fmt: skip
    """The functions that a campaign needs of the domain and the model.

    known_items: measured or pending; whether they can be aligned decides which features are used. edits: their
    `edit_features`.
    whole: candidates are all items of the space, so that only patterns and constraints are tested.
    """
    science, model, patterns = request.domain, request.model, request.patterns
    features, unlike = features_for(science, None if space is None else space.origin, known_items, edits)
    tests: list[Callable[[Item], bool]] = [] if whole else [lambda item: unlike(item) is None]
    if space is not None and not whole:
        tests.insert(0, space.accepts)
    if patterns.keep or patterns.forbid or patterns.plausible:
        origin = origin_of(science, space)
        given = request.supplied.pool is not None or request.blocks is not None  # a user's choice, or with a route
        known = None if given else [*known_items, *request.start, *request.controls]
        tests.insert(0, constraint_of(science, patterns.keep, patterns.forbid, origin, patterns.plausible, known))
    own = model.oracles if model is not None and request.goals else {}
    book = OracleBook(science.name, own={**own, **request.predictors}, threads=request.supplied.threads)
    met = constraint_test(request.goals, resolve_oracles(request.goals, book.resolve))
    marks = marks_for(science, space, request.plate.campaign.plate.maximum_share)
    found = CampaignSpace(
        science.items.key, features, science.similarity.matrix, _accepting(tests, met),
        moves_of(science.moves, space),
        marks=marks,
    )  # fmt: skip
    if model is None or request.blocks is not None:
        return found
    near, draw = latent_moves(model)
    return replace(found, moves={**found.moves, "latent": near}, draws={"prior": draw})


def _accepting(tests: Sequence[Callable[[Item], bool]], met: ConstraintTest) -> ConstraintTest:
    """A test of items: all tests must pass. Constraints, which cost more, are evaluated last."""

    def accept(items: Sequence[Item]) -> list[bool]:
        passed = [all(test(item) for test in tests) for item in items]
        rest = iter(met([item for item, fine in zip(items, passed, strict=True) if fine]))
        return [fine and next(rest) for fine in passed]

    return accept


def marks_for(
    science: Domain, space: DesignSpace | None, maximum_share: float
) -> Callable[[Sequence[Item]], Sequence[Marks]] | None:
    """Features whose share of a plate is limited, for each item; None without a limit."""
    if maximum_share == 1:
        return None
    marks = None if science.design is None else science.design.marks
    if marks is None:
        series = science.similarity.series
        return partial(_labels, {"group": science.regression.groups} | ({"series": series} if series else {}))
    if space is None:
        raise ConfigError("Expected a wild type beside `maximum_share`, which counts changes of it. Pass `wild_type`.")
    return lambda items: marks(items, space.origin)


def _labels(
    classes: Mapping[str, Callable[[Sequence[Item]], Sequence[str]]], items: Sequence[Item]
) -> list[set[tuple[str, str]]]:
    """(kind, label) of the classes that each item is in."""
    found = [set[tuple[str, str]]() for _ in items]
    for kind, label in classes.items():
        for own, text in zip(found, label(items), strict=True):
            own |= {(kind, text)} if text else set()
    return found


def origin_of(science: Domain, space: DesignSpace | None) -> Reference | None:
    """The origin of a design space as a reference; None if the domain has no variants."""
    if space is None or science.variants is None:
        return None
    return reference_of(science, space.reference or space.origin)


def features_for(
    science: Domain, origin: Item | None, known_items: Sequence[Item], edits: Edits | None
) -> tuple[Features, Unlike]:
    """Features, and why an item has none: those of edits if there are such, the domain's features of aligned designs if
    all known items can be aligned, else its features for predictors, which every item has."""
    if edits is not None:
        return edits, edits.refusal
    first = origin if origin is not None else next(iter(known_items), None)
    design = aligned_features(science)
    if design is None or first is None or not comparable(science, first, known_items):
        return science.regression.features, lambda item: None

    def aligned(items: Sequence[Item]) -> FeatureRows:
        rows = design(items, first)
        if rows is None:
            raise ShapeError("Expected items that can be aligned with the measured ones, got others.")
        return rows

    return aligned, lambda item: "another length" if design([item], first) is None else None


def comparable(science: Domain, origin: Item | None, known_items: Sequence[Item]) -> bool:
    """Whether all items can be aligned with the origin, or without an origin with each other."""
    first = origin if origin is not None else next(iter(known_items), None)
    design = aligned_features(science)
    return design is not None and (first is None or design([first, *known_items], first) is not None)


def edit_features(science: Domain, origin: Item | None, known_items: Sequence[Item]) -> Edits | None:
    """`Design.edits` of the known items, None if other features describe them."""
    return None if science.design is None else science.design.edits(known_items, origin)


def unlike_lengths(science: Domain, origin: Item | None, known_items: Sequence[Item], edits: Edits | None) -> list[str]:
    """A note on known items that can't be compared site by site."""
    if edits is not None:
        return [
            "measured or proposed items differ by insertions or deletions: they are compared by these edits, not "
            "residue by residue; with `wild_type` only those of its length are used"
        ]
    if aligned_features(science) is None or comparable(science, origin, known_items):
        return []
    return [
        "measured or proposed items have several lengths: they are compared by features such as composition, not "
        "residue by residue. Pass `wild_type` to use only those of its length"
    ]


def aligned_features(science: Domain) -> Callable[[Sequence[Item], Item | None], FeatureRows | None] | None:
    """`Design.features`, None if the domain has none."""
    return None if science.design is None else science.design.features


def moves_of(moves: Moves | BlockMoves | None, space: DesignSpace | None = None) -> dict[str, Move]:
    """The domain's moves as functions of many parents; mutation is that of the design space, if there is one."""

    def lifted(move: Callable[[Item, np.random.Generator], Item | Refusal]) -> Move:
        return lambda parents, generator: [_item(move(parent, generator)) for parent in parents]

    def crossed(recombine: Crossover) -> Move:
        def move(parents: Sequence[Item], generator: np.random.Generator) -> list[Item]:
            others = generator.permutation(len(parents))
            return [_item(recombine(one, parents[k], generator)) for one, k in zip(parents, others, strict=True)]

        return move

    found = {} if space is None else {"mutation": lifted(space.mutate)}
    if moves is None:
        return found
    found.setdefault("mutation", lifted(moves.mutate))
    if moves.edit is not None:
        found["edit"] = lifted(moves.edit)
    if moves.recombine is not None:
        found["recombination"] = crossed(moves.recombine)
    return found


def _item(found: Item | Refusal) -> Item | None:
    return None if is_refusal(found) else found


def latent_moves(model: LoadedModel) -> tuple[Move, Draw]:
    """Steps around the latents of parents, and draws from the prior."""
    if model.recipe.form and model.representation.naming is None:  # family models decode to plain items
        made = f"{model.folder} makes them as {model.recipe.form}"
        raise ConfigError(f"Expected a model of plain {model.domain.name}, {made}.")
    space, science = model.space, model.domain
    known: dict[str, np.ndarray] = {}  # the same parents come many times

    def latents_of_parents(parents: Sequence[Item]) -> np.ndarray:
        keys = [science.items.key(parent) for parent in parents]
        new = {key: parent for key, parent in zip(keys, parents, strict=True) if key not in known}
        known.update(zip(new, latents_of(model, list(new.values())), strict=True))
        return np.stack([known[key] for key in keys])

    def near(parents: Sequence[Item], generator: np.random.Generator) -> list[Item]:
        latents = latents_of_parents(parents)
        good = np.flatnonzero(np.isfinite(latents).all(1))
        if not len(good):
            return []
        steps = generator.choice(STEPS, (len(good), 1))
        moved = crank_nicolson_step(latents[good], steps, np.ones(space.size, bool), generator)
        return [_item(item) for item in space.decode_items(moved)]

    def draw(count: int, generator: np.random.Generator) -> list[Item]:
        noise = generator.standard_normal((count, space.size), np.float32)
        return [_item(item) for item in space.generate_items(noise)]

    return near, draw
