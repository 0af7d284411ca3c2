"""Who may ask a server on the loopback address.

A web page of others that a browser of this computer shows can send requests to local servers, also under a name that it
lets point to 127.0.0.1 (DNS rebinding). So requests with another `Host` or `Origin` are refused, and each needs a
random token.
"""

from __future__ import annotations

import secrets

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
