"""The connection behind a request: whether the client is still there, and whether it can serve another request."""

from __future__ import annotations

import select
import socket
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, g, request

from web.server.bounded import BoundedSocket

SERVER_DRAINS_BYTES = 64 << 10
"""What gunicorn itself reads away of a body that nobody wanted, to keep the connection."""


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


def streams(environ: Mapping[str, Any]) -> None:
    """The answer holds a slot for long requests, so it may also wait for the client to take it."""
    connection = environ.get("gunicorn.socket")
    if isinstance(connection, BoundedSocket):
        connection.streams = True


def init_connection(app: Flask) -> None:
    """Close connections whose body was not read to its end."""

    @app.after_request
    def part(response: Response) -> Response:
        connection = request.environ.get("gunicorn.socket")
        bounded = connection if isinstance(connection, BoundedSocket) else None
        # whether a body follows that nobody has asked for, the client alone knows
        unasked = bounded is not None and bounded.owes_go_on
        if not unasked and (g.get("body_read", False) or not _much_unread()):
            return response
        response.headers["Connection"] = "close"
        if bounded is not None:
            bounded.known, bounded.owes_go_on = "caller" in g, False
        return response


def _much_unread() -> bool:
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return True
    return (request.content_length or 0) > SERVER_DRAINS_BYTES
