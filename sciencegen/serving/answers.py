"""Answers of the HTTP server, and who gets one."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sciencegen.browser.access import FIXED_HEADERS, is_foreign, same_token

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
