"""A page in a browser: its files, as one file that needs no server, and a server on the same computer.

The server listens on the loopback address only, and serves only addresses that begin with a random token, to requests
that don't come from another origin. The token isn't passed on (`Referrer-Policy`).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import secrets
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.items import Json

# Who may ask a server on the loopback address.
#
# A web page of others that a browser of this computer shows can send requests to local servers, also under a name
# that it lets point to 127.0.0.1 (DNS rebinding). So requests with another `Host` or `Origin` are refused, and each
# needs a random token.

LOOPBACK = "127.0.0.1"
FIXED_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of every answer: it is kept nowhere, framed nowhere, and read by no page of another origin."""


def new_token() -> str:
    """A random token of 192 bits."""
    return secrets.token_urlsafe(24)


def is_foreign(port: int, host: str, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a request comes from a page of another origin, or was sent to another name than the server's.

    Parameters
    ----------
    port : int
        The server's.
    host, origin, fetch_site : str, optional
        The headers `Host`, `Origin` and `Sec-Fetch-Site`. Browsers send the last two, other programs rarely do.

    Examples
    --------
    >>> is_foreign(80, "127.0.0.1:80", None, None), is_foreign(80, "127.0.0.1:80", "http://evil.example", None)
    (False, True)
    """
    if host not in {f"{name}:{port}" for name in (LOOPBACK, "localhost")}:
        return True
    return origin not in (None, f"http://{host}") or fetch_site not in (None, "none", "same-origin")


def same_token(given: str, token: str) -> bool:
    """Whether a token is the server's; the time that this takes doesn't say how much of it is right."""
    return secrets.compare_digest(given.encode(errors="surrogateescape"), token.encode())


LARGEST_BODY = 64 * 2**20
"""Bytes of a request."""
IDLE_S = 60.0
"""Seconds after which a connection without requests is closed."""
JSON = "application/json"

EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
PAGE_POLICY = (
    f"default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' {EMPTY_STYLE}; "
    "img-src 'self' data: blob:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing from elsewhere is loaded and nothing is sent elsewhere. regl compiles its draw calls by `Function`, which is
'unsafe-eval'; regl-scatterplot makes an empty <style>, and builds its spatial index in a worker from a blob."""
OTHER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
"""Of everything that isn't the page: an SVG picture opened alone runs nothing."""


@dataclass(frozen=True)
class Answer:
    """The answer to a request.

    Parameters
    ----------
    content : bytes
    kind : str
        Its media type.
    file : str
        The name under which the browser saves it, "" to show it.
    """

    content: bytes
    kind: str = JSON
    file: str = ""


def json_answer(value: object) -> Answer:
    """A value as JSON; numbers must be finite."""
    return Answer(json.dumps(value, allow_nan=False).encode())


class NoSuchPath(SciencegenError):
    """The site has nothing at this path."""


Handler = Callable[[bytes], Answer]


@dataclass(frozen=True)
class Site:
    """What a server shows.

    Parameters
    ----------
    pages : mapping
        Path below the token -> the answer to GET.
    calls : mapping
        Path -> a function from the body of a POST with JSON to the answer.
    find : (path) -> Answer, optional
        Answers GET of other paths; raises `NoSuchPath`.
    """

    pages: Mapping[str, Answer]
    calls: Mapping[str, Handler] = field(default_factory=dict)
    find: Callable[[str], Answer] | None = None


# The files of the page.

LIBRARY = "regl-scatterplot.min.js"
"""Lekschas 2023, doi:10.21105/joss.05275; version 1.16.0 with what it needs, bundled by esbuild; MIT and ISC
(regl-scatterplot-LICENSES.txt)."""
SCRIPTS = (LIBRARY, "data.js", "grid.js", "map.js", "item.js", "panels.js", "main.js")
STYLE = "page.css"


@cache
def _text(name: str) -> str:
    return (files("sciencegen.browser") / "page" / name).read_text(encoding="utf-8")


def _page(title: str, head: str, scripts: str) -> str:
    """The page. head, scripts: markup."""
    from jinja2 import Template
    from markupsafe import Markup

    page = Template(_text("page.html"), autoescape=True, keep_trailing_newline=True)
    return page.render(title=title, head=Markup(head), scripts=Markup(scripts))


def live_pages(title: str) -> dict[str, Answer]:
    """The page and its files, by path, for a server."""
    scripts = "\n".join(f'<script src="{name}" defer></script>' for name in SCRIPTS)
    page = _page(title, f'<link rel="stylesheet" href="{STYLE}">', scripts)
    return {
        "": Answer(page.encode(), "text/html; charset=utf-8"),
        STYLE: Answer(_text(STYLE).encode(), "text/css; charset=utf-8"),
        **{name: Answer(_text(name).encode(), "text/javascript; charset=utf-8") for name in SCRIPTS},
    }


def offline_page(title: str, data: Json) -> str:
    """The page as one file with its data.

    Parameters
    ----------
    title : str
    data : mapping
        `description`; `points`, `columns`: arrays by `packed`; `texts`, `names`, and `pictures` as `data:` addresses by
        the item's number.
    """
    content = gzip.compress(json.dumps(data, allow_nan=False).encode(), 6, mtime=0)
    scripts = [_text(name).replace("</script", "<\\/script") for name in SCRIPTS]
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    hashes = " ".join(f"'sha256-{digest}'" for digest in digests)
    policy = (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "worker-src blob:; base-uri 'none'; form-action 'none'"
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{_text(STYLE)}</style>'
    embedded = f'<script type="text/plain" id="embedded">{base64.b64encode(content).decode()}</script>'
    return _page(title, head, "\n".join([embedded, *(f"<script>{text}</script>" for text in scripts)]))


# The server.


class LocalServer:
    """Serves a site on the loopback address until it is closed.

    Parameters
    ----------
    site : Site
    port : int
        0 for any free one.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> from threading import Thread
    >>> from sciencegen.browser.server import Answer, LocalServer, Site
    >>> with LocalServer(Site({"": Answer(b"hello", "text/plain")})) as server:
    ...     Thread(target=server.serve, daemon=True).start()
    ...     urlopen(server.address).read()
    b'hello'
    """

    def __init__(self, site: Site, port: int = 0) -> None:
        self.token = new_token()
        handler = type("_Handler", (_Handler,), {"site": site, "token": self.token})
        try:
            self._server = _Server((LOOPBACK, port), handler)
        except OverflowError:
            raise ConfigError(f"Expected a port from 0 to 65535, got {port}.") from None
        except OSError as error:
            raise ConfigError(
                f"Expected a free port, got {port}: {error.strerror}. Pass another `port`, or 0 for any free one."
            ) from None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """The page's address, with the token."""
        return f"http://{LOOPBACK}:{self.port}/{self.token}/"

    def serve(self) -> None:
        """Answer requests until `close` is called by another thread, or a signal raises an exception here."""
        self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """Stop listening; open connections are dropped with the process."""
        self._server.shutdown_if_serving()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._serving = False
        super().__init__(address, handler)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        self._serving = True
        try:
            super().serve_forever(poll_interval)
        finally:
            self._serving = False

    def shutdown_if_serving(self) -> None:
        if self._serving:
            self.shutdown()

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that closes a connection early is no error."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


class _Handler(BaseHTTPRequestHandler):
    site: Site
    token: str
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sciencegen", ""
    timeout = IDLE_S
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if (path := self._allowed_path()) is not None:
            self._give(lambda: self._found(path))

    def do_POST(self) -> None:
        if (path := self._allowed_path()) is None:
            return
        body = self._body()
        call = self.site.calls.get(path)
        if body is None:
            return
        if call is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"nothing at '{path}'")
            return
        self._give(lambda: call(body))

    def _found(self, path: str) -> Answer:
        if path in self.site.pages:
            return self.site.pages[path]
        if self.site.find is None:
            raise NoSuchPath(f"nothing at '{path}'")
        return self.site.find(path)

    def _allowed_path(self) -> str | None:
        """The path below the token; None if the request was refused."""
        port = int(self.server.server_address[1])  # type: ignore[index, arg-type]
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        if is_foreign(port, host, origin, self.headers.get("Sec-Fetch-Site")):
            self._refuse(HTTPStatus.FORBIDDEN, "this page answers its own address only")
            return None
        first, _, path = unquote(urlsplit(self.path).path).removeprefix("/").partition("/")
        if not same_token(first, self.token):
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that the command printed, with its token")
            return None
        return path

    def _body(self) -> bytes | None:
        """The JSON text of a request; None if it was refused. A form of another page can't send this type."""
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != JSON:
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected {JSON}")
            return None
        if not re.fullmatch(r"[0-9]{1,12}", length) or int(length) > LARGEST_BODY:  # more digits may be no int
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {LARGEST_BODY} bytes")
            return None
        return self.rfile.read(int(length))

    def _give(self, make: Callable[[], Answer]) -> None:
        try:
            answer = make()
        except NoSuchPath as error:
            self._refuse(HTTPStatus.NOT_FOUND, str(error))
        except SciencegenError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except Exception as error:  # one failed request must not end the others; the page shows its name
            traceback.print_exc()
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")
        else:
            self._send(HTTPStatus.OK, answer)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Send the reason."""
        self.close_connection = True  # what is left of the request is not read
        self._send(status, json_answer({"error": reason}))

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        self.send_response(status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.content)))
        is_page = answer.kind.startswith("text/html")
        self.send_header("Content-Security-Policy", PAGE_POLICY if is_page else OTHER_POLICY)
        for name, value in FIXED_HEADERS.items():
            self.send_header(name, value)
        if answer.file:
            self.send_header("Content-Disposition", f'attachment; filename="{answer.file}"')
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:
        """No line for each request."""
