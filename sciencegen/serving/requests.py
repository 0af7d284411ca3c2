"""What requests may hold: the parameters of a verb, paths that they may name, and programs that they may run."""

from __future__ import annotations

import csv
import importlib.util
import inspect
import json
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from sciencegen.config import Settings, build_settings
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.files import configures
from sciencegen.items import JOURNAL_COLUMNS, Json
from sciencegen.plugins import FUNCTION_PATH, function_refused, functions_in, is_module
from sciencegen.serving.records import Conflict, Job

# A verb as other programs see it: its parameters with their types, and the command that a request stands for.

Values = Mapping[str, Any]
"""Parameters of a request by name, as JSON has them."""


@dataclass(frozen=True)
class Place:
    """Where a parameter stands in a command.

    Parameters
    ----------
    argument : str
        Its name in the command's function.
    flag : str
        Such as "--where"; "" for an argument without one.
    negative : str
        The flag for false; "" if there is none.
    repeats : bool
        Whether the flag is repeated for each of several values.
    """

    argument: str
    flag: str = ""
    negative: str = ""
    repeats: bool = False

    def given(self, value: Any) -> Any:
        """The value as the command's function gets it."""
        if self.repeats:
            return [f"{name}={_text(one)}" for name, one in value.items()] if isinstance(value, Mapping) else [*value]
        return json.dumps(value) if isinstance(value, Mapping) else value

    def words(self, value: Any) -> list[str]:
        """The words of a command for a value."""
        if isinstance(value, bool):
            return [self.flag] if value else [self.negative] * bool(self.negative)
        given = self.given(value)
        texts = [_text(one) for one in (given if self.repeats else [given])]
        if not self.flag:
            return texts
        if self.flag.startswith("--"):  # a value may begin with a dash
            return [f"{self.flag}={text}" for text in texts]
        return [word for text in texts for word in (self.flag, text)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class ServedVerb:
    """A verb of the command line.

    Parameters
    ----------
    name : str
        In addresses and as a tool, such as "datasets-prepare".
    words : tuple of str
        The words of the command.
    description : str
    parameters : type of Settings
        The record that a request is checked with.
    places : mapping
        Parameter -> its place in the command.
    ending : str, optional
        Of the output's name if a request names none; "" for a folder, None for a verb that only prints its result.
    overwrites : bool
        Whether the command has the flag --force.
    read : (arguments) -> Settings or None
        Reads settings as the command does, without computing anything; raises its errors.
    """

    name: str
    words: tuple[str, ...]
    description: str
    parameters: type[Settings]
    places: Mapping[str, Place]
    ending: str | None = None
    overwrites: bool = True
    read: Callable[[Mapping[str, Any]], Settings | None] = field(default=lambda arguments: None)

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        return self.description.split("\n\n")[0].replace("\n", " ")

    def schema(self) -> Json:
        """The JSON schema of the parameters. Settings that have a parameter of their own are listed once."""
        schema = _without_nulls(self.parameters.model_json_schema())
        if (field := self.parameters.model_fields.get("settings")) is not None:
            record = next(one for one in (field.annotation, *get_args(field.annotation)) if inspect.isclass(one))
            properties = schema["$defs"][record.__name__]["properties"]
            own = self.parameters.model_fields.keys() - {"settings"}
            for name in own | ({"settings"} if "set" in own else set()):
                properties.pop(name, None)
        return schema

    def values(self, given: Values) -> dict[str, Any]:
        """The parameters of a request, checked; those that it doesn't give are left out."""
        return _plain(build_settings(self.parameters, given, f"Parameters of {self.name}"))

    def settings(self, values: Values) -> Settings | None:
        """The settings with their defaults that parameters stand for; None if the verb has no such record."""
        return self.read({self.places[name].argument: self.places[name].given(one) for name, one in values.items()})

    def command(self, values: Values, further: Sequence[str] = ()) -> list[str]:
        """The words of the command; further: flags in addition."""
        options, arguments = [*self.words], list[str]()
        for name, place in self.places.items():
            if values.get(name) is not None:
                (options if place.flag else arguments).extend(place.words(values[name]))
        return [*options, *further, *(["--", *arguments] if arguments else [])]


def _without_nulls(schema: Any) -> Any:
    """A schema in which what may be left out is not `null or ...`, without titles."""
    if isinstance(schema, list):
        return [_without_nulls(one) for one in schema if one != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    kept = {name: one for name, one in schema.items() if name != "title" or not isinstance(one, str)}
    found = {name: _without_nulls(one) for name, one in kept.items() if (name, one) != ("default", None)}
    choices = found.get("anyOf", ())
    return {**found.pop("anyOf")[0], **found} if len(choices) == 1 else found


def _plain(record: BaseModel) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_unset=True, exclude_none=True, by_alias=True)


# The folders that requests may read and write: the server's, and those that were allowed when it was started.

LONGEST_PATH, LONGEST_NAME = 4096, 255
"""Bytes; the system opens no longer path, and none with a longer name in it."""
WRITTEN = frozenset({"output", "structures", "details", "journal", "cache"})
"""Parameters that name files to write."""
_PARTS = re.compile(r"[\s,;='\"@]+")
"""Between the parts of a parameter such as NAME=FOLDER."""
_BEHIND = re.compile(r"(\[\d+\]|:\w+|/\d+-\d+)$")
"""Behind a file's name: an item of it, a chain, or the numbers of a sequence."""
_FILE = re.compile(
    r"[^\s=,;]+[.](csv|tsv|csv[.]gz|tsv[.]gz|parquet|xlsx|npz|npy|fits|h5|hdf5|sdf|smi|pdb|cif|fasta|a3m|yaml|json)",
    re.IGNORECASE,
)
"""Names that can only be those of files."""
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Boundary:
    """What requests may reach.

    Parameters
    ----------
    folder : Path
        The server's; paths of requests are relative to it.
    allowed : tuple of Path
        Further folders.
    closed : tuple of Path
        Files and folders inside that requests may not name: the server's records, and programs.
    """

    folder: Path
    allowed: tuple[Path, ...] = ()
    closed: tuple[Path, ...] = ()

    def inside(self, path: str | Path, name: str = "path") -> Path:
        """The path without links, if requests may reach it; else an error that names the parameter."""
        if "\0" in str(path) or not _is_unicode(str(path)):
            raise ConfigError(f"Expected a path for `{name}`, got one with characters that no file's name can have.")
        longest = max(map(len, str(path).encode().split(b"/")))
        if len(str(path).encode()) > LONGEST_PATH or longest > LONGEST_NAME:
            raise ConfigError(
                f"Expected a path of at most {LONGEST_PATH:,} bytes for `{name}`, whose names have at most "
                f"{LONGEST_NAME}, got '{str(path)[:40]}...'. Shorten it."
            )
        real = self._real(path)
        if configures(real):
            raise ConfigError(f"Expected another name for `{name}` than '{real.name}', which configures a library.")
        if any(_folded(real).is_relative_to(_folded(one)) for one in self.closed):
            raise ConfigError(
                f"Expected a file of your own for `{name}`, got '{path}', which belongs to the server. Name another."
            )
        if not any(real.is_relative_to(one) for one in (self.folder, *self.allowed)):
            raise ConfigError(
                f"Expected a path in {self.folder} for `{name}`, or in a folder that the server allows, got '{path}'. "
                "Put the file there (PUT /files/PATH, or the tool write_file), or start the server with --allow FOLDER."
            )
        return real

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise an error if a parameter names something that requests may not reach.

        A text may be a path, an item or a name: it counts as a path if something is there, or if it could not be
        anything else.
        """
        for name, text in _texts(values):
            if "\0" in text or not _is_unicode(text):
                raise ConfigError(
                    f"Expected a text for `{name}`, got one with characters that no command can be given."
                )
            if text.strip() == "-":
                raise ConfigError(f"Expected a file for `{name}`, got '-': a job has no standard input and output.")
            for part in _parts(text):
                if _ADDRESS.match(part):
                    raise ConfigError(
                        f"Expected a file for `{name}`, got the address '{part}'. Put the file into the server's "
                        "folder instead (PUT /files/PATH, or the tool write_file)."
                    )
                if name in WRITTEN or self._is_path(part):
                    self.inside(part, name)

    def check_inputs(self, values: Mapping[str, Any]) -> None:
        """Raise an error if a parameter to read names a file that isn't there, as far as its ending says that it is."""
        for name, text in _texts(values):
            alone = _BEHIND.sub("", text)
            if name not in WRITTEN and _FILE.fullmatch(alone) and not os.path.lexists(self._real(alone)):
                raise ConfigError(f"Expected a file for `{name}`, found none at {alone}. Put it there, or correct it.")

    def named(self, values: Mapping[str, Any]) -> set[Path]:
        """The paths without links that texts of parameters may mean, whether something is there or not."""
        parts = {part for _, text in _texts(values) for part in _parts(text) if len(part) <= LONGEST_PATH}
        return {self._real(part) for part in parts} - {self.folder, *self.folder.parents}

    def _real(self, path: str | Path) -> Path:
        return Path(os.path.realpath(self.folder / os.path.expanduser(path)))

    def _is_path(self, part: str) -> bool:
        if len(part) > LONGEST_PATH:
            return False
        pieces = part.split("/")
        if part.startswith("/"):  # SMILES may begin with a slash, but no folder has the name of an atom
            return os.path.lexists(f"/{part.lstrip('/').split('/')[0]}")
        if ".." in pieces or part.startswith("~") or os.path.lexists(self.folder / part):
            return True
        return any(_folded(self._real(part)).is_relative_to(_folded(one)) for one in self.closed)


def _folded(path: Path) -> Path:
    """The path in small letters: on some systems names with others mean the same file."""
    return Path(str(path).casefold())


def _is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: JSON can hold halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The texts in a value, with the name of the innermost parameter; keys of mappings are texts too."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield name or str(key), str(key)
            yield from _texts(one, str(key))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one, name)


def _parts(text: str) -> Iterator[str]:
    """What may be a path in a text: the whole, and its parts, with and without what stands behind a file's name."""
    for part in dict.fromkeys([text.strip(), *_PARTS.split(text)]):
        if part:
            yield part
            if (alone := _BEHIND.sub("", part)) != part and alone:
                yield alone


# Programs and functions of the user's that requests may run: those that were named when the server was started.
#
# What is checked here gives a request an early answer. A job's process is told what may run (`plugins.ALLOWED`), and
# checks it where it makes words of a command and imports a function, whichever file or setting named them.

COMMANDS = frozenset({"command", "fold"})
"""Parameters and settings that name a program."""
NAMING = frozenset({"goal", "where", "with", "steer"})
"""Parameters that may name a function."""


@dataclass(frozen=True)
class AllowedPrograms:
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


def read_programs(texts: Iterable[str], here: Path) -> AllowedPrograms:
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
    return AllowedPrograms(commands, tuple(functions), tuple(files), here)


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


# Files that an upload may not replace: those of jobs that wait or run, and journals.

LONGEST_HEADER = 1 << 16
REMEDY = "Choose another name, or force the upload to replace it (`force`)."


def check_replaceable(path: Path, boundary: Boundary, active: Iterable[Job]) -> None:
    """Raise an error if a file is needed.

    Parameters
    ----------
    path : Path
        Without links.
    boundary : Boundary
    active : iterable of Job
        The jobs that wait or run.
    """
    for job in active:
        used = boundary.named({**job.parameters, "output": job.output or ""})
        if any(path.is_relative_to(one) for one in used):
            raise Conflict(f"Expected a file that no job uses, got {path.name} of job {job.id} ({job.state}). {REMEDY}")
    if has_journal_header(path):
        raise Conflict(f"Expected a file that is no journal, {path.name} has the measurements of a campaign. {REMEDY}")


def has_journal_header(path: Path) -> bool:
    """Whether a file, read as text up to `LONGEST_HEADER`, begins with the columns of a campaign's journal."""
    if not path.is_file():
        return False
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        header = file.readline(LONGEST_HEADER)
    return {cell.strip() for cell in next(csv.reader([header]), [])} >= set(JOURNAL_COLUMNS)
