"""The request for draws of a model, checked before drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sciencegen.api.criteria.conditions import Condition, parse_conditions
from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.models.folder import LoadedModel, name_columns
from sciencegen.api.sampling.checks import check_limits, check_noise_free, check_patterns, check_unobserved
from sciencegen.api.sampling.drawing import check_guidance
from sciencegen.api.sampling.model_conditions import checked_conditions, condition_notes, measures_of
from sciencegen.api.sampling.ranking import Ranking, read_ranking
from sciencegen.api.sampling.replacement import DRAW, SIMILARITY, check_replacing
from sciencegen.api.sampling.tasks import resolve_task
from sciencegen.api.science.naming import exempt_motifs
from sciencegen.api.sources.blocks import Blocks, blocks_of
from sciencegen.config import GenerateSettings
from sciencegen.domains.capabilities import DescribesDraws, DrawTask, Scaffold
from sciencegen.latent.space import ImputesConditions
from sciencegen.scoring.oracles import ArrayOracle, Oracle, with_annotations


@dataclass(frozen=True)
class DrawRequest:
    """A checked request for draws.

    conditions: of `where`; checked: those that can be measured. ranking: compares several draws of an item. book:
    finds oracles. names: properties to measure of every draw. scaffold: a part that every item contains; keep:
    patterns, with that of the scaffold. task: draws by the model's recipe around or from something given. blocks: what
    items are made of, or None.
    """

    model: LoadedModel
    settings: GenerateSettings
    conditions: Sequence[Condition]
    checked: Sequence[Condition]
    ranking: Ranking
    book: OracleBook
    names: tuple[str, ...]
    scaffold: Scaffold | None
    keep: tuple[str, ...]
    task: DrawTask | None = None
    blocks: Blocks | None = None

    @property
    def values(self) -> list[str]:
        """Columns of measured values."""
        return with_annotations(self.names, self.settings.predictors)

    @property
    def columns(self) -> list[str]:
        how = [] if self.blocks is None else [*self.blocks.columns, DRAW, SIMILARITY]
        about = self.task.columns if isinstance(self.task, DescribesDraws) else ()
        return ["item", *name_columns(self.model.representation)([]), *self.values, *how, *about]

    @property
    def observes(self) -> bool:
        """Whether the model's noise-free items are written as observed by an instrument."""
        observation = self.model.representation.observation
        return not self.settings.noise_free and observation is not None and observation.instrument is not None

    @property
    def notes(self) -> list[str]:
        """Messages about things that a user may not expect."""
        return [
            *condition_notes(self.model, self.conditions, self.checked),
            *(() if self.blocks is None else self.blocks.notes),
            *exempt_motifs(self.model.domain, self.model.reference, self.settings.forbid),
        ]

    @property
    def own(self) -> dict[str, Oracle]:
        """Oracles that need the model, so they can't run in workers."""
        elsewhere = (*measures_of(self.model), *self.settings.predictors)
        return {name: self.book.own[name] for name in self.names if name in self.book.own and name not in elsewhere}

    def oracle(self, name: str) -> Oracle:
        """The oracle of this name, for use in this process."""
        measures = self.model.representation.measures
        if measures is None or name not in measures.names or name in self.settings.predictors:
            return self.book.resolve(name)
        return ArrayOracle(name, lambda items: measures.measure(items, [name])[:, 0])


def resolve_draws(model: LoadedModel, settings: GenerateSettings) -> DrawRequest:
    """Check the settings and resolve their names; wrong ones are an error before any drawing."""
    known, own = model.space.properties, model.oracles
    conditions = parse_conditions(settings.where, model.domain, model.representation)
    book = OracleBook(model.domain.name, settings.predictors, own=own, conditions=known, threads=settings.threads)
    checked = checked_conditions(model, conditions, settings.predictors, own)
    ranking = read_ranking(model.domain, settings, checked, model.representation.measures)
    requested = [*(condition.name for condition in checked), *ranking.names]
    names = tuple(dict.fromkeys([*requested, *settings.include, *settings.predictors]))
    for name in names:
        if name not in measures_of(model):
            book.resolve(name)
    if settings.noise_free:
        check_noise_free(model.domain, model.representation)
        check_unobserved(model.domain, names)
    task = resolve_task(model, settings, conditions)
    if task is None:
        check_limits(model.representation, conditions)
    scaffold, keep = check_patterns(model.domain, settings, own_scaffold=task is not None)
    imputes = task is None and isinstance(model.model, ImputesConditions) and model.model.imputes_conditions
    check_guidance(settings, conditions, known, imputes)
    check_replacing(model.domain, settings)
    blocks = blocks_of(model.domain, settings)
    return DrawRequest(model, settings, conditions, checked, ranking, book, names, scaffold, keep, task, blocks)
