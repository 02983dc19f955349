"""How answers leave, where gunicorn's own way would not do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

SHORT_BYTES = 64 << 10


def sending(application: Any) -> Any:
    """WSGI middleware under gunicorn: head and body of a short answer leave in one piece, and ``Connection: close`` is
    heeded.

    Gunicorn sends the head first, and so wakes the client twice. It drops ``Connection: close`` from an answer, so it
    is told in its own way. Answers that do not tell their length leave as they come.
    """

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response = start_response.__self__
        short = False

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal short
            if ("Connection", "close") in headers:
                response.force_close()
            short = any(name == "Content-Length" and int(value) <= SHORT_BYTES for name, value in headers)
            return start_response(status, headers, exc_info)

        body: Iterable[bytes] = application(environ, start)
        # a file is sent by the kernel, and gunicorn knows it by its type
        return Together(response, body) if short and not isinstance(body, environ["wsgi.file_wrapper"]) else body

    return answer


class Together:
    """The body of an answer, which gathers what gunicorn sends of head and body until it is closed."""

    def __init__(self, response: Any, body: Iterable[bytes]) -> None:
        self._response = response
        self._body = body
        self._connection, response.sock = response.sock, self
        self._pieces: list[bytes] = []

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def sendall(self, data: bytes) -> None:
        """In the place of the socket's."""
        self._pieces.append(data)

    def close(self) -> None:
        self._response.sock = self._connection
        try:
            self._connection.sendall(b"".join(self._pieces))
        finally:
            if hasattr(self._body, "close"):
                self._body.close()
