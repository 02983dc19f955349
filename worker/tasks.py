"""The tasks that messages name. Each is a thin wrapper: what it does is in ``digitmill/work.py``."""

from __future__ import annotations

from celery import Celery

from digitmill.queue import RUN_CHUNK
from worker.process import WorkerProcess


def register_tasks(app: Celery, process: WorkerProcess) -> None:
    def run_chunk(job_id: str, chunk: int) -> None:
        process.work.run_chunk(job_id, chunk)

    app.task(run_chunk, name=RUN_CHUNK)
