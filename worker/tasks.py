"""The tasks that messages name. Each is a thin wrapper: what it does is in ``digitmill/work/taking.py``
and ``digitmill/webhooks``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from celery import Celery

from digitmill.errors import StorageUnavailable
from digitmill.queue import DELIVER_EVENT, EARLIER_WAKEUPS, WAKEUP
from worker.process import WorkerProcess

_log = structlog.get_logger(__name__)


def register_tasks(app: Celery, process: WorkerProcess) -> None:
    def wakeup(*_: object) -> None:
        with _storage_may_fail():
            process.work.run()

    def deliver_event(event: str) -> None:
        process.senders.send(event)

    for name in (WAKEUP, *EARLIER_WAKEUPS):
        app.task(wakeup, name=name)
    app.task(deliver_event, name=DELIVER_EVENT)


@contextmanager
def _storage_may_fail() -> Iterator[None]:
    """The sweep gives out again what is not done: a line in the log will do, where Celery would print a traceback."""
    try:
        yield
    except StorageUnavailable as error:
        _log.warning("storage_failed_midway", reason=error.detail)
