"""One child of the worker: after the fork it opens its own connections and loads the model, once."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import threading
import time
from functools import partial
from importlib.util import find_spec
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any

import cv2
import structlog

from digitmill.domain.roles import Role
from digitmill.errors import CannotStart, DigitmillError, StorageUnavailable
from digitmill.results.writing import Writing
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.upkeep import WorkerInfo
from digitmill.work.loading import Models, Turn
from digitmill.work.taking import Watchdog, Work
from worker.consumer_watchdog import ConsumerWatchdog, end_parent
from worker.niceness import give_way
from worker.senders import Senders
from worker.turns import MachineTurn

LOADING = Path("cache", "loading.lock")
"""Under VAR: who may load a model."""
LOADING_SECONDS = 600.0
BEAT_SECONDS = 5.0
LONGEST_PAUSE = 30.0
"""Between tries of a child to come up, in seconds; the first is of one, and each is twice the one before."""
PATIENCE_SECONDS = 900.0
"""So long a child waits for a storage that does not answer: less than Celery gives it to come up (``app.py``)."""
NEEDED_TO_TRAIN = ("tensorflow", "training")
NO_TENSORFLOW = (
    "This worker is to train (DIGITMILL_WORKER_ROLE=trainer), and TensorFlow is not installed here. Run `pip install "
    "'digitmill[train]'`, or set DIGITMILL_WORKER_ROLE to reader."
)

_log = structlog.get_logger(__name__)


class ProcessWatchdog(Watchdog):
    """Ends this process, with a traceback in the log, even when it is stuck in C code that never returns."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def kick(self) -> None:
        faulthandler.dump_traceback_later(self._seconds, exit=True)

    def stop(self) -> None:
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
        self.consumer_watchdog = ConsumerWatchdog()
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
        """Whether some child could not start, or found that the consumer is stuck."""
        return self._failed.is_set()

    def start(self, **_: Any) -> None:
        """Celery's worker_process_init. A child that cannot work stops the whole worker, which says why."""
        try:
            self._open_patiently()
        except DigitmillError as error:
            if self._stopping.value:
                os._exit(0)
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
        """Wait for a storage that does not answer, until the worker is to stop. Raises StorageUnavailable."""
        end, pause = time.monotonic() + PATIENCE_SECONDS, 1.0
        while True:
            try:
                return self._open()
            except StorageUnavailable as error:
                if self._stopping.value or time.monotonic() + pause > end:
                    raise
                _log.warning("worker_waits_for_storage", reason=error.detail, seconds=pause)
            self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _sleep(self, seconds: float) -> None:
        """Less where the worker is to stop."""
        end = time.monotonic() + seconds
        while not self._stopping.value and time.monotonic() < end:
            time.sleep(min(1.0, seconds))

    def _open(self) -> None:
        # imported here, in the child: a parent that has loaded TensorFlow hangs its children
        from worker.loading import loaded  # noqa: PLC0415

        # the processes of a worker share the cores already: OpenCV's threads would only wait for each other
        cv2.setNumThreads(1)
        role = self._settings.worker_role
        service = Service.open(self._settings)
        writing = Writing(self._settings, service.store.webhooks, service.results, service.webhooks, service.measures)
        self._senders = Senders(writing.deliver, service.store.webhooks.owner_of)
        models = Models(partial(loaded, self._settings, service.registry))
        turn = MachineTurn(self._settings.var / LOADING)
        info = self._with_default(service, models, turn) if role is Role.READER else self._with_none()
        self._work = service.work(
            models,
            ProcessWatchdog(self._settings.image_seconds),
            turn,
            stopping=lambda: bool(self._stopping.value),
            role=role,
        )
        service.store.upkeep.beat([info], role)
        threading.Thread(target=_beat, args=(service, info, role), daemon=True).start()
        threading.Thread(target=_keep_leases, args=(self._work, self._settings.lease_seconds), daemon=True).start()
        self.consumer_watchdog.watch(partial(_some_wait, service, role), self._end_worker)
        _log.info(
            "worker_process_ready",
            role=role,
            engine=info.engine,
            device=info.device,
            precision=info.precision,
            model=info.model,
        )

    def _with_default(self, service: Service, models: Models[Any], turn: Turn) -> WorkerInfo:
        """A reader has the default model in memory before it says that it is there. Raises ModelError."""
        default = service.registry.default()
        # who has waited for so long goes on without
        turn.take(LOADING_SECONDS)
        try:
            engine = models.get(default.reference).engine
        finally:
            turn.give()
        return WorkerInfo(self._name, engine.name, engine.device, engine.precision, default.label)

    def _with_none(self) -> WorkerInfo:
        """A trainer. Raises CannotStart where it could not train."""
        if not all(map(find_spec, NEEDED_TO_TRAIN)):
            raise CannotStart(NO_TENSORFLOW)
        # what is trained has time, and images that wait have not
        give_way(self._settings.training_niceness)
        return WorkerInfo(self._name, "keras", self._settings.device, "f32", "")

    @property
    def _name(self) -> str:
        return f"{self.host}/{os.getpid()}"


def _beat(service: Service, info: WorkerInfo, role: Role) -> None:
    """Say again and again that this process lives, and hand in its figures: a store that came up empty has never heard
    of it."""
    while True:
        time.sleep(BEAT_SECONDS)
        try:
            service.store.upkeep.beat([info], role)
            service.measures.hand_in()
        except StorageUnavailable as error:
            _log.warning("beat_failed", reason=error.detail)


def _keep_leases(work: Work, lease: float) -> None:
    """An image may take longer than a lease, a page of a form on a busy machine say. A process that is stuck in one is
    ended by its watchdog, and its leases with it."""
    while True:
        time.sleep(lease / 3)
        try:
            work.keep_leases()
        except StorageUnavailable as error:
            _log.warning("leases_not_kept", reason=error.detail)


def _some_wait(service: Service, role: Role) -> bool:
    """Whether something waits; then a wakeup is under way. Raises StorageUnavailable, also where Redis is full."""
    if not any(service.store.chunks.waiting(role).values()):
        return False
    service.queue.wake(role)
    return True
