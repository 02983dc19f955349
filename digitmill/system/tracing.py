"""Traces for OpenTelemetry: what was done for a job, from the request that sent it to the rows of its chunks, whichever
processes did it. Spans go to a collector by OTLP over HTTP, as JSON; no library is needed for that.

Nothing is noted unless ``DIGITMILL_TRACES_URL`` is set. A job's record names the span of the request that sent it
(``traceparent`` of W3C Trace Context), and by that the workers' spans belong to the same trace: wakeups name no job.
Spans hold ids and numbers, never names of files or what images show. What a collector does not take is lost.
"""

from __future__ import annotations

import json
import os
import queue
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Self
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import structlog

from digitmill import __version__
from digitmill.settings import Settings

MOST_WAITING = 10_000
MOST_AT_ONCE = 500
PAUSE_SECONDS = 0.5
"""Spans are gathered for so long before they are sent."""
ANSWER_SECONDS = 5.0
PATH = "/v1/traces"
FAILED = 2
"""The status of a span that failed."""

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_log = structlog.get_logger(__name__)
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


class SpanKind(IntEnum):
    """Of a span, as OTLP numbers them."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


@dataclass(slots=True)
class Span:
    """A piece of work: ids in hex, times in seconds since 1970; ``parent_id`` is empty where a trace begins."""

    name: str
    kind: SpanKind
    trace_id: str
    parent_id: str
    started_at: float
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    ended_at: float = 0.0
    failed: bool = False
    attributes: dict[str, str | int | bool] = field(default_factory=dict)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"

    @classmethod
    def begin(cls, name: str, kind: SpanKind, parent: str | None, started_at: float | None = None) -> Self:
        """Below ``parent``, a ``traceparent``, or at the head of a new trace."""
        known = _PARENT.fullmatch(parent or "")
        trace_id, parent_id = (known[2], known[3]) if known else (secrets.token_hex(16), "")
        return cls(name, kind, trace_id, parent_id, time.time() if started_at is None else started_at)

    def document(self) -> dict[str, Any]:
        """As OTLP writes it in JSON."""
        return {
            "traceId": self.trace_id,
            "spanId": self.span_id,
            "parentSpanId": self.parent_id,
            "name": self.name,
            "kind": int(self.kind),
            "startTimeUnixNano": str(int(self.started_at * 1e9)),
            "endTimeUnixNano": str(int(self.ended_at * 1e9)),
            "attributes": _attributes(self.attributes),
            "status": {"code": FAILED} if self.failed else {},
        }


class Sender:
    """Sends spans from a thread of its own, which begins with the first span of a process: forks have none."""

    def __init__(self, url: str, program: str) -> None:
        self._url = url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}{PATH}"
        self._program = program
        self._opener = build_opener(ProxyHandler({}))
        self._process: int | None = None
        self._lock = threading.Lock()
        self._waiting: queue.Queue[Span] = queue.Queue(MOST_WAITING)

    def send(self, span: Span) -> None:
        """Soon; a span more than ``MOST_WAITING`` is lost."""
        if self._process != os.getpid():
            self._start()
        try:
            self._waiting.put_nowait(span)
        except queue.Full:
            _log.warning("traces_lost", reason="They come faster than the collector takes them.")

    def _start(self) -> None:
        with self._lock:
            if self._process == os.getpid():
                return
            self._waiting = queue.Queue(MOST_WAITING)
            threading.Thread(target=self._run, args=(self._waiting,), daemon=True).start()
            self._process = os.getpid()

    def _run(self, waiting: queue.Queue[Span]) -> None:
        while True:
            spans = [waiting.get()]
            time.sleep(PAUSE_SECONDS)
            while len(spans) < MOST_AT_ONCE and not waiting.empty():
                spans.append(waiting.get())
            self._post(spans)

    def _post(self, spans: Sequence[Span]) -> None:
        resource = {"service.name": f"digitmill-{self._program}", "service.version": __version__}
        scope = {"scope": {"name": "digitmill"}, "spans": [span.document() for span in spans]}
        document = {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}
        body = json.dumps(document, separators=(",", ":")).encode()
        try:
            # the address is the administrator's, and settings take none but of HTTP
            request = Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310
            with self._opener.open(request, timeout=ANSWER_SECONDS):
                pass
        except (URLError, OSError, ValueError) as error:
            _log.warning("traces_lost", spans=len(spans), reason=str(error))


_sender: Sender | None = None


def configure_tracing(settings: Settings, program: str) -> None:
    """Let this process, and those that it forks, send spans, if the settings say where to. Call once, at its start."""
    global _sender
    _sender = None if settings.traces_url is None else Sender(settings.traces_url, program)


def on() -> bool:
    return _sender is not None


def current() -> str | None:
    """The ``traceparent`` of what is being done here; None where nothing is traced."""
    return _current.get()


def sampled(parent: str | None) -> bool:
    """Whether a caller who sends this ``traceparent`` has nothing against a trace."""
    known = _PARENT.fullmatch(parent or "")
    return known is None or bool(int(known[4], 16) & 1)


def enter(span: Span | None) -> None:
    """What is begun here from now on belongs to this span; None: to nothing."""
    _current.set(None if span is None else span.traceparent)


def end(span: Span, at: float | None = None) -> None:
    span.ended_at = time.time() if at is None else at
    if _sender is not None:
        _sender.send(span)


@contextmanager
def part(name: str, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[None]:
    """A part of what is traced here; nothing where that is nothing."""
    parent = current()
    if _sender is None or parent is None:
        yield
        return
    span = Span.begin(name, kind, parent)
    try:
        yield
    except BaseException:
        span.failed = True
        raise
    finally:
        end(span)


def _attributes(named: Mapping[str, str | int | bool]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in named.items()]


def _value(value: str | int | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
