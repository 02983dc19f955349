"""A service that answers from a script, over real HTTP, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

JsonDocument = dict[str, Any]


@dataclass
class Answer:
    """``body`` is sent as JSON, or as it is where it is bytes. ``cut`` closes the connection so many bytes
    into it; 0 closes it without an answer.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    framed: bool = True

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class ScriptedService:
    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self._scripts: dict[tuple[str, str], list[Answer]] = {}

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """The answers to this call, in turn; the last one is given from then on."""
        self._scripts[method, path] = list(answers)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        script = self._scripts.get((asked.method, asked.path))
        if script is None:
            return problem(404, "not_found", f"There is no {asked.path}.")
        return script.pop(0) if len(script) > 1 else script[0]

    def calls(self, method: str, path: str) -> list[Asked]:
        return [asked for asked in self.asked if (asked.method, asked.path) == (method, path)]


def _handler(service: ScriptedService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_call(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = service.answer(Asked(self.command, url.path, parse_qs(url.query), headers, body))
            self.close_connection = answer.cut is not None or not answer.framed
            if answer.cut == 0:
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.framed and answer.status != 304:
                self.send_header("Content-Length", str(len(answer.data)))
            self.end_headers()
            if answer.status != 304:
                self.wfile.write(answer.data[: answer.cut])

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one_call  # noqa: N815 (their names)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
            pass

    return Handler


@contextmanager
def scripted_service() -> Iterator[ScriptedService]:
    service = ScriptedService("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def problem(status: int, code: str, detail: str, **more: Any) -> Answer:
    document = {"type": "about:blank", "title": code, "status": status, "detail": detail, "code": code, **more}
    return Answer(document, status, {"Content-Type": "application/problem+json"})


def job_document(state: str = "completed", *, total: int = 3, done: int | None = None, **more: Any) -> JsonDocument:
    done = total if done is None else done
    counts = {"total": total, "done": done, "recognized": done, "review": 0, "blank": 0, "failed": 0, "skipped": 0}
    return {
        "id": "job1",
        "state": state,
        "created_at": "2026-01-02T03:04:05Z",
        "started_at": None,
        "finished_at": None,
        "expires_at": None,
        "counts": counts | more.pop("counts", {}),
        "progress": done / total if total else 1.0,
        "model": {"name": "digits", "version": "1", "sha256": "ab"},
        "options": {},
        "metadata": {},
        "error": None,
        "links": {"self": "/v1/jobs/job1"},
        **more,
    }


def row_document(index: int, **more: Any) -> JsonDocument:
    return {
        "index": index,
        "name": f"{index}.png",
        "status": "recognized",
        "prediction": "7",
        "confidence": 0.9987,
        "alternatives": [{"prediction": "1", "confidence": 0.001}],
        "error": None,
        "correction": None,
        **more,
    }


def ndjson(*rows: JsonDocument) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
