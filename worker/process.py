"""One child of the worker: after the fork it opens its own connections and loads the model, once."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import time
from functools import partial
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any

import cv2
import structlog

from digitmill.domain import QueueName
from digitmill.errors import DigitmillError, StorageUnavailable
from digitmill.queue import EVENTS_QUEUE
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.base import WorkerInfo
from digitmill.work import Models, Watchdog, Work
from worker.hearing import Hearing, end_parent
from worker.senders import Senders
from worker.turns import MachineTurn

LOADING = Path("cache", "loading.lock")
"""Under VAR: who may load a model."""
LOADING_SECONDS = 600.0
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 30.0)
"""Between tries of a child to come up, in seconds."""

_log = structlog.get_logger(__name__)


class BitingWatchdog(Watchdog):
    """Ends this process, with a traceback in the log, even when it is stuck in C code that never returns."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def wind(self) -> None:
        faulthandler.dump_traceback_later(self._seconds, exit=True)

    def rest(self) -> None:
        faulthandler.cancel_dump_traceback_later()


class WorkerProcess:
    """``host`` names the parent; a child's name in the store is ``host/pid``."""

    def __init__(self, settings: Settings, host: str) -> None:
        self._settings = settings
        self._work: Work | None = None
        self._senders: Senders | None = None
        # shared by the parent, which made them before the fork, and its children
        self._failed = multiprocessing.get_context("fork").Event()
        self._stopping = RawValue("B", 0)
        self.hearing = Hearing()
        self.host = host

    @property
    def work(self) -> Work:
        if self._work is None:
            raise RuntimeError("this process was not started")
        return self._work

    @property
    def senders(self) -> Senders:
        if self._senders is None:
            raise RuntimeError("this process was not started")
        return self._senders

    @property
    def failed(self) -> bool:
        """Whether some child could not start, or found that the worker hears nothing."""
        return self._failed.is_set()

    def start(self, **_: Any) -> None:
        """Celery's worker_process_init. A child that cannot work stops the whole worker, which says why."""
        try:
            self._open_patiently()
        except DigitmillError as error:
            _log.error("worker_cannot_start", code=error.code, reason=error.detail)
            self._failed.set()
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(1)

    def stop(self, **_: Any) -> None:
        """Celery's worker_shutting_down, in the parent: its children are to finish what they have at hand."""
        self._stopping.value = 1

    def _end_worker(self) -> None:
        self._failed.set()
        end_parent()

    def _open_patiently(self) -> None:
        """A storage that does not answer is given a minute and a half: Celery gives a child three to come up."""
        for pause in PAUSES:
            try:
                return self._open()
            except StorageUnavailable as error:
                _log.warning("worker_waits_for_storage", reason=error.detail, seconds=pause)
                time.sleep(pause)
        return self._open()

    def _open(self) -> None:
        # imported here, in the child: a parent that has loaded TensorFlow hangs its children
        from worker.loading import loaded  # noqa: PLC0415

        # the processes of a worker share the cores already: OpenCV's threads would only wait for each other
        cv2.setNumThreads(1)
        service = Service.open(self._settings)
        self._senders = Senders(service.webhooks.deliver)
        default = service.registry.default()
        models = Models(partial(loaded, self._settings, service.registry))
        turn = MachineTurn(self._settings.var / LOADING)
        # who has waited for so long goes on without
        turn.take(LOADING_SECONDS)
        try:
            engine = models.get(default.reference).engine
        finally:
            turn.give()
        self._work = service.work(
            models, BitingWatchdog(self._settings.image_seconds), turn, stopping=lambda: bool(self._stopping.value)
        )
        info = WorkerInfo(
            name=f"{self.host}/{os.getpid()}",
            engine=engine.name,
            device=engine.device,
            precision=engine.precision,
            model=default.label,
        )
        service.store.beat([info])
        self.hearing.watch(lambda: any(map(service.queue.depth, (EVENTS_QUEUE, *QueueName))), self._end_worker)
        _log.info(
            "worker_process_ready",
            engine=info.engine,
            device=info.device,
            precision=info.precision,
            model=info.model,
        )
