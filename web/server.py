"""Gunicorn, set up for Digitmill: threads for requests that wait, an orderly stop, errors as problems."""

from __future__ import annotations

import gc
import logging
import os
import select
import shutil
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker
from prometheus_client.multiprocess import mark_process_dead

from digitmill.service import Service
from digitmill.settings import Settings
from web.app import create_app
from web.connection import linger
from web.context import EXTENSION
from web.errors import problem_document
from web.metrics import SHARED_FOLDER
from web.upload import BLOCK_BYTES

SILENCE_SECONDS = 60.0
"""A client that neither sends nor takes a byte for so long is given up."""
HEAD_SECONDS = 5
"""So long may a client pause within the head of a request, which a thread waits for."""
FAREWELL_SECONDS = 2.0
GRACE_SECONDS = 30
"""How long requests at hand may take to end when the server stops."""
KEEP_ALIVE_SECONDS = 15
STAY_MILLISECONDS = 20
"""So long a thread waits for the next request of a client that it has just answered."""
FAST_FOLDER = Path("/dev/shm")  # noqa: S108 (gunicorn makes its own file there)

MakeApp = Callable[[], Flask]


def run(settings: Settings, make_app: MakeApp | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Each process makes its own application, after the fork."""
    Server(settings, make_app or (lambda: create_app(Service.open(settings)))).run()


class Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, make_app: MakeApp) -> None:
        self._settings = settings
        self._make_app = make_app
        super().__init__()

    def load_config(self) -> None:
        for name, value in options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = self._make_app()
        app.wsgi_app = closing(app.wsgi_app)  # type: ignore[method-assign]
        return app


def options(settings: Settings) -> dict[str, Any]:
    """Gunicorn's settings, whose own files and environment variables are not read."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        "proc_name": "digitmill-web",
        "worker_class": Worker,
        "logger_class": PlainLogger,
        "workers": settings.web_processes,
        "threads": settings.web_threads,
        "worker_connections": max(1000, 4 * settings.web_threads),
        "timeout": 60,
        "graceful_timeout": GRACE_SECONDS,
        "keepalive": KEEP_ALIVE_SECONDS,
        "limit_request_line": 8190,
        "limit_request_fields": 64,
        "limit_request_field_size": 16380,
        "worker_tmp_dir": str(FAST_FOLDER) if FAST_FOLDER.is_dir() else None,
        "control_socket_disable": True,
        "post_worker_init": settle_memory,
        "pre_request": bound_reading,
        "child_exit": forget_metrics,
        "on_exit": remove_metrics,
    }


def settle_memory(worker: Any) -> None:  # noqa: ARG001
    """Gunicorn's hook when a process has its application: no collection need look at what is there for good."""
    gc.collect()
    gc.freeze()


def bound_reading(worker: ThreadWorker, request: Any) -> None:  # noqa: ARG001
    """Gunicorn's hook before a request: no thread waits for ever for a client that has fallen silent.

    Nor is a body read further ahead than we ask for: gunicorn copies all that it has ahead at every read.
    """
    request.unreader.sock.settimeout(SILENCE_SECONDS)
    request.unreader.max_body_chunk = BLOCK_BYTES


def forget_metrics(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Gunicorn's hook after a process ended."""
    if SHARED_FOLDER in os.environ:
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def remove_metrics(server: Any) -> None:  # noqa: ARG001
    """Gunicorn's hook at the end of the parent process."""
    if SHARED_FOLDER in os.environ:
        shutil.rmtree(os.environ[SHARED_FOLDER], ignore_errors=True)


def closing(application: Any) -> Any:
    """WSGI middleware: gunicorn drops ``Connection: close`` from an answer, so it is told in its own way."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if ("Connection", "close") in headers:
                start_response.__self__.force_close()
            return start_response(status, headers, exc_info)

        return application(environ, start)  # type: ignore[no-any-return]

    return answer


class Worker(ThreadWorker):  # type: ignore[misc]
    def handle_exit(self, sig: int, frame: Any) -> None:
        """Let waiting requests answer now, so that the process can end."""
        self.wsgi.extensions[EXTENSION].waiting.closing = True
        super().handle_exit(sig, frame)

    def handle(self, conn: Any) -> Any:
        """Serve what comes on a connection next, in one of the threads, and what follows at once."""
        stays = self._serve(conn)
        while stays is True and self._goes_on(conn):
            stays = self._serve(conn)
        if not stays:
            # gunicorn would do so in its main thread, where each such client holds up all others for seconds
            linger(conn.sock, FAREWELL_SECONDS)
        return stays

    def _serve(self, conn: Any) -> Any:
        # log lines carry the id of the request that the thread works on, not of the one before
        structlog.contextvars.clear_contextvars()
        # gunicorn itself reads the head without a time limit; seconds and microseconds, as the kernel has them
        conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", HEAD_SECONDS, 0))
        return super().handle(conn)

    def _goes_on(self, conn: Any) -> bool:
        """Whether the client asks on at once, while no other waits for a thread.

        To wait for it here spares the way through gunicorn's main thread, a third of what a small request costs.
        """
        if not self.alive or self.tpool._work_queue.qsize() or conn.parser.unreader.buf.getvalue():
            return False
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(STAY_MILLISECONDS))

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer what is no HTTP request as a problem too."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status, reason = _refusal(exc)
        self.log.info("no HTTP request: %s", exc)
        body = problem_document(status, "bad_request", f"This is no request that the server can read: {reason}.")
        head = (
            f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\n\r\n"
        )
        client.sendall(head.encode("latin-1") + body)


def _refusal(error: ParseException) -> tuple[int, str]:
    if isinstance(error, LimitRequestLine):
        return 414, "URI Too Long"
    if isinstance(error, LimitRequestHeaders):
        return 431, "Request Header Fields Too Large"
    return 400, "Bad Request"


class PlainLogger(Logger):  # type: ignore[misc]
    """Gunicorn's log lines go the way of all others; requests are logged by the application."""

    def setup(self, cfg: Config) -> None:
        self.cfg = cfg
        self.loglevel = logging.getLogger().level
        self.error_log.propagate = True
        self.error_log.setLevel(logging.NOTSET)
        self.access_log.disabled = True

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """A client that fell silent is no fault of the server's."""
        if isinstance(sys.exc_info()[1], (TimeoutError, BlockingIOError)):
            self.debug("gave up a silent client")
        else:
            super().exception(msg, *args, **kwargs)
