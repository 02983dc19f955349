"""What the worker's parent does on a timer: say which children live, and sweep for stuck jobs.

It runs on the timer of Celery's own event loop, so the parent has no threads when it forks children.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery import bootsteps

from digitmill.errors import StorageUnavailable
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.base import WorkerInfo

BEAT_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Housekeeping:
    def __init__(self, service: Service, host: str) -> None:
        self._service = service
        self._host = host
        self._children: dict[str, WorkerInfo] = {}

    def beat(self, pids: set[int]) -> None:
        """Renew the entries of this worker's children that are still alive."""
        alive = {f"{self._host}/{pid}" for pid in pids}
        if alive - self._children.keys():
            heard = self._service.store.workers(within=3600)
            self._children |= {info.name: info for info in heard if info.name in alive}
        self._children = {name: info for name, info in self._children.items() if name in alive}
        self._service.store.beat(list(self._children.values()))

    def sweep(self) -> None:
        self._service.recovery.sweep()


def housekeeping_step(settings: Settings, service: Service, host: str) -> type[bootsteps.StartStopStep]:
    """A step of Celery's consumer that runs both on the event loop's timer."""

    class HousekeepingStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
        requires = {"celery.worker.consumer.tasks:Tasks"}

        def __init__(self, consumer: Any, **kwargs: Any) -> None:
            super().__init__(consumer, **kwargs)
            self._timers: list[Any] = []

        def start(self, consumer: Any) -> None:
            house = Housekeeping(service, host)

            def beat() -> None:
                _try("beat", lambda: house.beat({child.pid for child in consumer.pool._pool._pool}))

            def sweep() -> None:
                _try("sweep", house.sweep)

            self._timers = [
                consumer.timer.call_repeatedly(BEAT_SECONDS, beat),
                consumer.timer.call_repeatedly(settings.sweep_seconds, sweep),
            ]

        def stop(self, _: Any) -> None:
            for timer in self._timers:
                timer.cancel()

    return HousekeepingStep


def _try(what: str, do: Any) -> None:
    try:
        do()
    except StorageUnavailable as error:
        # the next round will tell; Celery itself notices a broker that is gone
        _log.warning("housekeeping_failed", what=what, reason=error.detail)
