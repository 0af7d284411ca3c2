"""The request for draws of a model, checked before drawing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from pathlib import Path

import numpy as np

from sciencegen.api.criteria import Condition, OracleBook, parse_conditions
from sciencegen.api.models.folder import LoadedModel, name_columns
from sciencegen.api.models.identity import data_of
from sciencegen.api.models.plan import HasDiffusion, module_of
from sciencegen.api.predictors.folder import shipped_targets
from sciencegen.api.sampling.judge import Judge, Judged, Ranking, particles_of, read_ranking
from sciencegen.api.science import InDomain, check_kept, constraint_of, domain_of, exempt_motifs, plain_name
from sciencegen.api.sources.blocks import SEARCH_S, Blocks, FindAnalogues, blocks_of, check_blocks
from sciencegen.config import GenerateSettings
from sciencegen.data.prepared import PreparedDataset
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import DescribesDraws, DrawTask, DrawTasks, Scaffold, TaskSettings
from sciencegen.domains.recipes import Recipe, Representation
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from sciencegen.latent.space import ImputesConditions, Resamples
from sciencegen.scoring.oracles import ArrayOracle, Oracle, ProgramOracle, with_annotations

# Checks of `generate`'s settings before any drawing.


def check_noise_free(
    science: Domain, representation: Representation | type[Representation], names: Sequence[str] = ()
) -> None:
    """Raise an error for a model without a known instrument, and for properties of observations, which noise-free items
    don't have. representation: that of the model, or its class if the model is not trained yet."""
    observation = None
    if not isinstance(representation, type):
        observation = representation.observation
    elif representation.observation is not Representation.observation:  # unknown before training
        return
    if observation is None or observation.instrument is None:
        made = "" if observation is None else observation.as_seen
        raise ConfigError(f"Expected no `noise_free`: {made or f'what models of {science.name} make has no noise.'}")
    for name in names:
        if name in science.properties and science.properties[name].observed:
            raise ConfigError(
                f"Expected no '{name}' with `noise_free`: it describes an observation. Leave out one of the two."
            )


def check_limits(representation: Representation, conditions: Sequence[Condition]) -> None:
    """Raise an error for values that no draw of the model has."""
    for condition in conditions:
        low, high = representation.limits.get(condition.name, (-inf, inf))
        if condition.goal.high < low or condition.goal.low > high:
            raise ConfigError(
                f"Expected a `where` with {condition.name} of {low:g} to {high:g}, which the model has learned, got "
                f"'{condition.goal.text}'. Change it, or train a model on such items."
            )


# Settings of diffusion sampling in `generate`: sampler, steps, guidance and noise of steps.

DRAWING = ("sampler", "steps", "guidance", "step_noise")
"""Names of the settings."""
STEERED = "ancestral"
"""Sampler of steered draws (`diffusion.steering`), whatever the settings say."""


def drawing_words(settings: GenerateSettings) -> list[str]:
    """The settings of sampling and ranking as phrases, such as `sampler heun`."""
    values = settings.further.model_dump(include=set(DRAWING), exclude_none=True)
    drawn = [f"{name} {values[name]}" for name in DRAWING if name in values]
    best = [f"best of {settings.best_of}"] * (settings.best_of > 1)
    drawn += [] if settings.further.tries is None else [f"tries {settings.further.tries}"]
    return [*drawn, *(f"steered: {goal}" for goal in settings.steer), *best]


def set_drawing(model: LoadedModel, settings: GenerateSettings, required: bool = True) -> list[str]:
    """Apply the settings to a model's diffusions; notes on too few steps. required: raise an error if it has none."""
    names = settings.further.model_dump(include=set(DRAWING), exclude_none=True)
    if not names:
        return []
    from sciencegen.diffusion.model import Drawing, draw_by

    chosen = Drawing(**_usual_sampler(model.recipe.tasks, settings) | names)
    doubts = draw_by(module_of(model.model), chosen)
    if doubts is None and required:
        raise no_diffusion(list(names), model)
    return doubts or []


def set_tries(model: LoadedModel, tries: int, conditions: Sequence[Condition]) -> None:
    """Apply `tries`; an error for a model that doesn't draw several times, and without a condition that it has."""
    if not isinstance(model.model, Resamples):
        raise ConfigError(
            f"Expected a model that draws several times for a condition with `tries`, the one in {model.folder} "
            f"(recipe '{model.recipe.name}') doesn't. Use `best_of`."
        )
    known = model.space.properties
    if not any(one.name in known for one in conditions):
        raise ConfigError(
            f"Expected a condition of the model with `tries`, got none (it is conditioned on {', '.join(known)}). Add "
            "`where`, or leave `tries` out."
        )
    model.model.set_tries(tries)


def _usual_sampler(tasks: DrawTasks | None, settings: GenerateSettings) -> dict[str, str]:
    """The sampler of steered draws, or of a requested task that has its own: `step_noise` needs a random one."""
    if settings.further.step_noise is None:
        return {}
    if particles_of(settings) > 1:
        return {"sampler": STEERED}
    samplers = tasks.samplers if tasks else {}
    given = [name for name in given_task(settings) if name in samplers]
    return {"sampler": samplers[given[0]]} if given else {}


def no_diffusion(names: Sequence[str], model: LoadedModel) -> ConfigError:
    """The error for settings that need a diffusion model."""
    what = ", ".join(f"`{name}`" for name in names)
    return ConfigError(
        f"Expected a diffusion for {what}, the model in {model.folder} (recipe '{model.recipe.name}') takes no steps "
        f"from noise to data. Leave {what} out, or pass another `model`."
    )


def check_drawing(settings: GenerateSettings, network: object = None, tasks: DrawTasks | None = None) -> None:
    """Raise an error for an unknown sampler, or one that has no noise to scale, before a model is loaded. network: its
    settings, if they are known, and thus its own sampler. tasks: of its recipe."""
    if settings.further.sampler is not None:
        from sciencegen.diffusion.model import check_random
        from sciencegen.diffusion.samplers import sampler

        sampler(settings.further.sampler)
        if settings.further.step_noise is not None:
            check_random(settings.further.sampler)
    if settings.further.step_noise is None or not isinstance(network, HasDiffusion):
        return
    from sciencegen.diffusion.model import DiffusionSettings, Drawing

    names = settings.further.model_dump(include=set(DRAWING), exclude_none=True)
    if isinstance(network.diffusion, DiffusionSettings):
        Drawing(**_usual_sampler(tasks, settings) | names).settings(network.diffusion)


def check_guidance(
    settings: GenerateSettings, conditions: Sequence[Condition], known: Collection[str], imputes: bool = False
) -> None:
    """Raise an error for guidance without a condition. known: properties that the model is conditioned on. imputes:
    whether draws have conditions that aren't requested."""
    if settings.further.guidance and not imputes and not any(one.name in known for one in conditions):
        names = ", ".join(sorted(known)) or "nothing"
        raise ConfigError(
            f"Expected a condition of the model with `guidance`, got none (it is conditioned on {names}). "
            "Add `where`, or leave `guidance` out."
        )


# Tasks of `generate`: draws that contain, vary or repeat something given (`domains.capabilities.DrawTasks`).

TASKS = ("core", "scaffold", "vary", "symmetry")
"""Settings that each define a task."""
DETAILS = {"contigs": "scaffold", "keep_free": "scaffold", "similarity": "vary", "noise_level": "vary"}
"""Setting -> the task that it belongs to."""
WIDTH = 0.1
"""Distance from a single `similarity` that a result may have."""


def given_task(settings: GenerateSettings) -> dict[str, str | float]:
    """The settings of a task that aren't None."""
    values = {**settings.model_dump(), **settings.further.model_dump()}
    return {name: values[name] for name in (*TASKS, *DETAILS) if values[name] is not None}


def similarity_window(given: float | str) -> tuple[float, float]:
    """The least and the greatest similarity that a setting asks for.

    Examples
    --------
    >>> similarity_window("0.5..0.8"), similarity_window(0.95)
    ((0.5, 0.8), (0.85, 1.0))
    """
    try:
        ends = [float(end) for end in str(given).split("..")]
    except ValueError:
        ends = []
    if len(ends) == 1 and 0 <= ends[0] <= 1:
        ends = [max(0.0, round(ends[0] - WIDTH, 9)), min(1.0, round(ends[0] + WIDTH, 9))]
    if len(ends) != 2 or not 0 <= ends[0] < ends[1] <= 1:
        raise ConfigError(
            f"Expected a `similarity` of 0 to 1, such as 0.6 (0.5 to 0.7) or 0.5..0.8, got '{given}'. Change it."
        )
    return ends[0], ends[1]


def requested_tasks(
    tasks: DrawTasks | None, settings: GenerateSettings, model: str, recipes: Mapping[str, Recipe] | None = None
) -> DrawTasks | None:
    """The recipe's own tasks if one of them is requested, else None; an error for settings that don't go together, that
    the recipe lacks, or that it can't read. A scaffold of other recipes is one of the domain (`Structures`). model: its
    name in the message. recipes: of the domain, of which the message names those that take the setting."""
    given = given_task(settings)
    several = [f"`{name}`" for name in TASKS if name in given and (name != "core" or "vary" not in given)]
    if len(several) > 1:
        raise ConfigError(f"Expected one of {' and '.join(several)}, got {len(several)}. Leave one out.")
    for name, task in DETAILS.items():
        if name in given and task not in given:
            raise ConfigError(f"Expected `{task}` with `{name}`, got none. Add it, or leave `{name}` out.")
    lacking = [name for name in given if name not in (frozenset() if tasks is None else tasks.settings)]
    if lacking and lacking != ["scaffold"]:
        able = [name for name, one in (recipes or {}).items() if one.tasks and lacking[-1] in one.tasks.settings]
        such = f"of a recipe with this task{': ' if able else ''}{', '.join(able)}"
        raise ConfigError(
            f"Expected a model that takes `{lacking[-1]}` ({such}), {model} doesn't. Pass another `model`."
        )
    if not given or lacking or tasks is None:
        return None
    if particles_of(settings) > 1:
        raise ConfigError(
            f"Expected no `{'steer' if settings.further.particles is None else 'particles'}` with "
            f"`{next(iter(given))}`, whose draws can't be steered. With `best_of` alone the goals choose among "
            "finished draws."
        )
    tasks.check(_chosen(settings, ()))
    return tasks


def _chosen(settings: GenerateSettings, conditions: Sequence[Condition]) -> TaskSettings:
    return TaskSettings(
        core=settings.core,
        scaffold=settings.scaffold,
        contigs=settings.further.contigs,
        keep_free=settings.keep_free,
        vary=settings.vary,
        similarity=None if settings.similarity is None else similarity_window(settings.similarity),
        noise_level=settings.further.noise_level,
        symmetry=settings.further.symmetry,
        sampler=settings.further.sampler,
        bounds={one.name: (one.goal.low, one.goal.high) for one in conditions},
    )


# Conditions of a model's draws: which of them can be checked, and what a user may not expect of them.

UNCHECKED = "the model is told '{}', but nothing here can check it"


def checked_conditions(
    model: LoadedModel, conditions: Sequence[Condition], predictors: Collection[str]
) -> list[Condition]:
    """Conditions whose property can be measured, or that the model isn't conditioned on: names without a measurement
    are an error then."""
    observation = model.representation.observation
    hidden = () if observation is None else observation.hidden
    measured = (*predictors, *model.domain.properties, *measures_of(model), *model.oracles)
    known = [name for name in model.space.properties if name not in (predictors if name in hidden else measured)]
    return [one for one in conditions if one.name not in known]


def measures_of(model: LoadedModel) -> tuple[str, ...]:
    """Names of the representation's own measures."""
    measures = model.representation.measures
    return () if measures is None else measures.names


def condition_notes(model: LoadedModel, conditions: Sequence[Condition], checked: Sequence[Condition]) -> list[str]:
    """Notes on conditions that only filter, that aren't checked, and that lie outside the range of the data."""
    known, form, properties = model.space.properties, model.domain.name, model.domain.properties
    return [
        *(
            f"the model isn't conditioned on '{one.name}' (but on {', '.join(known) or 'nothing'}): it only filters"
            for one in conditions
            if one.name not in known
        ),
        *(
            f"{UNCHECKED.format(one.name)}; `predictors` {one.name}={shipped_targets(form).get(one.name) or 'FOLDER'} "
            "filters by a prediction"
            for one in conditions
            if one not in checked
        ),
        *(
            f"'{c.goal.text}' lies beyond the data's {one.low:g} to {one.high:g}: few draws or none may meet it, "
            "and those that do are extrapolated"
            for c in conditions
            if (one := properties.get(c.name)) and (c.requested_low > one.high or c.requested_high < one.low)
        ),
    ]


# Training items of a model, to count the draws that repeat them.

MOST_ITEMS = 100_000
"""Number of training items above which they are not read: draws should start at once and need constant memory."""


def training_texts(model: LoadedModel) -> frozenset[str]:
    """The training items in the dataset that the model was last trained on or, if that is missing, in the model itself;
    none if there are too many."""
    folder = data_of(model.folder)
    if folder is None:
        return frozenset(model.representation.training)
    data = PreparedDataset.load(folder)
    split = data.splits[0]
    return frozenset(data.items(split)) if data.count(split) <= MOST_ITEMS else frozenset()


def held(texts: Collection[str], domain: Domain) -> Callable[[str], bool]:
    """Whether an item's text is one of these or, where the domain can tell, that of an item that is the same."""
    sets = domain.reference_sets
    if not texts or sets is None or sets.among is None:
        return texts.__contains__
    among = sets.among(texts)
    return lambda text: text in texts or (bool(text) and among(domain.items.parse(text)))


# Draws replaced by items that can be made from building blocks.

DRAW, SIMILARITY = "draw", "similarity_to_draw"
"""Columns of the model's draw that a row stands for, and of the row's similarity to it; after those of the blocks."""

Result = Judged | Refusal | Failure
"""The result of one draw."""


@dataclass(frozen=True)
class Replace(InDomain):
    """Judged draws to the judged items that can be made in their place, best first, with the cells of `Blocks.columns`,
    `DRAW` and `SIMILARITY`. Draws that are not to be replaced (flag False) get none."""

    find: FindAnalogues
    judge: Judge

    def __call__(self, draws: Sequence[tuple[Result, bool]]) -> list[list[Judged]]:
        return [self._of(draw) if wanted and isinstance(draw, Judged) else [] for draw, wanted in draws]

    def _of(self, draw: Judged) -> list[Judged]:
        science = domain_of(self.domain)
        (found,) = self.find([draw.text])
        items = [science.items.parse(text) for text, _ in found]
        alike = science.similarity.matrix([science.items.parse(draw.text)], items)[0] if items else np.empty(0)
        return [
            judged._replace(how=(*cells, draw.text, similarity))
            for judged, (_, cells), similarity in zip(self.judge.of_items(items), found, alike.tolist(), strict=True)
        ]


@dataclass
class Replacement:
    """Replaces draws that meet a request.

    satisfies: whether an item meets the request. completed: adds values that workers can't compute. Both are called in
    this process.
    """

    task: Replace
    threads: int
    satisfies: Callable[[Judged], bool]
    completed: Callable[[Sequence[Result]], Sequence[Result]]
    _keys: set[str] = field(default_factory=set)

    def __call__(self, draws: Iterable[Result]) -> Iterator[list[Result]]:
        """For each draw a list of one result."""
        flagged = ((draw, isinstance(draw, Judged) and self.satisfies(draw)) for draw in draws)
        workers = worker_count(self.threads)
        judged = map_chunks_killable(self.task, flagged, processes=workers, chunk=1, timeout_s=SEARCH_S)
        for _, members, found in judged:
            results = [found] * len(members) if isinstance(found, Failure) else found
            for (draw, wanted), made in zip(members, results, strict=True):
                yield [self._chosen(draw, made) if wanted else draw]

    def _chosen(self, draw: Judged, made: Sequence[Judged] | Failure) -> Result:
        """The first of the items that meets the request and was not chosen before. If all of those were, the first of
        them; if none meets the request, the draw as a rejected one."""
        if isinstance(made, Failure):
            return made
        good = [one for one in self.completed(made) if isinstance(one, Judged) and self.satisfies(one)]
        chosen = next((one for one in good if one.key not in self._keys), good[0] if good else None)
        if chosen is None:
            return draw._replace(accepted=False)
        self._keys.add(chosen.key)
        return chosen


def replacement_notes(replaced: Sequence[float], written: int) -> list[str]:
    """A note on the similarities of the items that replaced draws; none if there are none."""
    if not replaced:
        return []
    return [
        f"{len(replaced)} of {written} items replace draws that no way to make was found for; the median similarity to "
        f"the draw is {np.median(replaced):.2f} (column {SIMILARITY})"
    ]


# The request.


class Asked:
    """What `generate`'s settings ask of a model, as far as no weights are needed: by it `run` checks a config
    before the model is trained. Each part is checked where it is first computed, and kept.

    science, recipe, representation: the model's; of one that isn't trained yet, the representation's class, or None if
    that is unknown. called: the model's name in messages.
    """

    def __init__(
        self, science: Domain, recipe: Recipe, representation: Representation | type[Representation] | None,
        settings: GenerateSettings, called: str,
    ) -> None:  # fmt: skip
        self.science, self.recipe, self.representation = science, recipe, representation
        self.settings, self.called = settings, called

    @cached_property
    def conditions(self) -> list[Condition]:
        """Those of `where`."""
        known = None if isinstance(self.representation, type) else self.representation
        return parse_conditions(self.settings.where, self.science, known)

    @cached_property
    def tasks(self) -> DrawTasks | None:
        """The recipe's own tasks, if draws are requested around or from something given."""
        return requested_tasks(self.recipe.tasks, self.settings, self.called, self.science.recipes)

    @cached_property
    def scaffold(self) -> Scaffold | None:
        """A part that every item contains; the recipe's own task reads it itself."""
        settings, structures = self.settings, self.science.structures
        if settings.scaffold is None or self.tasks is not None:
            return None
        if settings.raw:
            raise ConfigError("Expected `raw` or `scaffold`: raw draws are kept without a check of what they contain.")
        if structures is None or structures.read_scaffold is None:
            name = plain_name(self.science.name)
            raise ConfigError(f"Expected a domain with scaffolds (molecules), {name} has none.")
        return structures.read_scaffold(Path(settings.scaffold))

    @cached_property
    def keep(self) -> tuple[str, ...]:
        """Patterns to keep, with those of the scaffold, and of the core of variations."""
        settings, whole = self.settings, () if self.scaffold is None else (self.scaffold.pattern,)
        constraint_of(self.science, (*settings.keep, *whole), settings.forbid, None)
        parts = {"keep": settings.keep, "scaffold": whole, "core": () if settings.core is None else (settings.core,)}
        check_kept(self.science, parts, settings.plausible and not settings.raw)
        varied = settings.core is not None and settings.vary is not None
        return (*settings.keep, *whole, *(parts["core"] if varied else ()))

    def check(self, names: Sequence[str] = ()) -> None:
        """Raise an error for settings that don't go together, or with the model. names: of properties to measure."""
        if self.settings.further.noise_free and self.representation is not None:
            check_noise_free(self.science, self.representation, names)
        _ = self.tasks, self.keep
        if self.settings.blocks is None:
            return
        check_blocks(self.science, self.settings.blocks)
        if self.settings.raw:
            raise ConfigError("Expected `raw` or `blocks`, got both: raw draws are kept whatever they are.")
        if self.settings.core is not None:
            raise ConfigError(
                "Expected `core` or `blocks`, got both: an item in place of a draw need not hold the core. Pass its "
                "pattern to `keep`."
            )


class DrawRequest(Asked):
    """A request for draws of a loaded model; `resolve_draws` has checked it. doubts: notes on its sampler."""

    def __init__(self, model: LoadedModel, settings: GenerateSettings, doubts: Sequence[str] = ()) -> None:
        super().__init__(model.domain, model.recipe, model.representation, settings, f"that in {model.folder}")
        self.model, self.doubts = model, [*doubts]

    @cached_property
    def checked(self) -> list[Condition]:
        """Conditions that can be measured."""
        return checked_conditions(self.model, self.conditions, self.settings.predictors)

    @cached_property
    def ranking(self) -> Ranking:
        """Compares several draws of an item."""
        return read_ranking(self.science, self.settings, self.checked, self.model.representation.measures)

    @cached_property
    def book(self) -> OracleBook:
        """Finds oracles."""
        settings, model = self.settings, self.model
        return OracleBook(
            model.domain.name, settings.predictors, own=model.oracles, conditions=model.space.properties,
            threads=settings.threads,
        )  # fmt: skip

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Properties to measure of every draw."""
        requested = [*(condition.name for condition in self.checked), *self.ranking.names]
        return tuple(dict.fromkeys([*requested, *self.settings.include, *self.settings.predictors]))

    @cached_property
    def task(self) -> DrawTask | None:
        """Draws by the model's recipe around or from something given."""
        if self.tasks is None:
            return None
        settings, plausible = self.settings, self.settings.plausible and not self.settings.raw
        accept = constraint_of(self.science, self.keep, settings.forbid, self.model.reference, plausible)
        chosen = replace(_chosen(settings, self.conditions), keep=self.keep, accept=accept, plausible=plausible)
        return self.tasks.resolve(self.model.model, self.model.representation, chosen)

    @cached_property
    def blocks(self) -> Blocks | None:
        """What items are made of."""
        return blocks_of(self.science, self.settings)

    @cached_property
    def own(self) -> dict[str, Oracle]:
        """Oracles that run in this process: those that need the model, and programs, which have limits of time of their
        own and start once."""
        elsewhere = {*measures_of(self.model), *self.settings.predictors}
        found = {name: self.book.resolve(name) for name in self.names if name not in elsewhere}
        return {name: one for name, one in found.items() if name in self.book.own or isinstance(one, ProgramOracle)}

    @cached_property
    def values(self) -> list[str]:
        """Columns of measured values."""
        return with_annotations(self.names, self.settings.predictors)

    @cached_property
    def columns(self) -> list[str]:
        how = [] if self.blocks is None else [*self.blocks.columns, DRAW, SIMILARITY]
        about = self.task.columns if isinstance(self.task, DescribesDraws) else ()
        readable = self.model.domain.items.readable
        return ["item", *readable, *name_columns(self.model.representation)([]), *self.values, *how, *about]

    @property
    def observes(self) -> bool:
        """Whether the model's noise-free items are written as observed by an instrument."""
        observation = self.model.representation.observation
        return not self.settings.further.noise_free and observation is not None and observation.instrument is not None

    @property
    def notes(self) -> list[str]:
        """Messages about things that a user may not expect."""
        return [
            *self.doubts,
            *condition_notes(self.model, self.conditions, self.checked),
            *(() if self.blocks is None else self.blocks.notes),
            *exempt_motifs(self.science, self.model.reference, self.settings.forbid),
        ]

    def oracle(self, name: str) -> Oracle:
        """The oracle of this name, for use in this process."""
        measures = self.model.representation.measures
        if measures is None or name not in measures.names or name in self.settings.predictors:
            return self.book.resolve(name)
        return ArrayOracle(name, lambda items: measures.measure(items, [name])[:, 0])


def resolve_draws(model: LoadedModel, settings: GenerateSettings) -> DrawRequest:
    """Check the settings, apply those of the model's draws, and resolve names; wrong ones are an error before any
    drawing."""
    completed = settings.complete or model.config.get("complete")  # by a model that may have the diffusion
    request = DrawRequest(model, settings, set_drawing(model, settings, required=not completed))
    if settings.further.tries is not None:
        set_tries(model, settings.further.tries, request.conditions)
    for name in request.names:
        if name not in measures_of(model):
            request.book.resolve(name)
    request.check(request.names)
    if request.task is None:
        check_limits(model.representation, request.conditions)
    imputes = request.task is None and isinstance(model.model, ImputesConditions) and model.model.imputes_conditions
    check_guidance(settings, request.conditions, model.space.properties, imputes)
    _ = request.blocks
    return request
