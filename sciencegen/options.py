"""Settings in Python: `takes(record)` gives a verb the signature and the documentation of a record's fields."""

from __future__ import annotations

import inspect
import re
import textwrap
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sciencegen.config import Further, flags_of_field, kind_of, moved, own_first
from sciencegen.errors import ConfigError, named_extras

Verb = TypeVar("Verb", bound=Callable[..., Any])
ONLY_IN_COMMANDS = {
    " Repeatable.": "",
    "; repeat it": "",
    ", as a,b,c": "",
    ", a,b,c": "",
    ", a,b": "",
    ", name=value": ", {name: value}",
    "NAME=FOLDER": "{name: folder}",
    "NAME=1,2,3": "{name: [1, 2, 3]}",
    " (false) ": " (False) ",
}
"""How several values and mappings are written in a command, and in Python."""


def takes(
    record: type[BaseModel], frames: Collection[str] = (), *, without: Collection[str] = (), text: bool = True,
    output: str = "",
) -> Callable[[Verb], Verb]:  # fmt: skip
    """A decorator: the signature of `verb(..., **options)` lists the fields of a record with their defaults, its
    documentation describes them, `verb.settings` is the record, and `verb.own` are its own parameters.

    Until version 0.4 the record itself may be passed instead of the options, with a warning.

    Parameters
    ----------
    record : type of BaseModel
        The settings that `options` are for. Fields that are parameters of the verb itself are left out.
    frames : collection of str
        Parameters that may be data frames; as others they are an error.
    without : collection of str
        Settings that the command has no flag for, if it is made of the verb.
    text : bool
        Whether that command has the flag `--settings` too.
    output : str
        The help of that command's flag -o, which is required then.

    Examples
    --------
    >>> import inspect
    >>> from sciencegen.config import Resources
    >>> from sciencegen.options import takes
    >>> @takes(Resources)
    ... def verb(domain: str, **options): ...
    >>> list(inspect.signature(verb).parameters)
    ['domain', 'seed', 'device', 'threads']
    """

    def decorate(verb: Verb) -> Verb:
        @wraps(verb)
        def call(*arguments: object, **options: object) -> Any:
            named = {**dict(zip(own.parameters, arguments, strict=False)), **options}
            _refuse_frames({name: value for name, value in named.items() if name not in frames})
            positional = [one for one in arguments if not isinstance(one, record)]
            expanded, old = moved(record, _expanded(record, arguments, options))
            if old:
                told = f"pass settings={old} in place of {', '.join(old)}: version 0.5 won't accept the old spelling"
                warnings.warn(told, FutureWarning, stacklevel=2)
            taken = [*own.parameters][: len(positional)]  # fields of the record that are given by position too
            with named_extras():
                return verb(*positional, **{name: value for name, value in expanded.items() if name not in taken})

        own = inspect.signature(verb)
        shown = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        fields = [_parameter(name, field) for name, field in own_first(record) if name not in own.parameters]
        vars(call)["__signature__"] = own.replace(parameters=[*shown, *fields])
        vars(call)["settings"], vars(call)["own"] = record, {one.name: one for one in shown}
        vars(call)["flags"], vars(call)["output"] = {"without": without, "text": text}, output
        call.__doc__ = _with_settings(inspect.getdoc(verb) or "", record, own.parameters)
        return call  # type: ignore[return-value]

    return decorate


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.annotation)


def _refuse_frames(arguments: Mapping[str, Any]) -> None:
    """Raise an error for a table in memory: results name the files that they were made from."""
    for name, value in arguments.items():
        if type(value).__name__ == "DataFrame":  # of pandas or polars, without importing them
            raise ConfigError(
                f"Expected a file or a list of items as '{name}', got a DataFrame. Save it and pass the file "
                f"(table.to_csv('{name}.csv', index=False)), or if items alone are needed its column, table['item']."
            )


def _expanded(record: type[BaseModel], arguments: Sequence[Any], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of a record that was passed as the argument `settings`, together with the other options."""
    given = [one for one in (*arguments, options.get("settings")) if isinstance(one, record)]
    if not given:
        return options
    warnings.warn(
        f"pass the fields of {record.__name__} as keyword arguments: version 0.4 won't accept the record itself",
        FutureWarning,
        stacklevel=3,
    )
    others = {name: value for name, value in options.items() if value is not given[0]}
    return {**given[0].model_dump(exclude_unset=True), **others}


def _with_settings(text: str, record: type[BaseModel], own: Collection[str]) -> str:
    """A verb's documentation with an entry for each setting, after the parameters that it describes itself."""
    flags = {f"--{name.replace('_', '-')}": name for name in own}
    flags |= {flag: name for name, field in record.model_fields.items() for flag in flags_of_field(name, field)}
    entries = []
    for name, field in own_first(record):
        if name not in own and field.description:
            lines = [textwrap.fill(_in_python(name, field, flags), 108)]
            if isinstance(field.default, Further):
                inside = type(field.default).model_fields.items()
                bullets = [f"- `{one}`: {_in_python(one, value, flags)}" for one, value in inside]
                lines += ["", *(textwrap.fill(bullet, 108, subsequent_indent="  ") for bullet in bullets)]
            entries.append(f"{name} : {_type_text(field)}\n" + textwrap.indent("\n".join(lines), "    "))
    if not entries:
        return text
    sections = re.split(r"(?m)^(?=\w[^\n]*\n-{3,}$)", text)
    at = next((i for i, one in enumerate(sections) if one.startswith("Parameters\n")), 0)
    heading = "" if at else "\n\nParameters\n----------\n"
    sections[at] = f"{sections[at].rstrip()}\n{heading}" + "\n".join(entries) + "\n\n"
    return "".join(sections).rstrip()


def _in_python(name: str, field: FieldInfo, flags: Mapping[str, str]) -> str:
    """A description in the words of the command line, in those of Python: `where` for --where. The flag of a setting
    that is true by default says what false does."""
    text = field.description or ""
    if field.default is True and flags_of_field(name, field):
        text = f"False: {text[0].lower()}{text[1:]}"
    text = re.sub(r"--?[a-z][a-z-]*\b", lambda found: f"`{flags[found[0]]}`" if found[0] in flags else found[0], text)
    for words, in_python in ONLY_IN_COMMANDS.items():
        text = text.replace(words, in_python)
    return re.sub(r"(?<!\\)\*", r"\\*", text)  # in reStructuredText a star is emphasis


def _type_text(field: FieldInfo) -> str:
    """The type of a setting as numpydoc writes it."""
    kind, optional = kind_of(field)
    origin = get_origin(kind)
    if isinstance(field.default, Further):
        found = "mapping"
    elif origin is tuple:
        found = "str or sequence of str"
    elif origin is dict:
        found = "mapping"
    elif origin is Literal:
        found = "{" + ", ".join(repr(one) for one in get_args(kind)) + "}"
    else:
        found = getattr(kind, "__name__", str(kind))
    return f"{found}, optional" if optional else found
