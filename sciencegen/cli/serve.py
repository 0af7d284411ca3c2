"""`sciencegen serve` and `sciencegen mcp`: the verbs for other programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sciencegen.cli.console import say
from sciencegen.errors import ConfigError

if TYPE_CHECKING:
    from sciencegen.serving.service import Service

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
    with _extra("serve"):
        from sciencegen.serving.http import application, http_server, listen, token_of_server
    if openapi:
        from sciencegen import __version__
        from sciencegen.cli.served import served_verbs
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
    with _extra("mcp"):
        from sciencegen.serving.mcp_server import Tools, serve_stdio
    if tools:
        from sciencegen.cli.served import served_verbs
        from sciencegen.serving.mcp_server import tools_of

        print(json.dumps([vars(one) for one in tools_of(served_verbs())], indent=1))
        return
    if sys.stdin.isatty():
        say("Waiting for the messages of a client on standard input, which starts this command itself. Ctrl-C ends it.")
    with _service(folder, allow, oracle, jobs, calls, seconds) as service, suppress(KeyboardInterrupt):
        serve_stdio(Tools(service, wait))


@contextmanager
def _extra(verb: str) -> Iterator[None]:
    """Name the extra if a library of the block is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).startswith("sciencegen"):
            raise
        raise ConfigError(
            f"Expected the package {error.name} for `sciencegen {verb}`, got none. Install it: pip install "
            f"'sciencegen[{verb}]'."
        ) from None


@contextmanager
def _service(
    folder: str, allow: list[str] | None, oracle: list[str] | None, parallel: int, calls: int | None,
    seconds: float | None,
) -> Iterator[Service]:  # fmt: skip
    """The service of a folder, which becomes the current one; its jobs end with the block."""
    from sciencegen.cli.served import served_verbs
    from sciencegen.files import check_writable, make_folder
    from sciencegen.serving.jobs import Budget, Jobs
    from sciencegen.serving.paths import Boundary, read_programs
    from sciencegen.serving.process import COMMAND, environment_of_jobs
    from sciencegen.serving.records import RECORDS, SERVER_LOCK
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
