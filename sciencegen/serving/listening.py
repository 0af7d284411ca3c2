"""The HTTP server on the loopback address."""

from __future__ import annotations

import os
import socket

import uvicorn
from starlette.types import ASGIApp

from sciencegen.browser.access import LOOPBACK, new_token
from sciencegen.errors import ConfigError
from sciencegen.serving.records import TOKEN

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
