"""The connection behind a request: whether the client is still there, and how to part from one that still sends.

A server that answers before it has read the body, and then closes, makes the kernel reset the connection; the
client may never see the answer. So the answer is sent, our side is closed, and what still comes is thrown away
for a while (RFC 9112, section 9.6).
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import Flask, Response, g, request

SERVER_DRAINS_BYTES = 64 << 10
"""What gunicorn itself reads away of a body that nobody wanted, to keep the connection."""
LINGER_BYTES = 64 << 20
LINGER_SECONDS = 10.0
BLOCK_BYTES = 256 << 10


def client_gone(environ: Mapping[str, Any]) -> bool:
    """Whether the client has hung up. False under a server that does not show its socket."""
    connection: socket.socket | None = environ.get("gunicorn.socket")
    if connection is None:
        return False
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    try:
        # readable means more bytes (another request) or the end
        return bool(poll.poll(0)) and not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


def init_connection(app: Flask) -> None:
    """Part politely from clients whose body was not read to its end."""

    @app.after_request
    def part(response: Response) -> Response:
        if g.get("body_read", False) or not _much_unread():
            return response
        response.headers["Connection"] = "close"
        connection: socket.socket | None = request.environ.get("gunicorn.socket")
        if connection is not None:
            response.call_on_close(lambda: linger(connection, LINGER_SECONDS))
        return response


def _much_unread() -> bool:
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return True
    return (request.content_length or 0) > SERVER_DRAINS_BYTES


def linger(connection: socket.socket, seconds: float) -> None:
    """Close our side, and read away what the client still sends, until it closes too or for so long."""
    deadline = time.monotonic() + seconds
    received = 0
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while received < LINGER_BYTES and (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            block = connection.recv(BLOCK_BYTES)
            if not block:
                break
            received += len(block)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
