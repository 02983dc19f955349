"""Clients that fall silent: within a body, or while they are answered."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from web.server import bound_reading


def test_a_client_that_falls_silent_within_a_body_or_takes_no_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.server.SILENCE_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        bound_reading(None, SimpleNamespace(unreader=SimpleNamespace(sock=ours)))
        theirs.sendall(b"part")
        assert ours.recv(100) == b"part"
        with pytest.raises(BlockingIOError):
            ours.recv(100)
        with pytest.raises(BlockingIOError):
            ours.sendall(bytes(64 << 20))
