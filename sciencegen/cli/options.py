"""The flags of commands: those of settings are made from the records of `config` (`flags_of`); the others are here.

A flag that isn't given is None or empty; its default comes from `config`."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import typer
from annotated_types import Ge

from sciencegen.cli.console import say, take_further
from sciencegen.cli.output import STDOUT, FewerResults, Outlet
from sciencegen.config import TEXTS, Flag, Further, Settings, flags_of_field, further_of, kind_of, moved, own_first
from sciencegen.config.base import ALIGNMENT, COLUMN, MODEL, ONLY_INSIDE, WILD_TYPE
from sciencegen.progress import part_of

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from sciencegen.api.writing.results import Result

Domain = Annotated[
    str,
    typer.Argument(
        help="molecules, proteins, galaxies, arrays, crystals, or the domain of a plugin.", show_default=False
    ),
]
Output = Annotated[str, typer.Option("-o", "--output", help="The file to write; - is stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing output.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print a summary as JSON, on stdout (on stderr if the results go to stdout).")
]
Model = Annotated[str | None, typer.Option("--model", help=MODEL.description)]
Alignment = Annotated[str | None, typer.Option("--alignment", help=ALIGNMENT.description)]
WildType = Annotated[str | None, typer.Option("--wild-type", help=WILD_TYPE.description)]
SettingsText = Annotated[
    str | None, typer.Option("--settings", help="Settings as YAML or JSON, or @file; flags take precedence.")
]
Column = Annotated[str | None, typer.Option("--item-column", help=COLUMN.description)]
Format = Annotated[str | None, typer.Option("--format", help="The format of stdin, as a file ending such as .csv.")]

OWN_SETTINGS = "Pass settings of the network or regressor with --set NAME=VALUE."
TAKEN_FOR_SET = ("unknown key", "Expected `key: value` lines")
"""Parts of errors of `--settings` after which the flags below are named."""
MORE = "Pass settings of the training with --training NAME=VALUE."

Record = TypeVar("Record", bound="Settings")


_ONLY_CHECKING: ContextVar[bool] = ContextVar("only_checking", default=False)


class CheckedOnly(Exception):
    """Ends a command after its settings, the `record`, were checked."""

    def __init__(self, record: Settings) -> None:
        super().__init__()
        self.record = record


@contextmanager
def only_checking() -> Iterator[None]:
    """Commands in the block raise their errors of settings, else `CheckedOnly`, and compute nothing."""
    token = _ONLY_CHECKING.set(True)
    try:
        yield
    finally:
        _ONLY_CHECKING.reset(token)


GROWS = {
    "GenerateSettings": ("n", "items"), "OptimizeSettings": ("budget", "scored items"),
    "BacktestSettings": ("repeats", "campaigns"), "BenchmarkSettings": ("budget", "scored items"),
}  # fmt: skip
"""What the work of a verb grows with, beside the rows that it reads; a trial of a dry run takes a part of it."""
BY_KEY = ("training", "settings")
"""Settings that are mappings, and flags of the form name=value."""


def settings_from(record: type[Record], text: str | None, **flags: object) -> Record:
    """The verb's settings: those of `--settings`, replaced by the flags that were given; the mappings of `--training`
    and `--set` replace single keys. A verb with `--set` passes it as `settings` here; its error for wrong `--settings`
    names `--set` too."""
    from sciencegen.config import build_settings, read_settings
    from sciencegen.errors import ConfigError

    by_flag, old = moved(record, {name: value for name, value in flags.items() if value not in (None, [], {})})
    given = dict(by_flag)
    try:
        base, beside = moved(record, read_settings(text) if text else {})
        if old or beside:
            say(_new_spelling(record, old, beside))
        for name in BY_KEY:
            if isinstance(below := base.get(name), dict) and name in given:
                given[name] = {**below, **given[name]}
        built = build_settings(record, {**base, **given})
    except ConfigError as error:
        own = "settings" in flags and further_of(record) is None
        if not text or not own or not any(mark in str(error) for mark in TAKEN_FOR_SET):
            raise
        raise ConfigError(f"{error} {OWN_SETTINGS}{' ' + MORE if 'training' in flags else ''}") from None
    if _ONLY_CHECKING.get():
        raise CheckedOnly(built)
    if found := GROWS.get(record.__name__):
        built = built.model_copy(update={found[0]: part_of(getattr(built, found[0]), found[1])})
    return built


def _new_spelling(record: type[Settings], flags: Mapping[str, Any], keys: Mapping[str, Any]) -> str:
    """A note on settings that belong to `--set`, given by flags of their own or beside `settings` in a text."""
    words = []
    for name, value in {**keys, **flags}.items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words.append(f"--set {shlex.quote(f'{name}={one if isinstance(one, str) else json.dumps(one)}')}")
    known = (further_of(record) or record).model_fields
    places = [flags_of_field(name, known[name])[0] for name in flags] + [f"{name} in --settings" for name in keys]
    return f"note: write {' '.join(words)} instead of {', '.join(places)}: version 0.5 won't accept the old spelling"


def further_settings(record: type[Further], texts: list[str] | None) -> dict[str, Any]:
    """`--set name=value` flags. What is a text by its type stays one, and of several texts each has a flag."""
    found = pairs(texts, "--set")
    for name, field in record.model_fields.items():
        if name in found and (field.annotation in TEXTS or kind_of(field)[0] is str):
            given = [one.partition("=")[2] for one in texts or [] if one.partition("=")[0].strip() == name]
            found[name] = given if field.annotation in TEXTS else given[-1]
    return found


def settings_of(command: Callable[..., None]) -> type[Settings] | None:
    """The record of a command's settings; of several, the first."""
    return vars(command).get("settings")


def record_of(record: type[Record], flags: Mapping[str, Any]) -> Record:
    """The settings that a record has of those of a command's flags."""
    return settings_from(record, None, **{name: one for name, one in flags.items() if name in record.model_fields})


def pairs(texts: list[str] | None, flag: str) -> dict[str, Any]:
    """`name=value` flags as a mapping; values read as YAML, so that 3 is a number."""
    from sciencegen.errors import ConfigError
    from sciencegen.yaml_text import parse_yaml

    mapping = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"Expected {flag} name=value, got '{text}'.")
        try:
            mapping[name.strip()] = parse_yaml(value)
        except ValueError:
            raise ConfigError(f"Expected {flag} name=value with a number, a text or YAML, got '{text}'.") from None
    return mapping


def folders(texts: list[str] | None) -> dict[str, str]:
    """`--predictor name=folder` flags."""
    from sciencegen.errors import ConfigError

    for text in texts or []:
        name, equals, _ = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"Expected --predictor NAME=FOLDER, a name for its values first, got '{text}'.")
    return {name.strip(): folder.strip() for name, _, folder in (text.partition("=") for text in texts or [])}


def names(texts: list[str] | None) -> list[str]:
    """A repeatable flag whose values may be comma-separated."""
    return [part.strip() for text in texts or [] for part in text.split(",") if part.strip()]


TEXT = "settings_text"
"""The argument of the flag `--settings`."""


def _said(name: str, field: FieldInfo) -> str:
    """What the help of `--set` says of a setting. The flag of one that is true by default said what false does."""
    text = with_default(field.description or "", field.default)
    switch = field.default is True and flags_of_field(name, field)
    return f"{name}: {f'false: {text[0].lower()}{text[1:]}' if switch else text}"


def with_default(text: str, default: object) -> str:
    """A description that says the default, if it doesn't yet and there is one to say."""
    if isinstance(default, bool | Further) or default in (None, "", (), {}) or "[default: " in text:
        return text
    return f"{text} [default: {f'{default:g}' if isinstance(default, float) else default}]"


@dataclass(frozen=True)
class Setting:
    """A setting as a flag of the command line.

    needed: whether this command requires it, also if the record has a default. text: its help, if not the description.
    old: whether `--set` has taken its place, so that the help doesn't show it.
    """

    name: str
    field: FieldInfo
    needed: bool = False
    text: str = ""
    old: bool = False

    @property
    def key(self) -> str:
        """Its name in texts of settings."""
        return self.field.alias or self.name

    @property
    def default(self) -> Any:
        return self.field.get_default(call_default_factory=True)

    @property
    def kind(self) -> Any:
        """Its type, without None."""
        return kind_of(self.field)[0]

    @property
    def parameter(self) -> inspect.Parameter:
        """Its parameter of a command's function."""
        required, default = self.needed or self.field.is_required(), self.default
        text = self.text or self.field.description or ""
        text = text if required else with_default(text, default)
        if isinstance(default, Further):
            text = "  \n\n".join([text, *map(_said, *zip(*type(default).model_fields.items(), strict=True))])
        switch = self.kind is bool and default is not None  # else it has three values
        kind = self._typer_kind if required or switch else self._typer_kind | None
        option: Any = Annotated[kind, typer.Option(*flags_of_field(self.name, self.field), help=text, hidden=self.old)]
        start = inspect.Parameter.empty if required else False if switch else None
        return inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY, default=start, annotation=option)

    @property
    def _typer_kind(self) -> Any:
        origin = get_origin(self.kind)
        several = origin in (tuple, dict) or isinstance(self.default, Further)
        return list[str] if several else str if origin is Literal else self.kind

    def value(self, given: Any) -> Any:
        """The setting's value, None if the flag isn't given."""
        if self.kind is bool and self.default is not None:
            return (not self.default) if given else None
        if isinstance(self.default, Further):
            return further_settings(type(self.default), given)
        if get_origin(self.kind) is dict:
            values = get_args(self.kind)[1]
            if values is str:
                return folders(given)
            found = pairs(given, flags_of_field(self.name, self.field)[0])
            several = get_origin(values) is tuple
            return {name: str(value).split(",") for name, value in found.items()} if several else found
        return names(given) if any(isinstance(one, Flag) and one.commas for one in self.field.metadata) else given


ENTRY = re.compile(r"(?m)^(\w+) : .*\n((?:    .*(?:\n|$))+)")
"""A parameter in a verb's documentation, and what is said of it."""
OUTLET = {"output": "-", "force": False, "as_json": False}
"""The parameters that stand for one of type `Outlet`, and their defaults."""


def _of_outlet(hint: object) -> list[inspect.Parameter]:
    """The flags of an outlet. If its type is `Annotated` with an option, the file must be named."""
    named = get_args(hint)
    kinds = {"output": Annotated[str, named[1]] if named else Output, "force": Force, "as_json": Json}
    defaults = OUTLET | ({"output": inspect.Parameter.empty} if named else {})
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=kind)
        for name, kind in kinds.items()
    ]


def flags_of(
    *records: type[Settings],
    only: Collection[str] = (),
    without: Collection[str] = (),
    required: Collection[str] = (),
    text: bool = True,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator: the parameter `settings` of a command becomes a flag for each setting of a record.

    A parameter of type `Outlet` becomes the flags -o, --force and --json.

    A parameter of the command that is named like a setting gives its value too: an argument of typer stays as it is,
    another one is the setting's flag. Of several records, the command has a parameter `flags` instead: the values of
    all flags, from which it makes the record that it needs.

    Parameters
    ----------
    *records : type of Settings
        Fields with a description have a flag, unless `Flag` says otherwise.
    only : collection of str
        The fields that this command has flags for. [default: all]
    without : collection of str
        Fields that this command has no flag for.
    required : collection of str
        Fields with a default whose flag this command requires.
    text : bool
        Whether the command has the flag `--settings` too.
    """
    fields: dict[str, Setting] = {}
    for name, field in (one for record in records for one in own_first(record)):
        if field.description and name not in without and (not only or name in only):
            texts = [] if name not in fields else [fields[name].text]
            help_text = " ".join(dict.fromkeys([*texts, field.description]))
            fields[name] = Setting(name, fields[name].field if texts else field, name in required, help_text)
    place = "settings" if len(records) == 1 else "flags"
    further = further_of(records[0])
    inside = {} if further is None else further.model_fields
    beside = inside.keys() - {*records[0].model_fields, *ONLY_INSIDE}
    old = {name: Setting(name, field, old=True) for name, field in inside.items() if name in beside}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints, own = get_type_hints(command, include_extras=True), inspect.signature(command).parameters
        outlet = next((name for name in own if Outlet in (hints[name], *get_args(hints[name])[:1])), None)
        arguments = {name for name in own if get_origin(hints[name]) is Annotated and name != outlet}
        shared = {name: one for name, one in fields.items() if name in own and name != place}
        flags = {
            name: one
            for name, one in (fields | old).items()
            if flags_of_field(name, one.field) and name not in arguments
        }

        @wraps(command)
        def call(**given: Any) -> None:
            values = {name: one.value(given.pop(name, None)) for name, one in (flags | shared).items()}
            made: Any = values
            take_further(inside)
            if outlet is not None:
                given[outlet] = Outlet(*(given.pop(name, default) for name, default in OUTLET.items()))
            if place == "settings":
                keyed = {(flags | shared)[name].key: value for name, value in values.items()}
                made = settings_from(records[0], given.pop(TEXT, None), **keyed)
            command(**{place: made}, **{name: values[name] for name in shared}, **given)

        shown: list[inspect.Parameter] = []
        for name, one in own.items():
            if name == outlet:
                shown += _of_outlet(hints[name])
            elif name in arguments or (name not in shared and name != place):
                shown.append(one.replace(annotation=hints[name], kind=one.KEYWORD_ONLY))
            elif name == place:
                shown += [each.parameter for each in flags.values()]
                if text:
                    shown.append(inspect.Parameter(TEXT, one.KEYWORD_ONLY, default=None, annotation=SettingsText))
        vars(call)["__signature__"] = inspect.Signature(shown)
        call.__annotations__ = {one.name: one.annotation for one in shown}
        vars(call)["settings"] = records[0]
        return call

    return decorate


def command_of(verb: Callable[..., Result]) -> Callable[..., None]:
    """The command of a verb in Python (`takes`) that returns a result: its own parameters are arguments, or options if
    they have defaults, each with its text in the verb's documentation; the result goes where -o says. A verb with the
    parameters `output` and `overwrite` writes it. `Ge` in the type of an option is its least value."""
    own, record, text = vars(verb)["own"], vars(verb)["settings"], inspect.getdoc(verb) or ""
    hints = get_type_hints(vars(verb)["__wrapped__"])
    limits = get_type_hints(vars(verb)["__wrapped__"], include_extras=True)
    texts = {name: " ".join(words.split()) for name, words in ENTRY.findall(text)}
    writes, named = "output" in own, vars(verb)["output"] or texts.get("output")
    own = {name: one for name, one in own.items() if not writes or name not in ("output", "overwrite")}
    files = [name for name in own if Path in (hints[name], *get_args(hints[name]))]

    def call(settings: Settings, outlet: Outlet, **given: Any) -> None:
        if named and not writes:
            from sciencegen.api.writing.writer import check_endings

            check_endings(given["domain"], outlet.output)
        outlet.claim(*(given[name] for name in files), *(one for _, one in settings if isinstance(one, str)))
        given |= {name: Path(given[name]) for name in files if given[name] is not None}
        given |= {"output": outlet.output, "overwrite": outlet.force} if writes else {}
        found = verb(**given, **settings.model_dump(exclude_unset=True))
        outlet.keep(found, written=writes)
        if not writes and found.fewer:
            raise FewerResults(found.fewer)

    shown: dict[str, inspect.Parameter] = {}
    for name, one in own.items():
        kind: Any = hints[name] if hints[name] in (int, float, bool) else str
        if name == "domain":
            kind = Domain
        elif one.default is one.empty:
            kind = Annotated[kind, typer.Argument(help=texts.get(name), show_default=False)]
        else:
            least: Any = next((limit.ge for limit in get_args(limits[name])[1:] if isinstance(limit, Ge)), None)
            option: Any = typer.Option(help=texts.get(name), min=least)
            kind = Annotated[kind if one.default is not None else kind | None, option]
        shown[name] = one.replace(annotation=kind, kind=one.KEYWORD_ONLY)
    empty, keyword = inspect.Parameter.empty, inspect.Parameter.KEYWORD_ONLY
    place = Annotated[Outlet, typer.Option("-o", "--output", help=named, show_default=False)] if named else Outlet
    shown["outlet"] = inspect.Parameter("outlet", keyword, default=empty if named else STDOUT, annotation=place)
    shown["settings"] = inspect.Parameter("settings", keyword, annotation=record)
    shown = dict(sorted(shown.items(), key=lambda item: item[1].default is not item[1].empty))  # arguments come first
    vars(call)["__signature__"] = inspect.Signature(list(shown.values()))
    call.__annotations__ = {name: one.annotation for name, one in shown.items()}
    call.__name__, call.__doc__ = verb.__name__, text.split("\n\nParameters\n")[0]
    return flags_of(record, **vars(verb)["flags"])(call)
