"""How gunicorn reads a body for us, and how long for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import SocketUnreader

from web.bodies.upload import BLOCK_BYTES
from web.server.bounded import BoundedSocket, Bounds
from web.server.front import FrontWorker
from web.server.incoming import HEAD_BYTES, Incoming
from web.server.server import bound_reading


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
    monkeypatch.setattr("web.server.bounded.FIRST_CREDIT_SECONDS", 0.2)
    monkeypatch.setattr("web.server.bounded.MOST_CREDIT_SECONDS", 0.2)
    refused: list[str] = []
    accepted, theirs = socket.socketpair()
    with BoundedSocket(accepted, Bounds(8, refused.append)) as ours, theirs:
        theirs.sendall(b"part")
        assert ours.recv(100) == b"part"
        with pytest.raises(TimeoutError):
            ours.recv(100)
        with pytest.raises(TimeoutError):
            ours.sendall(bytes(64 << 20))
    assert refused == ["slow_body", "slow_answer"]


def test_who_sends_or_takes_a_byte_in_a_while_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.server.bounded.FIRST_CREDIT_SECONDS", 0.5)
    accepted, theirs = socket.socketpair()
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.05):
            theirs.sendall(b"a")

    thread = threading.Thread(target=trickle)
    with BoundedSocket(accepted, Bounds(8, lambda _: None)) as ours, theirs:
        thread.start()
        try:
            with pytest.raises(TimeoutError):
                b"".join(iter(lambda: ours.recv(1), b""))
        finally:
            stop.set()
            thread.join()


def visit(sends: Sequence[bytes], *, ends: bool = False) -> tuple[bool, bytes]:
    """Whether a client's next request comes in time, sent in so many pieces, and what of it came."""
    accepted, theirs = socket.socketpair()
    with BoundedSocket(accepted, Bounds(8, lambda _: None)) as ours, theirs:
        guest = SimpleNamespace(sock=ours, incoming=Incoming(), parser=SimpleNamespace(unreader=SocketUnreader(ours)))

        def send() -> None:
            for piece in sends:
                theirs.sendall(piece)
                time.sleep(0.05)
            if ends:
                theirs.shutdown(socket.SHUT_WR)

        client = threading.Thread(target=send)
        client.start()
        came = FrontWorker.comes_next(cast(Any, guest))
        client.join()
        return came, bytes(guest.incoming.data)


POST = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n"


def test_a_request_whose_body_follows_its_head_stays_with_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.server.front.STAY_SECONDS", 60.0)
    assert visit([POST + b"\r\n", b"body"]) == (True, POST + b"\r\nbody")
    assert visit([POST[:9], POST[9:] + b"\r\nbo", b"dy"]) == (True, POST + b"\r\nbody")


def test_a_thread_is_not_kept_by_who_leaves_and_begins_for_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.server.front.STAY_SECONDS", 60.0)
    assert visit([POST], ends=True) == (False, POST)
    expecting = POST + b"Expect: 100-continue\r\n\r\n"
    assert visit([expecting]) == (True, expecting)
    assert not visit([b"GET /" + b"a" * HEAD_BYTES])[0]
