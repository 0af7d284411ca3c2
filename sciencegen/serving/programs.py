"""Programs and functions of the user's that requests may run: those that were named when the server was started.

What is checked here gives a request an early answer. A job's process is told what may run (`plugins.ALLOWED`), and
checks it where it makes words of a command and imports a function, whichever file or setting named them.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sciencegen.errors import ConfigError, unknown_name
from sciencegen.plugins import FUNCTION_PATH, function_refused, functions_in, is_module

COMMANDS = frozenset({"command", "fold"})
"""Parameters and settings that name a program."""
NAMING = frozenset({"goal", "where", "with", "steer"})
"""Parameters that may name a function."""


@dataclass(frozen=True)
class Programs:
    """What requests may run.

    Parameters
    ----------
    commands : mapping
        Name -> command.
    functions : tuple of str
        As `module:function`.
    files : tuple of Path
        Files of the programs and modules.
    folder : Path
        In which the programs run.
    """

    commands: Mapping[str, str]
    functions: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    folder: Path = Path("/")

    @property
    def allowance(self) -> str:
        """The value of `plugins.ALLOWED` for a job."""
        found = {"programs": [*self.commands.values()], "functions": [*self.functions], "folder": str(self.folder)}
        return json.dumps(found)

    def put_in(self, value: Any, name: str = "") -> Any:
        """The parameters of a request with commands in place of the names of programs."""
        if isinstance(value, Mapping):
            return {key: self.put_in(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.put_in(one, name) for one in value]
        return self._command(value) if name in COMMANDS and isinstance(value, str) else value

    def check_functions(self, values: Mapping[str, Any]) -> None:
        """Raise an error if a goal or another parameter names a function of an installed module that isn't allowed.
        Other names may be a domain's own, such as dock:EGFR."""
        for name in NAMING & values.keys():
            texts = [values[name]] if isinstance(values[name], str) else values[name]
            for text in map(str, texts):
                for word in functions_in(text):
                    if word not in self.functions and is_module(word):
                        raise function_refused(word, self.functions, f" in `{name}`")

    def _command(self, name: str) -> str:
        if name in self.commands:
            return self.commands[name]
        if not self.commands:
            raise ConfigError(
                f"Expected the name of a program that this server allows, it allows none, got '{name}'. Start the "
                "server with --oracle 'NAME=program {input} {output}'."
            )
        raise ConfigError(
            f"{unknown_name('program', name, self.commands)} Give one of these names, or start the server with "
            "--oracle 'NAME=program {input} {output}'."
        )


def read_programs(texts: Iterable[str], here: Path) -> Programs:
    """Programs from texts such as `dock=./dock.sh {input} {output}` or `module:function`.

    here: the folder in which names of files in a command are meant.
    """
    commands: dict[str, str] = {}
    functions, files = [], []
    for text in texts:
        name, equals, command = text.partition("=")
        if FUNCTION_PATH.fullmatch(text.strip()):
            functions.append(text.strip())
            files += _module_files(text.partition(":")[0].strip(), here)
        elif equals and name.strip() and command.strip():
            words = [_absolute(word, here) for word in _words(command)]
            commands[name.strip()] = shlex.join(words)
            files += [Path(word).resolve() for word in words if Path(word).is_file()]
        else:
            raise ConfigError(
                f"Expected 'NAME=program {{input}} {{output}}' or module:function for --oracle, got '{text}'."
            )
    return Programs(commands, tuple(functions), tuple(files), here)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"Expected 'NAME=program {{input}} {{output}}' for --oracle, got '{command}': {error}. Correct its quotes."
        ) from None


def _absolute(word: str, here: Path) -> str:
    """A word of a command; the name of a file as an absolute path, since jobs run in another folder."""
    return str((here / word).resolve()) if (here / word).is_file() else word


def _module_files(module: str, here: Path) -> list[Path]:
    first = module.partition(".")[0]
    spec = importlib.util.find_spec(first)
    places = [here / first, here / f"{first}.py", *([Path(spec.origin)] if spec and spec.origin else [])]
    return [place.resolve() for place in places if place.exists()]
