"""`sciencegen serve` and `mcp`: the commands as verbs for other programs."""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import Field, create_model
from pydantic.json_schema import SkipJsonSchema
from typer.models import ArgumentInfo, ParameterInfo
from typer.utils import get_params_from_function

from sciencegen.cli import data
from sciencegen.cli.commands import COMMANDS, GROUP, command
from sciencegen.cli.console import say
from sciencegen.cli.options import CheckedOnly, only_checking, settings_of
from sciencegen.config import Settings, further_of
from sciencegen.errors import ConfigError, named_extras
from sciencegen.plugins import part_names
from sciencegen.serving.requests import Place, ServedVerb

if TYPE_CHECKING:
    from sciencegen.serving.service import Service


# `sciencegen serve` and `sciencegen mcp`: the verbs for other programs.

Allow = Annotated[
    list[str] | None,
    typer.Option(help="A further folder that requests may read and write, beside --folder. Repeatable."),
]
Oracle = Annotated[
    list[str] | None,
    typer.Option(
        help="A program or function of yours that requests may use: 'NAME=./dock.sh {input} {output}', whose NAME they "
        "give as the command of an oracle, or module:function. Repeatable. [default: none]"
    ),
]
Parallel = Annotated[int, typer.Option(min=1, help="Jobs that run at the same time; others wait.")]
Calls = Annotated[
    int | None, typer.Option(min=1, help="Most jobs that are started before the server refuses. [default: no limit]")
]
Seconds = Annotated[
    float | None, typer.Option(min=1, help="Most time of all jobs together, after which they end. [default: no limit]")
]


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 is any free one.")] = 0,
    folder: Annotated[
        str, typer.Option(help="The folder of jobs, results and uploads. Paths of requests are relative to it.")
    ] = "runs/served",
    allow: Allow = None,
    oracle: Oracle = None,
    jobs: Parallel = 1,
    calls: Calls = None,
    seconds: Seconds = None,
    openapi: Annotated[bool, typer.Option("--openapi", help="Print the OpenAPI document, and serve nothing.")] = False,
) -> None:
    """Offer the verbs as JSON over HTTP to programs of this computer. Ctrl-C ends it.

    The server listens on 127.0.0.1 only. It prints its address and a token, which each request needs (Authorization:
    Bearer TOKEN); SCIENCEGEN_TOKEN sets the token. The address shows a page of all requests.

    A request makes a job, a process of its own. Jobs and their results are files in the folder. After a stop, the same
    command lists them again; a job that was cut off can be started again.
    """
    with named_extras("for `sciencegen serve`"):
        from sciencegen.serving.http import application, http_server, listen, token_of_server
    if openapi:
        from sciencegen import __version__
        from sciencegen.serving.openapi import openapi_document

        print(json.dumps(openapi_document(served_verbs(), __version__), indent=1))
        return
    token = token_of_server()
    with listen(port) as place, _service(folder, allow, oracle, jobs, calls, seconds) as service:
        address = f"http://127.0.0.1:{place.getsockname()[1]}"
        print(f"{address}\n{token}", flush=True)
        say(f"The address and the token of the server; its folder is {service.folder}. Ctrl-C ends it.")
        with suppress(KeyboardInterrupt):
            http_server(application(service, token, address)).run(sockets=[place])
    say("stopped")


def mcp(
    folder: Annotated[
        str, typer.Option(help="The folder of jobs, results and files. Paths of tools are relative to it.")
    ] = "runs/mcp",
    allow: Allow = None,
    oracle: Oracle = None,
    jobs: Parallel = 1,
    calls: Calls = None,
    seconds: Seconds = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds that a call waits for its job; a longer job goes on after the answer.")
    ] = 50.0,
    tools: Annotated[bool, typer.Option("--tools", help="Print the tools as JSON, and serve nothing.")] = False,
) -> None:
    """Offer the verbs as tools of the Model Context Protocol on standard input and output.

    It is meant to be started by a client, such as the desktop program of a language model. With dry_run a tool only
    says what it would do and what it would take. It ends with its input; jobs that run then can be started again.
    """
    with named_extras("for `sciencegen mcp`"):
        from sciencegen.serving.mcp_server import Tools, serve_stdio
    if tools:
        from sciencegen.serving.mcp_server import tools_of

        print(json.dumps([vars(one) for one in tools_of(served_verbs())], indent=1))
        return
    if sys.stdin.isatty():
        say("Waiting for the messages of a client on standard input, which starts this command itself. Ctrl-C ends it.")
    with _service(folder, allow, oracle, jobs, calls, seconds) as service, suppress(KeyboardInterrupt):
        serve_stdio(Tools(service, wait))


@contextmanager
def _service(
    folder: str, allow: list[str] | None, oracle: list[str] | None, parallel: int, calls: int | None,
    seconds: float | None,
) -> Iterator[Service]:  # fmt: skip
    """The service of a folder, which becomes the current one; its jobs end with the block."""
    from sciencegen.files import check_writable, make_folder
    from sciencegen.serving.jobs import COMMAND, Budget, Jobs, environment_of_jobs
    from sciencegen.serving.records import RECORDS, SERVER_LOCK
    from sciencegen.serving.requests import Boundary, read_programs
    from sciencegen.serving.service import Service

    check_writable(Path(folder) / RECORDS, "`folder`")
    here, allowed = Path.cwd(), [_folder(one) for one in allow or ()]
    programs = read_programs(oracle or (), here)
    if oracle:
        from sciencegen.api.criteria import check_code

        check_code(programs.commands.values(), programs.functions)
    place = Path(folder).resolve()
    boundary = Boundary(place, tuple(allowed), (place / RECORDS, place / SERVER_LOCK))
    environment = environment_of_jobs(boundary, programs, here)
    make_folder(place)
    os.chdir(place)  # as the jobs, so that names of files mean the same
    jobs = Jobs(place, COMMAND, environment, parallel, Budget(calls, seconds))
    try:
        yield Service(served_verbs(), jobs, boundary, programs)
    finally:
        jobs.close()


def _folder(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise ConfigError(f"Expected a folder for --allow, got '{text}'. Make it, or name another.")
    return path


# The commands as verbs for other programs: parameters, types and texts are those of the commands' functions.

NOT_SERVED = {"explore"}
"""Commands that a server doesn't offer: those that serve themselves."""
FURTHER: Mapping[str, tuple[tuple[str, ...], Callable[..., None]]] = {
    "train": (("train", data.MODEL_COMMAND), data.model),
    "train-predictor": (("train", "predictor"), data.predictor),
    "datasets-list": (("datasets", "list"), data.list_datasets),
    "datasets-show": (("datasets", "show"), data.show_card),
    "datasets-fetch": (("datasets", "fetch"), data.fetch),
    "datasets-prepare": (("datasets", "prepare"), data.prepare),
}
"""Commands of groups."""
ENDINGS = {
    "encode": ".npz", "evaluate": ".json", "map": ".png", "report": ".html", "decode": ".txt", "train": "",
    "train-predictor": "", "datasets-prepare": "", "compress": ".sgc", "cutout": ".fits",
}  # fmt: skip
"""Of the output of a request that names none; other outputs are tables."""
NAMES_OUTPUT = {"decompress"}
"""Commands whose output has the ending of something else: requests must name it."""
PRINTING = {"datasets-fetch"}
"""Commands whose output is optional: they print what they found."""
OURS = {"json"}
"""Flags that a job sets itself."""
LEFT_OUT = {("report", "settings")}
"""Parameters that aren't offered: the whole config of a workflow."""
STANDARD_STREAMS = re.compile(r"; - is std(in|out)\b| \(- is std(in|out)\)")
"""In the help of files, of which a job has none of these."""
CHOICES: Mapping[tuple[str, str], Any] = {("propose", "plate"): Literal[96, 384]}
"""The types of parameters with few values."""
NAMED = re.compile(r"\bname=value\b|\bNAME=|=FOLDER\b")
"""In the help of flags that take a name and a value, which may also be given as a mapping."""


@cache
def served_verbs() -> Mapping[str, ServedVerb]:
    """The verbs that servers offer, by name."""
    alone = {name: ((name,), command(name)) for name in part_names(GROUP, COMMANDS) if name not in NOT_SERVED}
    return {name: _verb(name, *found) for name, found in sorted({**alone, **FURTHER}.items())}


def _verb(name: str, words: tuple[str, ...], function: Callable[..., None]) -> ServedVerb:
    places, fields = {}, {}
    for argument, found in get_params_from_function(function).items():
        place = _place(argument, found.annotation, found.default)
        key = _key(place)
        if key not in OURS and (name, key) not in LEFT_OUT:
            places[key] = place
            fields[key] = _field(name, key, found.annotation, found.default, settings_of(function))
    prints = "output" not in places or name in PRINTING
    return ServedVerb(
        name,
        words,
        inspect.getdoc(function) or "",
        create_model(f"{name.title().replace('-', '')}Parameters", __base__=Settings, **fields),  # type: ignore[call-overload]
        places,
        None if prints else ENDINGS.get(name, ".csv"),
        "force" in places and not prints,
        _reader(function if settings_of(function) else None),
    )


def _place(argument: str, annotation: object, info: ParameterInfo) -> Place:
    if isinstance(info, ArgumentInfo):
        return Place(argument)
    long = [one for one in info.param_decls or () if one.startswith("--")]
    flag, _, negative = [*long, *(info.param_decls or ()), f"--{argument.replace('_', '-')}"][0].partition("/")
    return Place(argument, flag, negative, get_origin(_inner(annotation)) is list)


def _key(place: Place) -> str:
    """The name of a parameter: that of its flag."""
    return "output" if place.flag == "-o" else place.flag.lstrip("-").replace("-", "_") or place.argument


def _inner(annotation: object) -> Any:
    """The type without None."""
    if get_origin(annotation) in (Union, UnionType):
        return next(one for one in get_args(annotation) if one is not NoneType)
    return annotation


def _field(
    verb: str, key: str, annotation: object, info: ParameterInfo, record: type[Settings] | None
) -> tuple[Any, Any]:
    """The type and the limits of a parameter."""
    inner, text = _inner(annotation), info.help or ""
    if key == "settings" and record is not None:
        inner, text = _part_of(record), "Further settings; parameters of the same name take precedence."
    elif get_origin(inner) is list:
        inner = dict[str, Any] | tuple[str, ...] if NAMED.search(text) else tuple[str, ...]
        if key == "set" and record is not None and further_of(record) is not None:
            inner = dict[str, Any]  # whose names say which are files
    inner = CHOICES.get((verb, key), inner)
    text = STANDARD_STREAMS.sub("", text)
    required = info.default is ... and (key != "output" or verb in NAMES_OUTPUT)
    known = Field(... if required else None, description=text, ge=info.min, le=info.max)
    kind = inner if required else inner | None
    return (Annotated[kind, SkipJsonSchema()] if info.hidden else kind), known


@cache
def _part_of(record: type[Settings]) -> type[Settings]:
    """The record without required settings, which have parameters of their own."""
    optional = {
        name: (Annotated[one.annotation, *one.metadata] if one.metadata else one.annotation, "")
        for name, one in record.model_fields.items()
        if one.is_required()
    }
    return create_model(record.__name__, __base__=record, __doc__=record.__doc__, **optional)  # type: ignore[call-overload]


def _reader(function: Callable[..., None] | None) -> Callable[[Mapping[str, Any]], Settings | None]:
    """function: of a command that has a record of settings."""

    def read(arguments: Mapping[str, Any]) -> Settings | None:
        record = None
        try:
            with only_checking():
                if function is not None:
                    function(**arguments)
        except CheckedOnly as found:
            record = found.record
        domain = arguments.get("domain")
        if isinstance(domain, str):
            from sciencegen.api.criteria import criteria_of  # on use: with the domain's libraries

            criteria_of(domain, record)
        return record

    return read
