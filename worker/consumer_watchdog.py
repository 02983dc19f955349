"""A watchdog over Celery's consumer, which may stay alive and take no message (celery#8030, celery#8091).

It runs in the children, so that it works whatever Celery's event loop in the parent is stuck in.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.sharedctypes import RawValue

import structlog

from digitmill.errors import StorageUnavailable

CHECK_SECONDS = 10.0
CHECKS = 6
"""In a row, before the consumer counts as stuck: a minute. Celery's own pauses between tries to reconnect take 30 s."""
STOP_SECONDS = 30.0

_log = structlog.get_logger(__name__)


class ConsumerWatchdog:
    """Whether any child was given a message lately. Made in the parent, before its children."""

    def __init__(self) -> None:
        # shared by all children and without a lock, which a killed one might hold: that it changes is enough
        self._activity = RawValue("Q", 0)
        self._busy = False
        self._seen = -1
        self._checks = 0

    def begin(self, **_: object) -> None:
        """Celery's task_prerun."""
        self._busy = True
        self._activity.value += 1

    def end(self, **_: object) -> None:
        """Celery's task_postrun."""
        self._activity.value += 1
        self._busy = False

    def watch(self, waiting: Callable[[], bool], end_worker: Callable[[], None]) -> None:
        """Call ``end_worker`` once the consumer is stuck, in a thread of this child.

        Args:
            waiting: tells whether something waits, after it sent a wakeup for it. May raise StorageUnavailable.
        """

        def run() -> None:
            while not self.stuck(waiting):
                time.sleep(CHECK_SECONDS)
            _log.error("consumer_is_stuck", seconds=CHECKS * CHECK_SECONDS)
            end_worker()

        threading.Thread(target=run, daemon=True).start()

    def stuck(self, waiting: Callable[[], bool]) -> bool:
        """To be asked every CHECK_SECONDS: whether work waits for long and no child has been given a message."""
        if self._busy:
            self._activity.value += 1
        idle, self._seen = self._seen == self._activity.value, self._activity.value
        self._checks = self._checks + 1 if idle and _some(waiting) else 0
        return self._checks >= CHECKS


def _some(waiting: Callable[[], bool]) -> bool:
    try:
        return waiting()
    except StorageUnavailable:
        return False


def end_parent() -> None:
    """Ask this process's parent to stop, and kill it where it does not. Its children end when they find it gone."""
    parent = os.getppid()
    os.kill(parent, signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    if os.getppid() == parent:
        os.kill(parent, signal.SIGKILL)
