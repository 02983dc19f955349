"""The Celery application of the worker: its tasks, its processes, its housekeeping."""

from __future__ import annotations

import os
import socket

from celery import Celery, signals
from kombu.transport import TRANSPORT_ALIASES

from digitmill.queue import celery_app
from digitmill.service import Service
from digitmill.settings import Settings
from worker.clearing import BackgroundClearing
from worker.housekeeping import housekeeping_step
from worker.pool import Pool
from worker.process import WorkerProcess
from worker.tasks import register_tasks

CHILD_START_SECONDS = 1200
"""A child loads its model before it says that it is up, after others of its machine; Celery's own limit of 4 s would
kill it."""

TRANSPORT = "digitmill"


def build(settings: Settings) -> Celery:
    """The application, not running yet; loads no deep-learning framework, because children are forked from it.

    Raises:
        SettingsError: no Redis is named.
    """
    # by a name, because the address of a socket takes no path of a class
    TRANSPORT_ALIASES[TRANSPORT] = "worker.broker:Transport"
    app = celery_app(settings.redis, TRANSPORT)
    app.conf.update(
        worker_concurrency=settings.worker_concurrency,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        # a broker that refuses a command ends no worker, nor does one that is away for hours
        broker_channel_error_retry=True,
        broker_connection_max_retries=None,
        worker_proc_alive_timeout=CHILD_START_SECONDS,
    )
    process = WorkerProcess(settings, host=f"{socket.gethostname()}:{os.getpid()}")
    clearing = BackgroundClearing(settings)
    register_tasks(app, process)
    # Celery holds signal handlers weakly; the application outlives them all
    app.worker_process, app.clearing = process, clearing
    signals.worker_process_init.connect(process.start)
    signals.worker_process_init.connect(clearing.start)
    signals.worker_shutting_down.connect(process.stop)
    signals.task_prerun.connect(process.hearing.begin)
    signals.task_postrun.connect(process.hearing.end)
    app.steps["consumer"].add(housekeeping_step(settings, Service.open(settings), process.host))
    return app


def run(app: Celery, settings: Settings) -> int:
    """Work until a signal says stop; the exit status of Celery's worker."""
    worker = app.Worker(
        pool=Pool,
        hostname=f"digitmill@{socket.gethostname()}-{os.getpid()}",
        loglevel=settings.log_level.upper(),
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return 1 if app.worker_process.failed else int(worker.exitcode or 0)
