"""Threads that deliver events, so that a slow receiver keeps neither this process from reading images nor the events of
other owners."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

import structlog

from digitmill.errors import DigitmillError

THREADS = 8
MOST_OF_OWNER = 4
"""Threads that the events of one owner may have at a time, however slow their receivers are."""
MOST_WAITING = 500
"""Of one owner."""

_log = structlog.get_logger(__name__)


class Senders:
    """``deliver`` makes one attempt at an event, ``owner_of`` tells whose it is. Owners have their turns one after the
    other. Threads start with the first event, and end with the process."""

    def __init__(self, deliver: Callable[[str], object], owner_of: Callable[[str], str]) -> None:
        self._deliver = deliver
        self._owner_of = owner_of
        self._waiting: dict[str, deque[str]] = {}
        self._at_work: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._started = False

    def send(self, event: str) -> None:
        """Have the event delivered soon. Where its owner cannot be told, or past ``MOST_WAITING``, it is left: it stays
        due, and the sweep asks again."""
        try:
            owner = self._owner_of(event)
        except DigitmillError as error:
            _not_tried(event, error)
            return
        if not self._started:
            self._started = True
            for _ in range(THREADS):
                threading.Thread(target=self._run, daemon=True).start()
        with self._changed:
            waiting = self._waiting.setdefault(owner, deque())
            if len(waiting) < MOST_WAITING:
                waiting.append(event)
                self._changed.notify()

    def _run(self) -> None:
        while True:
            owner, event = self._taken()
            try:
                self._deliver(event)
            except DigitmillError as error:
                _not_tried(event, error)
            except Exception:  # noqa: BLE001
                # the thread must outlive whatever is wrong with one event, whose lease ends by itself
                _log.exception("webhook_not_tried", due=event)
            finally:
                self._let_go(owner)

    def _taken(self) -> tuple[str, str]:
        """The next event, and its owner, who then comes after all others."""
        with self._changed:
            while (owner := self._next_owner()) is None:
                self._changed.wait()
            waiting = self._waiting.pop(owner)
            event = waiting.popleft()
            if waiting:
                self._waiting[owner] = waiting
            self._at_work[owner] += 1
            return owner, event

    def _next_owner(self) -> str | None:
        return next((owner for owner in self._waiting if self._at_work[owner] < MOST_OF_OWNER), None)

    def _let_go(self, owner: str) -> None:
        with self._changed:
            self._at_work[owner] -= 1
            if not self._at_work[owner]:
                del self._at_work[owner]
            self._changed.notify()


def _not_tried(event: str, error: DigitmillError) -> None:
    _log.warning("webhook_not_tried", due=event, reason=error.detail)
