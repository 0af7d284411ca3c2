"""A server for one page: only its own address is answered, nothing stops it, and closing it leaves nothing."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sciencegen.browser.server import LARGEST_BODY, Answer, LocalServer, NoSuchPath, Site, json_answer
from sciencegen.errors import ConfigError, DataError


def find(path: str) -> Answer:
    if path.startswith("picture/"):
        return Answer(b"<svg/>", "image/svg+xml")
    raise NoSuchPath(f"nothing at '{path}'")


def refuse(body: bytes) -> Answer:
    raise DataError("Expected an item, got none.")


def fail(body: bytes) -> Answer:
    raise ZeroDivisionError("never mind")


PAGES = {"": Answer(b"<!doctype html>", "text/html; charset=utf-8"), "data": Answer(bytes(range(256)), "x/y")}
CALLS = {"echo": lambda body: json_answer(json.loads(body)), "refuse": refuse, "fail": fail}


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(Site(PAGES, CALLS, find)) as found:
        thread = threading.Thread(target=found.serve, daemon=True)
        thread.start()
        yield found
    thread.join(5)
    assert not thread.is_alive()


def ask(
    server: LocalServer, path: str, body: object = None, method: str = "", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and content of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    content = None if body is None else json.dumps(body) if not isinstance(body, bytes) else body
    sent = {"Content-Type": "application/json"} if content is not None else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method or ("GET" if content is None else "POST"), path, content, sent)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_pages_and_calls_are_answered(server):
    base = f"/{server.token}"
    assert ask(server, f"{base}/")[::2] == (200, b"<!doctype html>")
    assert ask(server, f"{base}/data")[::2] == (200, bytes(range(256)))
    assert ask(server, f"{base}/picture/3")[::2] == (200, b"<svg/>")
    assert ask(server, f"{base}/echo", {"a": 1})[::2] == (200, b'{"a": 1}')
    assert server.address == f"http://127.0.0.1:{server.port}{base}/"


@pytest.mark.parametrize("path", ["", "data", "picture/3"])
@pytest.mark.parametrize(
    "change",
    [
        {"token": "wrong"}, {"token": ""}, {"token": "../{token}"}, {"Host": "evil.example"},
        {"Host": "evil.example:{port}"}, {"Host": "127.0.0.1"}, {"Origin": "http://evil.example"}, {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"}, {"Origin": "https://127.0.0.1:{port}"}, {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)  # fmt: skip
def test_foreign_requests_are_refused(server, path, change):
    headers = {name: value.format(port=server.port, token=server.token) for name, value in change.items()}
    token = headers.pop("token", server.token)
    for body in (None, {"a": 1}):
        status, _, content = ask(server, f"/{token}/{path or 'echo'}", body, **headers)
        assert status == 403
        assert server.token.encode() not in content


def test_its_own_origin_is_answered(server):
    for host in (f"127.0.0.1:{server.port}", f"localhost:{server.port}"):
        headers = {"Host": host, "Origin": f"http://{host}", "Sec_Fetch_Site": "same-origin"}
        assert ask(server, f"/{server.token}/echo", {"a": 1}, **headers)[0] == 200


def test_nothing_else_listens(server):
    with pytest.raises(OSError, match=r"refused|unreachable"):
        socket.create_connection(("127.0.0.2", server.port), 2)


def test_each_server_has_a_token_of_its_own():
    tokens = set()
    for _ in range(20):
        with LocalServer(Site({})) as one:
            tokens.add(one.token)
    assert len(tokens) == 20
    assert min(map(len, tokens)) >= 32


def test_answers_forbid_everything_from_elsewhere(server):
    policies = []
    for path in ("", "data", "picture/3"):
        _, headers, _ = ask(server, f"/{server.token}/{path}")
        policies.append(headers["content-security-policy"])
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
    assert all(one.startswith("default-src 'none'") for one in policies)
    assert "http" not in policies[0].replace("https", "http")
    assert all("sandbox" in one and "script-src" not in one for one in policies[1:])


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("no", None, {}, 404), ("no", {}, {}, 404), ("refuse", {}, {}, 400), ("fail", {}, {}, 500),
        ("echo", b"a=1", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ("echo", b"{}", {"Content_Type": "text/plain"}, 415),
        ("echo", b"", {"Content_Length": str(LARGEST_BODY + 1)}, 413),
        ("echo", b"", {"Content_Length": "-1"}, 413),
        ("echo", b"", {"Content_Length": "9" * 5000}, 413),
    ],
)  # fmt: skip
def test_a_failed_request_has_a_reason_and_ends_nothing(server, capfd, path, body, headers, status):
    found, _, content = ask(server, f"/{server.token}/{path}", body, **headers)
    assert found == status
    assert json.loads(content)["error"]
    assert ask(server, f"/{server.token}/")[0] == 200


def test_other_methods_are_refused(server):
    for method in ("PUT", "DELETE", "OPTIONS"):
        assert ask(server, f"/{server.token}/", method=method)[0] == 501


def test_a_thousand_requests_at_once(server):
    def one(number: int) -> bool:
        path = f"/{server.token}/echo" if number % 3 else f"/wrong{number}/echo"
        status, _, content = ask(server, path, {"number": number})
        return (status, json.loads(content)) == (200, {"number": number}) if number % 3 else status == 403

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(one, range(1000)))
    assert ask(server, f"/{server.token}/")[0] == 200


def test_garbage_and_silent_connections_stop_nothing(server):
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(30)]
    for content in (b"\r\n\r\n", b"\x00\xff" * 500, b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nHost: " + b"x" * 99999):
        with socket.create_connection(("127.0.0.1", server.port)) as one:
            one.sendall(content)
    assert ask(server, f"/{server.token}/")[0] == 200
    for one in silent:
        one.close()


def test_closing_frees_the_port():
    with LocalServer(Site(PAGES)) as one:
        port = one.port
        with pytest.raises(ConfigError, match="Pass another `port`"):
            LocalServer(Site(PAGES), port)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 2).close()


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_an_error(port):
    with pytest.raises(ConfigError, match="Expected a port"):
        LocalServer(Site(PAGES), port)
