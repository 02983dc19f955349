"""How gunicorn reads a body for us, and how long for."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import SocketUnreader

from web.server import bound_reading
from web.upload import BLOCK_BYTES


class _Socket:
    """One whose client sends as fast as it is read."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def recv(self, size: int) -> bytes:
        self.asked.append(size)
        return bytes(size)


def test_a_body_is_read_no_further_ahead_than_a_block() -> None:
    connection = _Socket()
    unreader = SocketUnreader(connection)
    bound_reading(cast(Any, None), SimpleNamespace(unreader=unreader))
    body = Body(LengthReader(unreader, 8 * BLOCK_BYTES))
    assert [len(body.read(BLOCK_BYTES)) for _ in range(8)] == [BLOCK_BYTES] * 8
    assert body.read(BLOCK_BYTES) == b""
    assert connection.asked == [BLOCK_BYTES] * 8


def test_a_client_that_falls_silent_within_a_body_or_takes_no_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.server.SILENCE_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        bound_reading(None, SimpleNamespace(unreader=SimpleNamespace(sock=ours)))
        theirs.sendall(b"part")
        assert ours.recv(100) == b"part"
        with pytest.raises(TimeoutError):
            ours.recv(100)
        with pytest.raises(TimeoutError):
            ours.sendall(bytes(64 << 20))
