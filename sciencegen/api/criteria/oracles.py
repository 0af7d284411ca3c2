"""Resolve names to oracles: a predictor, an external command, the domain's own, or a plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

from sciencegen.api.criteria.goals import Condition, parse_conditions, read_goals
from sciencegen.api.science.forms import adapted, domain_of
from sciencegen.config import GenerateSettings, OptimizeSettings, OracleSettings, Settings
from sciencegen.domains import domain_names
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, UnknownNameError, nearest_names, unknown_name
from sciencegen.files import sha256_of
from sciencegen.optimization.goals import Goal
from sciencegen.plugins import is_module
from sciencegen.scoring.oracles import Oracle, ParallelOracle, ProbabilityOracle, measured_range
from sciencegen.scoring.plugins import check_plugged, is_plugged, load_plugged, plugged_names
from sciencegen.scoring.programs import CommandOracle, Write, split_command

Plugged = TypeVar("Plugged", Oracle, None)


@dataclass(frozen=True)
class OracleBook:
    """Resolves names to oracles. predictors: name -> folder. commands: name -> settings of an external program. own:
    the oracles of the loaded model (`Recipe.oracles`). conditions: names that the model is conditioned on, as
    suggestions for an unknown name. threads: cores that an oracle may use which uses several; 0 is all.
    """

    domain: str
    predictors: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, OracleSettings] = field(default_factory=dict)
    own: Mapping[str, Oracle] = field(default_factory=dict)
    conditions: Sequence[str] = ()
    threads: int = 0

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
            return predictor_oracle(self.domain, name, self.predictors[name])
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
        named = f" Or did you mean '{near[0]}'?" if near else f" Beside these: {', '.join(others)}." if others else ""
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


def predictor_oracle(domain: str, name: str, folder: str) -> Oracle:
    """A trained predictor; it is loaded again only if its folder has changed."""
    from sciencegen.api.predictors.folder import find_predictor  # on use: it imports much

    path = find_predictor(folder).resolve()
    oracle = _loaded_predictor(domain, name, str(path), _as_written(path))
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


def _as_written(folder: Path) -> str:
    """A hash that changes with every new training: that of the numbers, which include the hash of the arrays."""
    from sciencegen.prediction.storage import NUMBERS

    numbers = folder / NUMBERS
    return sha256_of(numbers) if numbers.is_file() else ""


@cache
def _loaded_predictor(domain: str, name: str, folder: str, as_written: str) -> Oracle:
    """Load a predictor; if it uses latents, they come from the model that it was trained with."""
    from sciencegen.api.predictors.folder import load_predictor

    trained = load_predictor(domain, folder)
    return trained.oracle(name)


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
