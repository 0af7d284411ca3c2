import contextlib
import functools
import http.server
import threading

import pytest

from sciencegen.data import fetch as downloads
from tests.data.word_sources import Handler


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(downloads, "RETRY_WAIT_S", 0.0)
    for name in ("SCIENCEGEN_OFFLINE", "SCIENCEGEN_PYPI", "PIP_INDEX_URL", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with _running() as running:
        yield running


@pytest.fixture
def other_server():
    with _running() as running:
        yield running


@contextlib.contextmanager
def _running():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.pages, running.redirects, running.asked, running.missing = {}, {}, [], 0
        running.shift, running.headers_of_rest, running.length = 0, {}, ""
        running.tells_length, running.etag, running.stops_at = True, "", None
        running.url = f"http://127.0.0.1:{running.server_port}"
        threading.Thread(target=functools.partial(running.serve_forever, 0.01), daemon=True).start()
        yield running
        running.shutdown()
