"""The candidates of a design round: the design space with its features and moves, pools of users, building blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from sciencegen.api.campaign.history import Unlike
from sciencegen.api.campaign.journal_items import CONTROL
from sciencegen.api.criteria import ConstraintTest
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.predictors.folder import latents_of
from sciencegen.api.science import ReadItems, constraint_of, describe, read_rows_of, reference_of
from sciencegen.api.search import drawn_items, makeable_starts, unrefused
from sciencegen.api.sources.blocks import ANALOGUES, Blocks
from sciencegen.api.sources.tables import all_rows, open_source, reference_of_card
from sciencegen.config import PrepareSettings, ProposeSettings
from sciencegen.config.search import ProposeFurther
from sciencegen.data.workbooks import file_of
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Analogues, BlockMoves, DesignSpace, Edits, Moves, Reference
from sciencegen.domains.capabilities.design import Crossover
from sciencegen.domains.capabilities.design import Move as Change
from sciencegen.errors import ConfigError, DataError, ShapeError, unknown_name
from sciencegen.items import Cell, Item, Refusal, Row
from sciencegen.optimization.campaign import Plate
from sciencegen.optimization.candidates import CampaignSettings, CampaignSpace, CandidatePool, CandidateSources, Move
from sciencegen.optimization.evolution import crank_nicolson_step
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.plate import Materials
from sciencegen.optimization.selection import Marks

# The design space, features and moves.

Features = Callable[[Sequence[Item]], FeatureRows]
Draw = Callable[[int, np.random.Generator], list[Item | None]]

STEPS = (0.1, 0.25, 0.5)
"""Step sizes of moves in latent space, in prior standard deviations."""


def space_options(science: Domain, settings: ProposeSettings) -> dict[str, object]:
    """Check the options of the domain's design space, and parse the reference: the wild type that the settings name,
    or that of the card of the first measured dataset."""
    wild_type, found = settings.wild_type, dict(settings.space)
    named = [one for one in settings.measured if one != "-" and not Path(one).exists() and not Path(one).suffix]
    if wild_type:
        if str(found.get("reference", wild_type)) != wild_type:
            raise ConfigError(
                f"Expected one wild type, got `wild_type` {wild_type} and `space` reference={found['reference']}. "
                "Pass `wild_type` alone."
            )
        found["reference"] = reference_of(science, wild_type)
    elif (
        "reference" not in found
        and named
        and science.variants is not None
        and (known := reference_of_card(science, named[0])) is not None
    ):
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


def accepting(tests: Sequence[Callable[[Item], bool]], met: ConstraintTest) -> ConstraintTest:
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


def reference_of_space(science: Domain, space: DesignSpace | None) -> Reference | None:
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


def unaligned(science: Domain, space: DesignSpace | None, items: Sequence[Item]) -> list[Item]:
    """Items that can't be aligned with the origin of the design space. They can't be used for fitting."""
    features = aligned_features(science)
    if space is None or features is None:
        return []
    return [item for item in items if features([item], space.origin) is None]


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


def moves_of(
    moves: Moves | BlockMoves | None, space: DesignSpace | None = None, changes: Mapping[str, Change] | None = None,
    random: bool = True,
) -> dict[str, Move]:  # fmt: skip
    """The domain's moves as functions of many parents; mutation is that of the design space, if there is one.

    changes: moves to analogues. random: whether the others are moves too.
    """

    def lifted(move: Callable[[Item, np.random.Generator], Item | Refusal]) -> Move:
        return lambda parents, generator: [unrefused(move(parent, generator)) for parent in parents]

    def crossed(recombine: Crossover) -> Move:
        def move(parents: Sequence[Item], generator: np.random.Generator) -> list[Item]:
            others = generator.permutation(len(parents))
            return [unrefused(recombine(one, parents[k], generator)) for one, k in zip(parents, others, strict=True)]

        return move

    found = {} if space is None else {"mutation": lifted(space.mutate)}
    found |= {name: lifted(change) for name, change in (changes or {}).items()}
    if moves is None or not random:
        return found
    found.setdefault("mutation", lifted(moves.mutate))
    if moves.edit is not None:
        found["edit"] = lifted(moves.edit)
    if moves.recombine is not None:
        found["recombination"] = crossed(moves.recombine)
    return found


GOOD, MOST_GOOD = 10, 50
"""Measured items that count as good: the best tenth, but from `GOOD` to `MOST_GOOD`."""


def analogue_tests(
    science: Domain, analogues: Analogues, further: ProposeFurther, best_first: Sequence[Item], within_series: bool
) -> tuple[list[Callable[[Item], bool]], list[str], Callable[[Item], bool]]:
    """What experts expect of the analogues of measured items, as tests of an item, and notes; none if none is measured.
    And a test whether an item may be a parent: changes of one without the core seldom have it.

    within_series: whether candidates are analogues, so that they have a measured item's core and are similar to one.
    """
    may_be_parent = CampaignSpace.may_be_parent
    if not best_first:
        return [], [], may_be_parent
    good = best_first[: min(MOST_GOOD, max(GOOD, len(best_first) // 10))]
    tests, said = list[Callable[[Item], bool]](), list[str]()
    if within_series and further.keep_core and (cores := analogues.cores(good)):
        holds = [constraint_of(science, [core], []) for core in cores]
        may_be_parent = lambda item: any(held(item) for held in holds)  # noqa: E731
        tests.append(may_be_parent)
        share = sum(map(may_be_parent, good))
        which = "this core" if len(cores) == 1 else "one of these cores"
        said.append(f"hold {which}, as {share} of the best {len(good)} do (`keep_core`): {', '.join(cores)}")
    if further.property_quantile:
        values = science.measure(best_first, list(analogues.limits))
        most = dict(
            zip(analogues.limits, np.nanquantile(values, further.property_quantile, axis=0).tolist(), strict=True)
        )
        for column, (name, usual) in enumerate(analogues.limits.items()):
            if np.nanmedian(values[: len(good), column]) <= usual:
                most[name] = min(most[name], usual)
        limits = np.array(list(most.values()))
        tests.append(lambda item: bool((science.measure([item], list(most))[0] <= limits).all()))
        said.append(f"have {', '.join(f'{name} <= {most[name]:.3g}' for name in most)} (`property_quantile`)")
    if within_series and further.minimum_similarity:
        tests.append(
            lambda item: bool(science.similarity.matrix([item], best_first).max() >= further.minimum_similarity)
        )
        said.append(
            f"have a similarity of {further.minimum_similarity:g} or more to a measured item (`minimum_similarity`)"
        )
    if not further.new_alerts:
        known = {name for item in good for name in analogues.alerts(item)}
        liable = {name for item in best_first for name in analogues.liabilities(item)}
        tests.append(lambda item: known.issuperset(analogues.alerts(item)))
        tests.append(lambda item: liable.issuperset(analogues.liabilities(item)))
        said.append(
            "have no structural alert that the best don't have, and no group that is oxidized to something reactive "
            "without a measured one that has it (`new_alerts`)"
        )
    if within_series and not further.new_positions:
        opens = analogues.opens(best_first)
        tests.append(lambda item: not opens(item))
        said.append("have no group at a ring position that many measured ones leave free (`new_positions`)")
    if within_series:
        repeats = analogues.repeats(best_first)
        tests.append(lambda item: not repeats(item))
    return tests, [f"candidates {text}" for text in said], may_be_parent


def nearest_measured(
    science: Domain, difference: Callable[[Item, Item], str], items: Sequence[Item], measured: Sequence[Item],
    values: Mapping[str, Mapping[str, float]], targets: Sequence[str],
) -> dict[str, list[Cell]]:  # fmt: skip
    """Columns that say of each item which measured one is nearest, its values of the targets (by its key in `values`),
    the similarity, and what differs; {} if there is nothing to compare."""
    if not measured or not items:
        return {}
    similarities = np.asarray(science.similarity.matrix(items, measured))
    near = [measured[place] for place in similarities.argmax(1)]
    found: dict[str, list[Cell]] = {"nearest": [science.items.text(item) for item in near]}
    for target in targets:
        found[f"nearest_{target}"] = [values[science.items.key(item)].get(target) for item in near]
    found["similarity"] = similarities.max(1).tolist()
    key = science.items.key
    pairs = list(zip(items, near, strict=True))
    found["changed"] = ["" if key(one) == key(other) else difference(one, other) for one, other in pairs]
    return found


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
        return [unrefused(item) for item in space.decode_items(moved)]

    return near, partial(drawn_items, model, ())


# Candidates that users supply: a pool with costs, or additions to generated candidates.

LARGEST_SPACE = 200_000
"""Largest number of items of a design space that are all evaluated."""


def candidate_pool(
    science: Domain, settings: ProposeSettings, space: DesignSpace | None, unlike: Unlike
) -> tuple[CandidatePool | None, list[Refused]]:
    """Candidates of the pool, or all items of a small enough design space; and refused rows. unlike: why an item can't
    be compared with the measured ones."""
    if settings.pool is None:
        items = None if space is None else space.everything(LARGEST_SPACE)
        if items is None:
            return None, []
        return CandidatePool(items, [science.items.key(item) for item in items], np.ones(len(items))), []
    distinct, refused = _candidates(science, settings.pool, settings, space, unlike)
    if not distinct:
        reason = f"all rows were refused, the first: {refused[0][2]}" if refused else "it has none"
        raise DataError(
            f"Expected items in the pool {settings.pool} that can be compared with measured ones, {reason}. Correct "
            "them, or pass another pool."
        )
    costs = np.array([_cost(row, settings) for row, _ in distinct.values()])
    return CandidatePool([item for _, item in distinct.values()], list(distinct), costs), refused


def suggested_items(
    science: Domain, settings: ProposeSettings, space: DesignSpace | None, unlike: Unlike
) -> tuple[list[Item], list[Refused]]:
    """The candidates of `also`, and refused rows. unlike: as of `candidate_pool`."""
    found, refused = list[Item](), list[Refused]()
    own = settings.model_copy(update={"column": None})
    for source in settings.also:
        distinct, strange = _candidates(science, source, own, space, unlike)
        found += [item for _, item in distinct.values()]
        refused += strange
    return found, refused


def _candidates(
    science: Domain, source: str, settings: ProposeSettings, space: DesignSpace | None, unlike: Unlike
) -> tuple[dict[str, tuple[Row, Item]], list[Refused]]:
    """Key -> first row of each distinct item of a file or dataset, and the item; and refused rows."""
    reference, path = None if space is None else space.reference, Path(source)
    if reference is not None and os.path.isfile(file_of(path)):
        rows = read_rows_of(science, path, settings.column, reference)
    else:
        wanted = PrepareSettings(source=source, column=settings.column, threads=settings.threads)
        rows = all_rows(open_source(science.name, wanted)[0])
    pairs, refused = describe(ReadItems(science.name, reference), list(rows), settings.threads)
    distinct, reasons = dict[str, tuple[Row, Item]](), dict[str, str | None]()
    for row, (text, key, _) in pairs:
        if key not in reasons:
            item = science.items.parse(text)
            reasons[key] = unlike(item)
            distinct[key] = row, item
    apart = [(row.line, text, why) for row, (text, key, _) in pairs if (why := reasons[key]) is not None]
    return {key: one for key, one in distinct.items() if reasons[key] is None}, [*refused, *apart]


def cost_column(settings: ProposeSettings) -> str | None:
    """The pool's column of costs; None if costs are ignored."""
    return settings.cost or ("cost" if settings.cost_limit is not None else None)


def _cost(row: Row, settings: ProposeSettings) -> float:
    if (column := cost_column(settings)) is None:
        return 1.0
    value = row.values.get(column)
    if value is None or value <= 0:
        found = "none" if value is None else f"{value:g}"
        raise DataError(
            f"Expected a cost above 0 in '{column}' in every row of {settings.pool}, line {row.line} has {found}."
        )
    return value


# Design rounds among items that are made from building blocks.

OF_BLOCKS = "A building block itself counts as none."


@dataclass(frozen=True)
class Makeable:
    """What of a design round can be made from building blocks; a way is looked for where none is known."""

    science: Domain
    blocks: Blocks
    threads: int

    def flags(self, items: Sequence[Item]) -> list[bool]:
        """Which items can be made from the blocks."""
        known = self.blocks.moves.materials
        unknown = [self.science.items.text(item) for item in items if known(item) is None]
        list(self.blocks.entered(unknown, self.threads))
        return [known(item) is not None for item in items]

    def only(self, sources: CandidateSources) -> tuple[CandidateSources, list[str]]:
        """The candidates that can be made, and notes on the others."""
        start, notes = makeable_starts(self.science, sources.start, self.blocks.moves) if sources.start else ([], [])
        flags, pool = self.flags(sources.suggestions), sources.pool
        suggestions = [item for item, good in zip(sources.suggestions, flags, strict=True) if good]
        notes += _left_out(sum(flags), len(flags), "`also`")
        if pool is not None:
            places = np.flatnonzero(self.flags(pool.items)).tolist()
            if not places:
                raise DataError(
                    f"Expected candidates of the pool that can be made, found no way for any of {len(pool.items)}. "
                    f"{OF_BLOCKS}"
                )
            notes += _left_out(len(places), len(pool.items), "the pool")
            items, keys = ([values[place] for place in places] for values in (pool.items, pool.keys))
            pool = CandidatePool(items, keys, pool.costs[places])
        return CandidateSources(pool, start, suggestions), notes

    def space(self, space: CampaignSpace, best: Sequence[Item]) -> CampaignSpace:
        """The same space, whose items are drawn and changed by the moves of building blocks.

        best: measured items, best first. They are parents if a way to make them is known; analogues of the first of
        the others are candidates, and so parents.
        """
        moves = self.blocks.moves

        def analogues(count: int, generator: np.random.Generator) -> list[Item]:
            unknown = (item for item in best if moves.materials(item) is None)
            texts = map(self.science.items.text, islice(unknown, count // ANALOGUES))
            return [item for made in self.blocks.entered(texts, self.threads) for item in made]

        def drawn(count: int, generator: np.random.Generator) -> list[Item | None]:
            return [unrefused(item) for item in moves.draw(count, generator)]

        def materials(item: Item) -> Materials:
            found = moves.materials(item)
            return frozenset() if found is None else frozenset((*found.blocks, *found.intermediates))

        draws: dict[str, Draw] = {"blocks": drawn, **({"analogue": analogues} if best else {})}
        return replace(
            space,
            moves=moves_of(moves),
            draws=draws,
            materials=lambda items: list(map(materials, items)),
            may_be_parent=lambda item: moves.materials(item) is not None,
        )


def _left_out(kept: int, count: int, where: str) -> list[str]:
    if kept == count:
        return []
    return [f"{count - kept} of {count} candidates of {where} are left out: no way to make them was found. {OF_BLOCKS}"]


def how_made(blocks: Blocks, items: Sequence[Item]) -> dict[str, list[Cell]]:
    """The columns that say how each item is made; empty cells for controls that no way was found to make."""
    known = [blocks.moves.materials(item) is not None for item in items]
    columns = blocks.moves.columns([item for item, is_known in zip(items, known, strict=True) if is_known])
    cells = {name: iter(column) for name, column in columns.items()}
    return {name: [next(column) if is_known else None for is_known in known] for name, column in cells.items()}


def material_notes(blocks: Blocks, items: Sequence[Item]) -> list[str]:
    """A note on what making the items takes."""
    found = [one for one in map(blocks.moves.materials, items) if one is not None]
    if not found:
        return []
    bought, last = {part for one in found for part in one.blocks}, {part for one in found for part in one.last}
    made = sum(bool(one.last) for one in found)
    rest = f" and, for the last steps of {made} of them, {len(last)} different intermediates" if made else ""
    return [f"the {len(found)} items need {len(bought)} building blocks{rest}"]


# Controls: items that the user wants on a plate in any case.


def check_controls(space: CampaignSpace, controls: Sequence[Item]) -> None:
    """Raise an error for controls that can't be aligned with the measured items."""
    try:
        if controls:
            space.features(controls)
    except ShapeError:
        raise ConfigError(
            "Expected controls as long as the measured items, got another length. Pass `wild_type` to name them (WT, "
            "A42G)."
        ) from None


def without_controls(
    options: CampaignSettings, science: Domain, pool: CandidatePool | None, controls: Sequence[Item]
) -> CampaignSettings:
    """Settings for the rest of the plate: the cost limit minus the controls' costs, which the pool holds."""
    costs = {} if pool is None else dict(zip(pool.keys, pool.costs.tolist(), strict=True))
    limit, spent = options.plate.cost_limit, sum(costs.get(science.items.key(one), 0.0) for one in controls)
    if spent >= limit:
        raise ConfigError(f"Expected controls that cost less than `cost_limit` {limit:g}, these cost {spent:g}.")
    return replace(options, plate=replace(options.plate, cost_limit=limit - spent))


def with_controls(plate: Plate, controls: Sequence[Item]) -> Plate:
    """The plate with the controls at its end, which are the last of its `extra` items if anything is predicted."""
    if not controls:
        return plate
    count, nothing = len(controls), np.full((3, len(controls)), np.nan)
    predicted = {
        name: np.concatenate([own, plate.extra[name][:, -count:] if name in plate.extra else nothing], axis=1)
        for name, own in plate.predicted.items()
    }
    return replace(
        plate, items=[*plate.items, *controls], sources=[*plate.sources, *[CONTROL] * count], predicted=predicted,
        feasible=np.append(plate.feasible, np.full(count, np.nan)),
    )  # fmt: skip
