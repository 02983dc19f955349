"""The worker's parent sweeps for stuck jobs, on the timer of Celery's event loop: it forks, so it has no threads."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog
from celery import bootsteps

from digitmill.errors import StorageUnavailable
from digitmill.service import Service
from digitmill.settings import Settings

_log = structlog.get_logger(__name__)


def housekeeping_step(settings: Settings, service: Service) -> type[bootsteps.StartStopStep]:
    """A step of Celery's consumer that sweeps on the event loop's timer."""

    class HousekeepingStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
        requires = {"celery.worker.consumer.tasks:Tasks"}

        def __init__(self, consumer: Any, **kwargs: Any) -> None:
            super().__init__(consumer, **kwargs)
            self._timer: Any = None

        def start(self, consumer: Any) -> None:
            self._timer = consumer.timer.call_repeatedly(settings.sweep_seconds, partial(_sweep, service))

        def stop(self, _: Any) -> None:
            if self._timer is not None:
                self._timer.cancel()

    return HousekeepingStep


def _sweep(service: Service) -> None:
    try:
        service.recovery.sweep()
    except StorageUnavailable as error:
        # the next round will tell; Celery itself notices a broker that is gone
        _log.warning("housekeeping_failed", what="sweep", reason=error.detail)
