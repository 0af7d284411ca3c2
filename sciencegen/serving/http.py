"""The verbs as JSON over HTTP, for programs of this computer that have the server's token."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sciencegen import __version__
from sciencegen.browser.server import FIXED_HEADERS, LOOPBACK, is_foreign, new_token, same_token
from sciencegen.errors import ConfigError, DataError, SciencegenError, unknown_name
from sciencegen.files import atomic_write, files_below, found_at
from sciencegen.items import Json
from sciencegen.serving.jobs import BudgetSpent
from sciencegen.serving.openapi import VERB_PATH, described_queries, openapi_document, openapi_page
from sciencegen.serving.records import ACTIVE, NOT_A_CLIENTS, RECORDS, STATES, TOKEN, Conflict, NotFound, refusal_of
from sciencegen.serving.service import Service, path_for_clients, take_dry_run

# Answers of the HTTP server, and who gets one.

OPEN = ("/", "/openapi.json")
"""Paths that need no token: they say what the package can do, and nothing of its user."""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox allow-same-origin"
HEADERS = {**FIXED_HEADERS, "Content-Security-Policy": POLICY}


class Guard:
    """Refuses requests of other origins, and requests without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["server"][1], scope["path"], given)
        await (self.app if refusal is None else refusal)(scope, receive, send)

    def _refusal(self, port: int, path: str, given: dict[str, str]) -> Response | None:
        if is_foreign(port, given.get("host", ""), given.get("origin"), given.get("sec-fetch-site")):
            return refused(403, "Expected a request for 127.0.0.1 without a foreign origin, got another one.")
        kind, _, token = given.get("authorization", "").partition(" ")
        if path in OPEN or (kind.lower() == "bearer" and same_token(token.strip(), self.token)):
            return None
        text = "Expected the header 'Authorization: Bearer TOKEN' with the token that the server printed, got "
        return refused(401, text + ("another token." if token else "none."), {"WWW-Authenticate": "Bearer"})


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON."""
    content = json.dumps(value, allow_nan=False, default=str)
    return Response(content, status, {**HEADERS, **(headers or {})}, "application/json")


def refused(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """Why a request isn't done."""
    return answer({"error": reason}, status, headers)


def page(content: str) -> Response:
    """A page."""
    return Response(content, 200, HEADERS, "text/html")


# The HTTP server on the loopback address.

SHORTEST_TOKEN = 16
BACKLOG = 1024
LAST_S = 3
"""Seconds that requests get to end when the server is stopped."""


def token_of_server() -> str:
    """The token of the environment variable, else a random one."""
    token = os.environ.get(TOKEN) or new_token()
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"Expected a token of at least {SHORTEST_TOKEN} letters, digits or signs in {TOKEN}, got {len(token)} "
            "characters. Make one with: python -c 'import secrets; print(secrets.token_urlsafe(24))'"
        )
    return token


def listen(port: int) -> socket.socket:
    """A socket on the loopback address; port 0 is any free one."""
    # asyncio sends small answers at once only where the protocol is named; else each takes 40 ms.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((LOOPBACK, port))
        found.listen(BACKLOG)  # from now on requests wait, though nothing answers yet
    except OSError as error:
        found.close()
        raise ConfigError(
            f"Expected a free port, got {port}: {error.strerror}. Pass another `port`, or 0 for any free one."
        ) from None
    return found


def http_server(app: ASGIApp) -> uvicorn.Server:
    """A server whose `run(sockets=[...])` answers requests until a signal ends it, which is raised again afterwards."""
    config = uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", access_log=False, log_config=None, server_header=False,
        backlog=BACKLOG, timeout_graceful_shutdown=LAST_S,
    )  # fmt: skip
    return uvicorn.Server(config)


# Parameters of a request's address, checked against their description.

Value = str | float | bool
TRUTHS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}


def query_values(given: Mapping[str, str], described: Sequence[Json]) -> dict[str, Value]:
    """The parameters of an address by name, those that aren't given with their defaults.

    Parameters
    ----------
    given : mapping
        Texts by name. An empty text counts as not given, except for numbers.
    described : sequence of mapping
        The parameters as the OpenAPI document describes them: name and JSON schema.

    Raises
    ------
    ConfigError
        If a name is unknown, or a value isn't one of its schema.

    Examples
    --------
    >>> wait = {"name": "wait", "schema": {"type": "number", "minimum": 0, "maximum": 600, "default": 0}}
    >>> query_values({"wait": "60"}, [wait]), query_values({}, [wait])
    ({'wait': 60.0}, {'wait': 0})
    >>> query_values({"wiat": "60"}, [wait])
    Traceback (most recent call last):
    sciencegen.errors.ConfigError: Unknown query parameter 'wiat'. Did you mean 'wait'?
    """
    schemas = {one["name"]: one["schema"] for one in described}
    for name in given:
        if not schemas:
            raise ConfigError(f"Expected no query parameters for this path, got '{name}'. Leave it out.")
        if name not in schemas:
            raise ConfigError(str(unknown_name("query parameter", name, schemas)))
    defaults = {name: one["default"] for name, one in schemas.items() if "default" in one}
    return defaults | {
        name: _value(name, text, schemas[name])
        for name, text in given.items()
        if text or schemas[name]["type"] in ("number", "integer")
    }


def _value(name: str, text: str, schema: Json) -> Value:
    if schema["type"] in ("number", "integer"):
        return _number(name, text, schema)
    if schema["type"] == "boolean":
        if text.lower() not in TRUTHS:
            raise ConfigError(f"Expected true or false for the query parameter `{name}`, got '{text}'.")
        return TRUTHS[text.lower()]
    if text not in schema.get("enum", (text,)):
        known = ", ".join(schema["enum"])
        raise ConfigError(f"Expected one of {known} for the query parameter `{name}`, got '{text}'.")
    return text


def _number(name: str, text: str, schema: Json) -> float:
    low, high, whole = schema["minimum"], schema["maximum"], schema["type"] == "integer"
    with suppress(ValueError):
        if low <= (value := int(text) if whole else float(text)) <= high:
            return value
    kind = "an integer" if whole else "a number"
    raise ConfigError(f"Expected {kind} from {low} to {high} for the query parameter `{name}`, got '{text}'.")


LARGEST_BODY = 16 * 2**20
"""Bytes of parameters."""
LARGEST_UPLOAD = 16 * 2**30
MOST_LISTED = 1000


async def _on_error(request: Request, error: Exception) -> Response:
    statuses = ((NotFound, 404), (Conflict, 409), (BudgetSpent, 429), (ConfigError, 400), (DataError, 400))
    return refused(next((one for kind, one in statuses if isinstance(error, kind)), 500), str(error))


async def _on_system(request: Request, error: Exception) -> Response:
    """What the system refuses is the request's fault, unless the disk is full or broken."""
    assert isinstance(error, OSError)
    return refused(507 if error.errno in NOT_A_CLIENTS else 400, refusal_of(error))


async def _on_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refused(error.status_code, f"Expected a path of GET /openapi.json, got {request.method} {request.url.path}.")


def application(service: Service, token: str, address: str) -> Starlette:
    """The server's application.

    Parameters
    ----------
    service : Service
    token : str
        What requests need.
    address : str
        Of the server, for examples.
    """
    document = openapi_document(service.verbs, __version__)
    description, handlers = openapi_page(document, address), Handlers(service)
    routes = [
        Route("/", lambda request: page(description)),
        Route("/openapi.json", lambda request: answer(document)),
        _route("/status", handlers.status),
        _route("/verbs", handlers.verbs),
        _route(VERB_PATH, handlers.schema),
        _route(VERB_PATH, handlers.call, "POST"),
        _route("/jobs", handlers.jobs),
        _route("/jobs/{id}", handlers.job),
        _route("/jobs/{id}/cancel", handlers.cancel, "POST"),
        _route("/jobs/{id}/restart", handlers.restart, "POST"),
        _route("/jobs/{id}/log", handlers.log),
        _route("/jobs/{id}/rows", handlers.rows),
        _route("/files", handlers.files),
        _route("/files/{path}", handlers.file),
        _route("/files/{path}", handlers.upload, "PUT"),
    ]
    errors: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
        SciencegenError: _on_error, OSError: _on_system, HTTPException: _on_status, Exception: _on_error
    }  # fmt: skip
    return Starlette(routes=routes, middleware=[Middleware(partial(Guard, token=token))], exception_handlers=errors)


def _route(path: str, handler: Callable[[Request], Response | Awaitable[Response]], method: str = "GET") -> Route:
    """A route whose handler finds the checked parameters of the address in `request.state.query`.

    Handlers that aren't coroutines run in threads.
    """
    described = described_queries(method, path)

    async def checked(request: Request) -> Response:
        request.state.query = query_values(request.query_params, described)
        if iscoroutinefunction(handler):
            return await handler(request)
        return await run_in_threadpool(handler, request)  # type: ignore[arg-type]

    return Route(path.replace("{path}", "{path:path}"), checked, methods=[method])


class Handlers:
    """Answers to requests, whose parameters of the address were checked before."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def status(self, request: Request) -> Response:
        """What the server is and has."""
        jobs, service = self.service.jobs, self.service
        return answer(
            {
                "version": __version__, "folder": str(service.folder), "left": jobs.left(),
                "allowed": [str(one) for one in service.boundary.allowed],
                "programs": [*service.programs.commands, *service.programs.functions],
                "jobs": {state: len(jobs.ids(state)) for state in STATES},
            }
        )  # fmt: skip

    def verbs(self, request: Request) -> Response:
        return answer([{"verb": one.name, "summary": one.summary} for one in self.service.verbs.values()])

    def schema(self, request: Request) -> Response:
        return answer(self.service.verb(request.path_params["verb"]).schema())

    async def call(self, request: Request) -> Response:
        """Make a job, or say what it would do."""
        verb, given = request.path_params["verb"], await _parameters(request)
        dry_run, query = take_dry_run(given), request.state.query
        if dry_run or query["dry_run"]:
            return answer(await run_in_threadpool(self.service.dry_run, verb, given))
        key = request.headers.get("idempotency-key", "")
        job = await run_in_threadpool(self.service.submit, verb, given, key)
        return await self._waited(request, job.id, query["wait"], {"Location": f"/jobs/{job.id}"})

    async def job(self, request: Request) -> Response:
        return await self._waited(request, request.path_params["id"], request.state.query["wait"])

    async def _waited(
        self, request: Request, id: str, seconds: float, headers: dict[str, str] | None = None
    ) -> Response:
        """The job when it has ended, or after so many seconds: 202 if it goes on."""
        last = asyncio.get_running_loop().time() + seconds
        while self.service.jobs.is_active(id) and asyncio.get_running_loop().time() < last:
            await asyncio.sleep(0.05)
            if await request.is_disconnected():
                break
        found = await run_in_threadpool(self.service.describe, id)
        return answer(found, 202 if found["state"] in ACTIVE else 200, headers)

    def jobs(self, request: Request) -> Response:
        """Jobs, newest first."""
        query, jobs = request.state.query, self.service.jobs
        limit, before = query["limit"], query.get("before")
        ids = [id for id in jobs.ids(query.get("state", "")) if before is None or id < before]
        shown = [jobs.job(id) for id in ids[:limit]]
        names = ("id", "verb", "state", "created", "ended", "seconds", "output", "error")
        rows = [{name: vars(job)[name] for name in names} for job in shown]
        return answer({"jobs": rows, "before": shown[-1].id if shown and len(ids) > limit else None})

    def cancel(self, request: Request) -> Response:
        self.service.jobs.cancel(request.path_params["id"], "It was cancelled.")
        return answer(self.service.describe(request.path_params["id"]))

    def restart(self, request: Request) -> Response:
        self.service.jobs.restart(request.path_params["id"])
        return answer(self.service.describe(request.path_params["id"]), 202)

    def log(self, request: Request) -> Response:
        text = self.service.log(request.path_params["id"])
        return Response(text, 200, HEADERS, "text/plain")

    def rows(self, request: Request) -> Response:
        query = request.state.query
        rows = self.service.rows(request.path_params["id"], query["start"], query["limit"], query.get("file", ""))
        return answer(rows)

    def files(self, request: Request) -> Response:
        """Files in the server's folder or in one of it."""
        given = request.state.query.get("below", ".")
        below = self.service.boundary.inside(given, "below")
        if not below.is_dir():
            raise NotFound(f"Expected a folder at {given}, found {found_at(below)}. List its files without `below`.")
        folder, closed = self.service.folder, self.service.folder / RECORDS
        found = sorted(one for one in files_below(below) if not one.is_relative_to(closed) and one.name[0] != ".")
        rows: list[Json] = [
            {"path": path_for_clients(one, folder), "bytes": one.stat().st_size} for one in found[:MOST_LISTED]
        ]
        return answer({"files": rows, "more": len(found) > MOST_LISTED})

    def file(self, request: Request) -> Response:
        path = self.service.file(request.path_params["path"])
        return FileResponse(path, headers=HEADERS, media_type="application/octet-stream", filename=path.name)

    async def upload(self, request: Request) -> Response:
        """Write the body into a file, atomically: a client that is cut off leaves nothing."""
        path = self.service.place(request.path_params["path"], request.state.query["force"])
        only_new, size = _is_only_new(request), 0
        if only_new and path.exists():
            return _exists(path)
        try:
            with atomic_write(path, "wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > LARGEST_UPLOAD:
                        raise DataError(f"Expected at most {LARGEST_UPLOAD:,} bytes, got more.")
                    await run_in_threadpool(file.write, chunk)
                if only_new and path.exists():
                    raise FileExistsError
        except FileExistsError:
            if only_new and path.exists():
                return _exists(path)
            raise  # a folder of the path is a file
        except ClientDisconnect:
            return refused(400, "Expected the whole file, the connection was closed before its end.")
        return answer({"path": path_for_clients(path, self.service.folder), "bytes": size}, 201)


def _is_only_new(request: Request) -> bool:
    """Whether an upload may replace nothing."""
    given = request.headers.get("if-none-match", "*")
    if given.strip() != "*":
        raise ConfigError(f"Expected 'If-None-Match: *' for an upload, got '{given}'. Leave it out to replace a file.")
    return "if-none-match" in request.headers


def _exists(path: Path) -> Response:
    return refused(412, f"Expected no file of the name {path.name}, found one. Leave If-None-Match out to replace it.")


async def _parameters(request: Request) -> dict[str, Any]:
    """The body of a request; a form of another page can't send its type."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ConfigError(f"Expected the header 'Content-Type: application/json', got '{kind}'. With curl, use --json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise ConfigError(
                f"Expected at most {LARGEST_BODY:,} bytes of parameters, got more. Upload a file (PUT /files/PATH)."
            )
    try:
        found = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"Expected a JSON object, got another text: {error}.") from None
    if not isinstance(found, dict):
        raise ConfigError(f"Expected a JSON object with the parameters by name, got '{str(found)[:60]}'.")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")
