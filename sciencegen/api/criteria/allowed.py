"""What a server checks itself: programs and functions before it starts, and a request before it makes a job."""

from __future__ import annotations

from collections.abc import Iterable

from sciencegen.api.criteria.conditions import Condition, parse_conditions
from sciencegen.api.criteria.goals import read_goals
from sciencegen.api.science.forms import domain_of
from sciencegen.config import GenerateSettings, OptimizeSettings, Settings
from sciencegen.domains import domain_names
from sciencegen.errors import unknown_name
from sciencegen.optimization.goals import Goal
from sciencegen.scoring.commands import split_command
from sciencegen.scoring.plugins import check_plugged


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
