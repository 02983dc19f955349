"""Log lines: one event with its fields, as text for people or as JSON for machines. Never image content, names of
files or secrets."""

from __future__ import annotations

import io
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

import structlog

from digitmill.settings import Settings

AUDIT = "digitmill.audit"
"""The logger of audit lines."""

_audit = structlog.get_logger(AUDIT)

REFUSED = "refused"
AT_WILL = frozenset({"connection_refused"})
"""Events that strangers can cause as often as they like."""
MOST_OF_KIND = 50
SAMPLE_SECONDS = 10.0
MOST_KINDS = 1000
MOST_OF_FIELD = 1000
"""Characters of one field of a line."""
MOST_OF_TRACEBACK = 20_000
MOST_OF_LINE = 200_000
"""Characters of one line, whatever its fields hold."""

_CHATTY = ("celery.worker.strategy", "celery.app.trace")


def audit(action: str, *, key: str | None, key_name: str | None, client: str | None, **what: str) -> None:
    """Leave the line ``audit``: who (id and name of the key) did what, from where. A request's id stands beside."""
    _audit.info("audit", action=action, key=key, key_name=key_name, client=client, **what)


def configure_logging(settings: Settings) -> None:
    """Send all log lines of this process, those of libraries too, to standard error. Call once, at its start."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        # first of all, so that a line which nobody sees costs nothing
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, _bound_fields, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [_on_one_line, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_traceback)]
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # who did what is told at any level
    logging.getLogger(AUDIT).setLevel(logging.INFO)
    for name in _CHATTY:
        # a line or two for every message: only when somebody looks for trouble
        logging.getLogger(name).setLevel(logging.DEBUG if settings.log_level == "debug" else logging.WARNING)
    # of a damaged image its row tells, and a line for each of its tags would fill the log
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


class Sampler:
    """Lets some lines of a kind through in a while, and counts the others on the next that passes, as ``left_out``.

    Warnings, errors, and what strangers can cause at will, are sampled; what callers do with a key is told in full.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}

    def admits(self, record: logging.LogRecord) -> bool:
        event = record.msg if isinstance(record.msg, dict) else {}
        kind = (record.name, str(event.get("event", record.msg))[:MOST_OF_FIELD])
        if record.levelno < logging.WARNING and not (event.get("action") == REFUSED or kind[1] in AT_WILL):
            return True
        now = self._clock()
        with self._lock:
            began, count = self._kinds.get(kind, (now, 0))
            left_out = max(0, count - MOST_OF_KIND)
            if now - began >= SAMPLE_SECONDS:
                began, count = now, 0
            if len(self._kinds) >= MOST_KINDS:
                self._kinds.clear()
            self._kinds[kind] = began, count + 1
        if count == 0 and left_out and event:
            event["left_out"] = left_out
        return count < MOST_OF_KIND


class _Handler(logging.StreamHandler[TextIO]):
    """Renders a line before it takes its turn to write: else all threads that log would wait for each other's."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._sampler = Sampler()

    def filter(self, record: logging.LogRecord) -> bool:
        passes = super().filter(record) and self._sampler.admits(record)
        if passes:
            record.rendered = _bounded(super().format(record), MOST_OF_LINE)
        return passes

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's own name)
        """A line that cannot be written, as on a full disk, is lost: whoever logs goes on."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        return str(record.__dict__["rendered"])


def _on_one_line(
    _: structlog.typing.WrappedLogger, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Written out, not sent: what callers send must neither begin a line of its own nor speak to the terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _bounded(_visible(_bounded(value)))
    return event


def _bound_fields(
    _: structlog.typing.WrappedLogger, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _bounded(value, MOST_OF_TRACEBACK if name == "exception" else MOST_OF_FIELD)
    return event


def _bounded(text: str, most: int = MOST_OF_FIELD) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= most:
        return text
    return f"{text[: most - most // 4]}… {len(text) - most:,} left out …{text[len(text) - most // 4 :]}"


def _traceback(out: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """Indented, so that no line of it looks like an event; without local variables, which may hold secrets."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write("\n".join(f"    {_visible(line)}" for line in _bounded(text.getvalue(), MOST_OF_TRACEBACK).splitlines()))


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "backslashreplace").decode()
        for letter in text
    )
