"""The Celery application of the worker: its tasks, its processes, its housekeeping."""

from __future__ import annotations

import os
import socket

from celery import Celery, signals

from digitmill.domain.roles import Role
from digitmill.queue import LISTENED_TO, celery_app
from digitmill.service import Service
from digitmill.settings import Settings
from worker.consumer import Consumer
from worker.housekeeping import housekeeping_step
from worker.pool import Pool
from worker.process import WorkerProcess
from worker.purge import BackgroundPurge
from worker.tasks import register_tasks

CHILD_START_SECONDS = 1200
"""A child loads its model before it says that it is up, after others of its machine; Celery's own limit of 4 s would
kill it."""


def build(settings: Settings) -> Celery:
    """The application, not running yet; loads no deep-learning framework, because children are forked from it.

    Raises:
        SettingsError: no Redis is named.
    """
    app = celery_app(settings.broker)
    role = settings.worker_role
    app.conf.update(
        worker_concurrency=settings.worker_concurrency if role is Role.READER else settings.trainings_at_once,
        # RabbitMQ hangs up on who keeps a message for half an hour, and a training takes longer
        task_acks_late=role is Role.READER,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        # a broker that refuses a command ends no worker, nor does one that is away for hours
        broker_channel_error_retry=True,
        broker_connection_max_retries=None,
        worker_proc_alive_timeout=CHILD_START_SECONDS,
    )
    process = WorkerProcess(settings, host=f"{socket.gethostname()}:{os.getpid()}")
    purge = BackgroundPurge(settings)
    register_tasks(app, process)
    # Celery holds signal handlers weakly; the application outlives them all
    app.worker_process, app.purge = process, purge
    signals.worker_process_init.connect(process.start)
    signals.worker_process_init.connect(purge.start)
    signals.worker_shutting_down.connect(process.stop)
    signals.task_prerun.connect(process.consumer_watchdog.begin)
    signals.task_postrun.connect(process.consumer_watchdog.end)
    app.steps["consumer"].add(housekeeping_step(settings, Service.open(settings)))
    return app


def run(app: Celery, settings: Settings) -> int:
    """Work until a signal says stop; the exit status of Celery's worker."""
    worker = app.Worker(
        pool=Pool,
        consumer_cls=Consumer,
        queues=LISTENED_TO[settings.worker_role],
        hostname=f"digitmill@{socket.gethostname()}-{os.getpid()}",
        loglevel=settings.log_level.upper(),
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return 1 if app.worker_process.failed else int(worker.exitcode or 0)
