"""The tasks that messages name. Each is a thin wrapper: what it does is in ``digitmill/work.py``
and ``digitmill/webhooks``."""

from __future__ import annotations

from celery import Celery

from digitmill.queue import DELIVER_EVENT, RUN_CHUNK, RUN_WAITING
from worker.process import WorkerProcess


def register_tasks(app: Celery, process: WorkerProcess) -> None:
    def run_chunk(job_id: str, chunk: int) -> None:
        process.work.run_chunk(job_id, chunk)

    def run_waiting() -> None:
        process.work.run_waiting()

    def deliver_event(job_id: str) -> None:
        process.senders.send(job_id)

    app.task(run_chunk, name=RUN_CHUNK)
    app.task(run_waiting, name=RUN_WAITING)
    app.task(deliver_event, name=DELIVER_EVENT)
