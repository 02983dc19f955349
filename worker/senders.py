"""Threads that deliver events, so that a slow receiver does not keep this process from reading images."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from digitmill.errors import DigitmillError

THREADS = 4
MOST_WAITING = 500

_log = structlog.get_logger(__name__)


class Senders:
    """``deliver`` makes one attempt at an event. Threads start with the first event, and end with the process."""

    def __init__(self, deliver: Callable[[str], object]) -> None:
        self._deliver = deliver
        self._waiting: queue.Queue[str] = queue.Queue(MOST_WAITING)
        self._started = False

    def send(self, event: str) -> None:
        """Have the event delivered soon. Past ``MOST_WAITING`` it is left: it stays due, and the sweep asks again."""
        if not self._started:
            self._started = True
            for _ in range(THREADS):
                threading.Thread(target=self._run, daemon=True).start()
        with suppress(queue.Full):
            self._waiting.put_nowait(event)

    def _run(self) -> None:
        while True:
            event = self._waiting.get()
            try:
                self._deliver(event)
            except DigitmillError as error:
                _log.warning("webhook_not_tried", due=event, reason=error.detail)
            except Exception:  # noqa: BLE001
                # the thread must outlive whatever is wrong with one event, whose lease ends by itself
                _log.exception("webhook_not_tried", due=event)
