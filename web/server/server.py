"""Gunicorn, set up for Digitmill: threads for requests that wait, an orderly stop, errors as problems."""

from __future__ import annotations

import gc
import logging
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker
from prometheus_client.multiprocess import mark_process_dead

from digitmill.settings import Settings
from web.app import create_app, open_service
from web.bodies.upload import BLOCK_BYTES
from web.context import EXTENSION
from web.errors import problem_document
from web.server.bounded import BoundedSocket
from web.server.front import FrontWorker
from web.server.in_memory import folder_in_memory
from web.server.proxies import Proxies
from web.server.shared_metrics import VARIABLE, remove_shared_metrics
from web.server.stream import RESPONSE

GRACE_SECONDS = 30
"""How long requests at hand may take to end when the server stops."""
KEEP_ALIVE_SECONDS = 15
MOST_FILES = 65536

MakeApp = Callable[[], Flask]

_log = structlog.get_logger(__name__)


def run(settings: Settings, make_app: MakeApp | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Each process makes its own application, after the fork."""
    Server(settings, make_app or (lambda: create_app(open_service(settings)))).run()


class Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, make_app: MakeApp) -> None:
        self.settings = settings
        self._make_app = make_app
        super().__init__()

    def load_config(self) -> None:
        for name, value in options(self.settings).items():
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
        "worker_connections": max(1000, 4 * settings.web_threads) + settings.web_streams,
        "timeout": 60,
        "graceful_timeout": GRACE_SECONDS,
        "keepalive": KEEP_ALIVE_SECONDS,
        # whose X-Forwarded-Proto is believed; of loopback, anybody's, since it was so before there was a setting
        "forwarded_allow_ips": ",".join(["127.0.0.1", "::1", *map(str, settings.trusted_networks)]),
        "forwarder_headers": "",
        "limit_request_line": 8190,
        "limit_request_fields": 64,
        "limit_request_field_size": 16380,
        "worker_tmp_dir": folder_in_memory(),
        "control_socket_disable": True,
        "post_worker_init": settle_memory,
        # it waits for clients in a way of its own
        "sendfile": False,
        "pre_request": bound_reading,
        "child_exit": forget_metrics,
        "on_exit": remove_metrics,
    }


def settle_memory(worker: Any) -> None:  # noqa: ARG001
    """Gunicorn's hook when a process has its application: no collection need look at what is there for good."""
    gc.collect()
    gc.freeze()


def bound_reading(worker: ThreadWorker, request: Any) -> None:  # noqa: ARG001
    """Gunicorn's hook before a request: no body is read further ahead than we ask for.

    Gunicorn copies all that it has ahead at every read.
    """
    request.unreader.max_body_chunk = BLOCK_BYTES
    sock = request.unreader.sock
    if isinstance(sock, BoundedSocket) and request._expected_100_continue:
        request._expected_100_continue, sock.owes_go_on = False, True


def forget_metrics(server: Any, worker: Any) -> None:  # noqa: ARG001
    """Gunicorn's hook after a process ended."""
    if VARIABLE in os.environ:
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def remove_metrics(server: Any) -> None:  # noqa: ARG001
    """Gunicorn's hook at the end of the parent process."""
    remove_shared_metrics()


def closing(application: Any) -> Any:
    """WSGI middleware: gunicorn drops ``Connection: close`` from an answer, so it is told in its own way. Streams are
    shown its response."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[RESPONSE] = start_response.__self__

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if ("Connection", "close") in headers:
                start_response.__self__.force_close()
            return start_response(status, headers, exc_info)

        return application(environ, start)  # type: ignore[no-any-return]

    return answer


class Worker(FrontWorker):
    def init_process(self) -> None:
        self.most_per_address = self.app.settings.connections_per_address
        self.proxies = Proxies(self.app.settings.trusted_networks)
        raise_file_limit()
        super().init_process()

    def refused(self, reason: str) -> None:
        self.wsgi.extensions[EXTENSION].metrics.refuse(reason)
        _log.info("connection_refused", reason=reason)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Let waiting requests answer now, so that the process can end."""
        self.wsgi.extensions[EXTENSION].waiting.closing = True
        self.wsgi.extensions[EXTENSION].streams.close()
        super().handle_exit(sig, frame)

    def handle(self, conn: Any) -> Any:
        """Serve what comes on a connection next, in one of the threads, and what follows at once."""
        stays = self._serve(conn)
        while stays is True and self._goes_on(conn):
            stays = self._serve(conn)
        return stays

    def _serve(self, conn: Any) -> Any:
        # log lines carry the id of the request that the thread works on, not of the one before
        structlog.contextvars.clear_contextvars()
        self.begin_request(conn)
        return super().handle(conn)

    def _goes_on(self, conn: Any) -> bool:
        """Whether the client asks on at once, while no other waits for a thread.

        To wait for it here spares the way through gunicorn's main thread, a third of what a small request costs.
        """
        return self.alive and conn.sock.waits and not self.tpool._work_queue.qsize() and self.comes_next(conn)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer what is no HTTP request as a problem too."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status, reason = _refusal(exc)
        self.refused("no_http_request")
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


def raise_file_limit() -> None:
    """Let this process have as many connections as it may: systems give it 1,024 files, and more for the asking."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


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
