"""Programs and functions of the user's that a server allows, checked before it starts."""

from __future__ import annotations

from collections.abc import Iterable

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
