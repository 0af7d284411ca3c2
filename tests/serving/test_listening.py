"""Ports and tokens."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("uvicorn", reason="needs sciencegen[serve]")

from sciencegen.errors import ConfigError
from sciencegen.serving.http import listen, token_of_server
from sciencegen.serving.records import TOKEN


def test_small_answers_are_sent_at_once():
    """asyncio turns the wait for more data off where the protocol of a connection is named."""
    with listen(0) as place, socket.create_connection(place.getsockname()) as ours:
        theirs, _ = place.accept()
        with theirs:
            assert (theirs.proto, ours.proto) == (socket.IPPROTO_TCP, socket.IPPROTO_TCP)


def test_a_taken_port_is_refused():
    with listen(0) as first:
        assert first.getsockname()[0] == "127.0.0.1"
        with pytest.raises(ConfigError, match="Expected a free port"):
            listen(first.getsockname()[1])


def test_tokens_are_random_or_the_users(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)
    assert token_of_server() != token_of_server()
    assert len(token_of_server()) >= 32
    monkeypatch.setenv(TOKEN, "x" * 20)
    assert token_of_server() == "x" * 20


@pytest.mark.parametrize("token", ["short", "with a space in its middle", "é" * 20, "line\n" * 5])
def test_weak_tokens_are_refused(monkeypatch, token):
    monkeypatch.setenv(TOKEN, token)
    with pytest.raises(ConfigError, match="Expected a token of at least 16"):
        token_of_server()
