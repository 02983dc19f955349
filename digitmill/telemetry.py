"""Log lines: one event with its fields, as text for people or as JSON for machines. Never image content, names of
files or secrets."""

from __future__ import annotations

import io
import logging
import sys
from typing import TextIO

import structlog

from digitmill.settings import Settings

AUDIT = "digitmill.audit"
"""The logger of audit lines."""

_audit = structlog.get_logger(AUDIT)

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
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
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


class _Handler(logging.StreamHandler[TextIO]):
    """Renders a line before it takes its turn to write: else all threads that log would wait for each other's."""

    def filter(self, record: logging.LogRecord) -> bool:
        passes = super().filter(record)
        if passes:
            record.rendered = super().format(record)
        return passes

    def format(self, record: logging.LogRecord) -> str:
        return str(record.__dict__["rendered"])


def _on_one_line(
    _: structlog.typing.WrappedLogger, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Written out, not sent: what callers send must neither begin a line of its own nor speak to the terminal."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _visible(value)
    return event


def _traceback(out: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """Indented, so that no line of it looks like an event; without local variables, which may hold secrets."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write("\n".join(f"    {_visible(line)}" for line in text.getvalue().splitlines()))


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "backslashreplace").decode()
        for letter in text
    )
