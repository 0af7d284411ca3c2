"""Goals and conditions as text, checked against a domain, and the oracles that their names stand for."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from sciencegen.api.science import adapted, domain_of
from sciencegen.config import GenerateSettings, OptimizeSettings, OracleSettings, Settings
from sciencegen.domains import domain_names
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Measures, Representation
from sciencegen.errors import ConfigError, UnknownNameError, nearest_names, unknown_name
from sciencegen.files import sha256_of
from sciencegen.items import NAME_COLUMN, Item
from sciencegen.optimization.goals import (
    INDICATOR,
    Goal,
    check_consistent,
    class_as_number,
    parse_condition,
    parse_goals,
)
from sciencegen.optimization.objective import score_safely
from sciencegen.plugins import is_module
from sciencegen.scoring.oracles import Oracle, ParallelOracle, ProbabilityOracle, measured_range
from sciencegen.scoring.plugins import check_plugged, is_plugged, load_plugged, plugged_names
from sciencegen.scoring.programs import CommandOracle, Write, split_command

if TYPE_CHECKING:
    from sciencegen.api.predictors.folder import TrainedPredictor


# Checks of goals, conditions and targets: names that a domain excludes, each with a reason (`Oracles.not_goals`), and
# values that a property can't have.

NOT_TARGETS = ("id", "item", NAME_COLUMN, "round", "predicted", "lower", "upper", "source")
"""Columns of a plate other than the one that the lab fills in."""
ROUNDING = 1e-9
"""Tolerance of a sum of shares."""


def check_goals(domain: Domain, goals: Sequence[Goal]) -> None:
    """Raise an error for excluded names, for impossible values, and for shares of one whole that exceed it together."""
    for goal in goals:
        _check_name(domain, goal.name, "a goal or a condition")
        requested = domain.properties.get(goal.name)
        if requested is None or not goal.is_constraint:
            continue
        low, high = requested.possible
        if goal.high < low or goal.low > high:
            unit = f" {requested.unit}" if requested.unit else ""
            expected = f"from {low:g} to {high:g}{unit}"
            if math.isinf(high) or math.isinf(low):
                expected = f"of {low:g}{unit} or more" if math.isinf(high) else f"of {high:g}{unit} or less"
            raise ConfigError(f"Expected {goal.name} {expected} ({requested.description}), got '{goal.text}'.")
    shares = defaultdict[str, dict[str, Goal]](dict)
    for goal in goals:
        one = domain.properties.get(goal.name)
        if one is not None and one.share_of and goal.is_constraint and goal.low > 0:
            known = shares[one.share_of].get(goal.name)
            shares[one.share_of][goal.name] = goal if known is None or goal.low > known.low else known
    for whole, chosen in shares.items():
        total = sum(goal.low for goal in chosen.values())
        if total > 1 + ROUNDING:
            got = " and ".join(f"'{goal.text}'" for goal in chosen.values())
            raise ConfigError(
                f"Expected shares of {whole} that sum to at most 1, got {got}, which sum to {total:g} or more. "
                "Lower one of them."
            )


def check_target(domain: Domain, target: str) -> None:
    """Raise an error for a target of design rounds that is a plate's own column or an excluded name."""
    if target in NOT_TARGETS:
        raise ConfigError(f"Expected a `target` beside a plate's own columns, got '{target}'. Give it another name.")
    _check_name(domain, target, "the target of a plate")


def _check_name(domain: Domain, name: str, role: str) -> None:
    refused = {_normalized(one): reason for one, reason in domain.oracles.not_goals.items()}
    normalized = _normalized(name.partition(":")[0])
    if normalized in refused:
        raise ConfigError(f"'{name}' can't be {role}: {refused[normalized]}.")


def _normalized(name: str) -> str:
    """A name without case and punctuation: `Immune-Escape` equals `immune_escape`."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def check_domains(goals: Sequence[Goal], predictors: Collection[str]) -> None:
    """Raise an error for `NAME in domain` if NAME is no predictor, since the goal would have no effect."""
    for goal in goals:
        if goal.in_domain and goal.name not in predictors:
            raise ConfigError(
                f"Expected a predictor in '{goal.text}', {goal.name} is none. Pass `predictors` {goal.name}=FOLDER, "
                "or leave the goal out."
            )


def plain_goal(domain: Domain, text: str) -> str:
    """A goal as the grammar knows it, for domains whose items consist of cells or have classes beside them; an error
    for an excluded name, also one that is compared with a text."""
    _check_name(domain, re.split(r"[\s=<>]", text.strip(), maxsplit=1)[0], "a goal or a condition")
    if domain.cells is not None:
        return domain.cells.goal(text)
    return class_as_number(text) if domain.items.classes else text


def scales_of(domain: Domain, measures: Measures | None = None) -> dict[str, float]:
    """Property -> the width of its range in the data. measures: of a model."""
    scales = {name: prop.high - prop.low for name, prop in domain.properties.items()}
    return scales if measures is None else {**scales, **measures.scales}


def read_goals(
    domain: Domain, texts: Sequence[str], measures: Measures | None = None, further: Sequence[Goal] = ()
) -> list[Goal]:
    """Parse goals with the domain's tolerances and ranges; a name that the domain excludes is an error. measures: of a
    model. further: parsed constraints, as in `with_constraints`."""
    tolerances = {name: prop.tolerance for name, prop in domain.properties.items()}
    tolerances |= {} if measures is None else measures.tolerances
    scales = scales_of(domain, measures)
    goals = parse_goals([plain_goal(domain, text) for text in texts], tolerances, scales)
    check_goals(domain, goals)
    return with_constraints(goals, further, scales)


def with_constraints(goals: Sequence[Goal], further: Sequence[Goal], scales: Mapping[str, float]) -> list[Goal]:
    """The goals with further constraints, which get these scales; what no value can meet together is an error."""
    every = [*goals, *(replace(one, scale=scales.get(one.name) or one.scale) for one in further)]
    check_consistent([goal for goal in every if goal.is_constraint])
    return every


# Conditions (`where`) on properties of generated items, in the grammar of goals.


@dataclass(frozen=True)
class Condition:
    """A condition low <= value <= high. requested_low, requested_high: range of the values requested from the model."""

    goal: Goal
    requested_low: float
    requested_high: float

    @property
    def name(self) -> str:
        return self.goal.name

    def satisfied(self, value: float) -> bool:
        return self.goal.satisfied(value)

    def target(self, uniform: np.ndarray) -> np.ndarray:
        """Map uniform numbers in 0..1 to requested values."""
        return self.requested_low + (self.requested_high - self.requested_low) * uniform


def requested_rows(
    conditions: Sequence[Condition], representation: Representation, uniform: Callable[[int], np.ndarray]
) -> np.ndarray | None:
    """Standardized condition rows [row property] of targets within the requested ranges; None if the model is
    conditioned on none of the names. uniform(columns): numbers in 0..1 [row column]."""
    used = [c for c in conditions if c.name in representation.properties]
    if not used:
        return None
    numbers = uniform(len(used))
    targets = np.stack([c.target(numbers[:, column]) for column, c in enumerate(used)], 1)
    names = [condition.name for condition in used]
    rows = [representation.condition(dict(zip(names, row, strict=True))) for row in targets.tolist()]
    return np.stack(rows).astype(np.float32)


NEAR, OF_CLASS = 0.1, 0.5
"""Half-width of `name = x` for a column known to the model only, in standard deviations of the training data; and for
a class, whose number is 0 or 1."""


def parse_conditions(
    texts: Sequence[str], domain: Domain, representation: Representation | None = None
) -> list[Condition]:
    """Parse conditions; each property may occur once. representation: of the model, for its own columns."""
    tolerances = {name: prop.tolerance for name, prop in domain.properties.items()}
    ranges = {name: (prop.low, prop.high) for name, prop in domain.properties.items()}
    if representation is not None:
        near = {name: NEAR * float(std) for name, std in representation.scales.items()}
        tolerances = {name: OF_CLASS if INDICATOR in name else one for name, one in near.items()} | tolerances
        if (measures := representation.measures) is not None:
            tolerances |= {**dict.fromkeys(measures.names, 0.0), **measures.tolerances}
            ranges |= measures.ranges
    goals = [parse_condition(plain_goal(domain, text), tolerances) for text in texts]
    if representation is not None and domain.items.classes:
        known = representation.properties
        for text, goal in zip(texts, goals, strict=True):
            if class_as_number(text) != text and goal.name not in known:
                classes = [one.replace(INDICATOR, " = ", 1) for one in known if INDICATOR in one]
                raise unknown_name("class of the model", text, classes or ["none"])
    check_goals(domain, goals)
    twice = sorted({goal.name for goal in goals if [g.name for g in goals].count(goal.name) > 1})
    if twice:
        raise ConfigError(f"Expected one condition for {', '.join(twice)}, got several. Write 'name in low..high'.")
    return [_condition(goal, ranges.get(goal.name)) for goal in goals]


def _condition(goal: Goal, known: tuple[float, float] | None) -> Condition:
    """For `name = x` the model gets x; a half-open range is closed by the range of the data, `known`."""
    if "=" in goal.text and "<=" not in goal.text and ">=" not in goal.text:
        centre = (goal.low + goal.high) / 2
        return Condition(goal, centre, centre)
    low = goal.low if math.isfinite(goal.low) else known[0] if known else goal.high
    high = goal.high if math.isfinite(goal.high) else known[1] if known else goal.low
    if low <= high:
        return Condition(goal, min(low, high), max(low, high))
    end = goal.low if math.isfinite(goal.low) else goal.high  # beyond the range of the data: the bound itself
    return Condition(goal, end, end)


# Constraints on the items of a plate, in the grammar of goals: `fitness in domain`, `logp <= 3`.

ConstraintTest = Callable[[Sequence[Item]], list[bool]]
"""Items -> whether each may be proposed."""


def constraint_test(goals: Sequence[Goal], oracles: Mapping[str, Oracle]) -> ConstraintTest:
    """A test whether items meet all goals. oracles: by goal; an item without a score doesn't meet them."""

    def test(items: Sequence[Item]) -> list[bool]:
        scores = {name: score_safely(oracle, items) if items else [] for name, oracle in oracles.items()}
        found = [[scores[goal.name][row] for goal in goals] for row in range(len(items))]
        return [
            all(not score.failed and goal.violation_of(score) == 0 for goal, score in zip(goals, row, strict=True))
            for row in found
        ]

    return test


def read_constraints(science: Domain, texts: Sequence[str], predictors: Collection[str]) -> list[Goal]:
    """Parse constraints of proposals; objectives are an error.

    Parameters
    ----------
    science : Domain
    texts : sequence of str
        In the grammar of goals.
    predictors : collection of str
        Names that `NAME in domain` may use.
    """
    goals = read_goals(science, texts) if texts else []
    for goal in goals:
        if goal.is_objective:
            raise ConfigError(
                f"Expected conditions of proposals, such as '{goal.name} >= 1' or 'NAME in domain', got '{goal.text}'. "
                "What to maximize or minimize is the `target`."
            )
    check_domains(goals, predictors)
    return goals


# Names resolved to oracles: a predictor, an external command, the domain's own, or a plugin.

Plugged = TypeVar("Plugged", Oracle, None)


@dataclass(frozen=True)
class OracleBook:
    """Resolves names to oracles. predictors: name -> folder. commands: name -> settings of an external program. own:
    the oracles of the loaded model (`Recipe.oracles`). conditions: names that the model is conditioned on, as
    suggestions for an unknown name. threads: cores that an oracle may use which uses several; 0 is all. device: of the
    networks of predictors; workers have the CPU.
    """

    domain: str
    predictors: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, OracleSettings] = field(default_factory=dict)
    own: Mapping[str, Oracle] = field(default_factory=dict)
    conditions: Sequence[str] = ()
    threads: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        both = sorted(set(self.predictors) & set(self.commands))
        if both:
            raise ConfigError(f"Expected one meaning of {', '.join(both)}, got a predictor and a command. Rename one.")

    def resolve(self, name: str) -> Oracle:
        """The oracle of a name; a plugin's is imported, which runs its code."""
        oracle = self._resolve(name, lambda name: adapted(self.domain, load_plugged(name)))
        return oracle.on_threads(self.threads) if isinstance(oracle, ParallelOracle) else oracle

    def check(self, name: str) -> None:
        """Raise the error of `resolve` for an unknown name. No plugin is imported."""
        self._resolve(name, check_plugged)

    def _resolve(self, name: str, plugged: Callable[[str], Plugged]) -> Oracle | Plugged:
        if name in self.predictors:
            return trained_oracle(self.domain, name, self.predictors[name], self.device)
        if name in self.commands:
            return command_oracle(self.domain, name, self.commands[name])
        if name in self.own:
            return self.own[name]
        try:
            return domain_of(self.domain).oracles.find(name)
        except ConfigError as error:
            if not isinstance(error, UnknownNameError):  # the name is known, but an item in it is wrong
                raise
            if alike := [one for one in self.own if ":" in name and one.partition(":")[0] == name.partition(":")[0]]:
                raise unknown_name("category", name, alike) from None
            if is_plugged(name):
                return self._plugged(name, error, plugged)
            raise ConfigError(f"{error}{self._others(name)}") from None

    def _plugged(self, name: str, error: ConfigError, plugged: Callable[[str], Plugged]) -> Plugged:
        """A plugin's oracle. If there is none and the domain has the prefix (`pmo:zalepon`), raise its error."""
        try:
            return plugged(name)
        except ConfigError:
            family = name.partition(":")[0]
            if any(own.partition(":")[0] == family for own in domain_of(self.domain).oracles.names()):
                raise error from None
            columns = sorted({own.partition(":")[0] for own in self.own})
            if any(":" in own for own in self.own) and not is_module(family):
                raise unknown_name("column", family, columns) from None
            raise

    def _others(self, name: str) -> str:
        """Suggestions for an unknown name, other than the domain's own oracles."""
        known = {*self.predictors, *self.commands, *self.own, *self.conditions, *plugged_names()}
        others = sorted(known - set(domain_of(self.domain).oracles.names()))
        near = nearest_names(name, others)
        added = f" Added by the model, predictors, programs or plugins: {', '.join(others)}." if others else ""
        named = f" Or did you mean '{near[0]}'?" if near else added
        recipes = domain_of(self.domain).recipes.values()
        if any(one.oracles is not None and name in one.oracles.names for one in recipes):
            return f"{named} A model may compute '{name}': pass `model`."
        if shipped := self._shipped_like(name):
            return f"{named} A shipped predictor predicts {shipped[0]}: `predictors` {shipped[0]}={shipped[1]}."
        return named or " One of yours: `predictors` NAME=FOLDER."

    def _shipped_like(self, name: str) -> tuple[str, str] | None:
        """A target of a shipped predictor that is similar to this name, or part of it; and the predictor."""
        from sciencegen.api.predictors.folder import shipped_targets  # on use: it imports much

        targets = shipped_targets(self.domain)
        within = sorted((one for one in targets if one in name.casefold()), key=name.casefold().rfind)
        near = [*reversed(within), *nearest_names(name, targets)]  # homo_lumo_gap contains gap
        return (near[0], targets[near[0]]) if near else None


def trained_oracle(domain: str, name: str, folder: str, device: str = "cpu") -> Oracle:
    """A trained predictor; it is loaded again only if its folder has changed. device: of its networks."""
    oracle = _oracle_of(domain, name, *_place(folder), device)
    return _classifier(oracle, folder) if name in domain_of(domain).oracles.classifiers else oracle


def _classifier(oracle: Oracle, folder: str) -> Oracle:
    """A predictor of labels as a probability; an error for one of other values."""
    low, high = measured_range(oracle) or (0.0, 1.0)
    if low < 0 or high > 1:
        raise ConfigError(
            f"Expected a predictor of labels, 0 or 1, for {oracle.name}, got {folder}, which was trained on values "
            f"from {low:g} to {high:g}. Train it on a column of labels."
        )
    return ProbabilityOracle(oracle)


def with_networks(domain: str, predictors: Mapping[str, str], device: str) -> tuple[str, list[str]]:
    """The device, which is an error if it isn't available, and the names of those predictors that have networks, which
    alone are computed on it. `auto` is the CPU for others."""
    from sciencegen.api.models.folder import resolve_device  # on use: it imports torch

    found = [
        name
        for name, folder in predictors.items()
        if device != "cpu" and trained_predictor(domain, folder).has_networks
    ]
    return resolve_device(device) if found or device not in ("auto", "cpu") else "cpu", found


def trained_predictor(domain: str, folder: str | Path) -> TrainedPredictor:
    """A trained predictor; it is loaded again only if its folder has changed."""
    return _loaded(domain, *_place(folder))


def _place(folder: str | Path) -> tuple[str, str]:
    """The folder of a predictor, and a hash that changes with every new training: that of the numbers, which include
    the hash of the arrays."""
    from sciencegen.api.predictors.folder import find_predictor  # on use: it imports much
    from sciencegen.prediction.storage import NUMBERS

    path = find_predictor(folder).resolve()
    numbers = path / NUMBERS
    return str(path), sha256_of(numbers) if numbers.is_file() else ""


@cache
def _loaded(domain: str, folder: str, as_written: str) -> TrainedPredictor:
    from sciencegen.api.predictors.folder import load_predictor

    return load_predictor(domain, folder)


@cache
def _oracle_of(domain: str, name: str, folder: str, as_written: str, device: str) -> Oracle:
    """If the predictor uses latents, they come from the model that it was trained with."""
    return _loaded(domain, folder, as_written).oracle(name, device)


def command_oracle(domain: str, name: str, settings: OracleSettings) -> CommandOracle:
    """An external command as an oracle. Items are passed in `input_format`, by default the domain's first format."""
    science = domain_of(domain)
    write: Write = lambda path, items, names: science.items.write(path, items, names, {})  # noqa: E731
    return CommandOracle(
        name, settings.command, write=write, text=science.items.text,
        value_column=settings.column, unit=settings.unit, direction=settings.direction, batch_size=settings.batch_size,
        parallel=settings.parallel, timeout_s=settings.timeout_s, retries=settings.retries,
        input_ending=_input_ending(science, name, settings.input_format),
    )  # fmt: skip


def _input_ending(science: Domain, name: str, given: str | None) -> str:
    formats = science.items.formats
    ending = formats[0] if given is None else f".{given.lower().removeprefix('.')}"
    if ending not in formats:
        raise ConfigError(f"Expected `input_format` {', '.join(formats)} of oracle '{name}', got {given!r}.")
    return ending


# What a server checks itself: programs and functions before it starts, and a request before it makes a job.


def check_code(commands: Iterable[str], functions: Iterable[str]) -> None:
    """Raise an error if a command can't be run or a function can't be found. Nothing is run or imported.

    Parameters
    ----------
    commands : iterable of str
        Such as `dock.sh {input} {output}`.
    functions : iterable of str
        As `module:function`.

    Raises
    ------
    ConfigError
        If code of others is refused, a program is missing, or a command lacks {input} or {output}.

    Examples
    --------
    >>> check_code(["true {input}"], [])
    Traceback (most recent call last):
    sciencegen.errors.ConfigError: Expected {output} in the command, got 'true {input}'. They become the names of files.
    """
    for command in commands:
        split_command(command)
    for function in functions:
        check_plugged(function)


def criteria_of(domain: str, settings: Settings | None) -> tuple[list[Condition], list[Goal]]:
    """The conditions and goals of settings as far as they can be read without a model, which may know further names.

    Raises
    ------
    ConfigError
        For an unknown domain, or a text that is no condition or goal.

    Examples
    --------
    >>> criteria_of("molecule", None)
    Traceback (most recent call last):
    sciencegen.errors.UnknownNameError: Unknown domain 'molecule'. Did you mean 'molecules'?
    """
    if domain.partition("/")[0] not in domain_names():
        raise unknown_name("domain", domain, domain_names())
    where = settings.where if isinstance(settings, GenerateSettings | OptimizeSettings) else ()
    goals = settings.goals if isinstance(settings, OptimizeSettings) else ()
    if not where and not goals:
        return [], []
    return parse_conditions(where, domain_of(domain)), read_goals(domain_of(domain), goals) if goals else []
