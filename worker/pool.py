"""Celery's pool of processes, but for what it makes of a child that dies while the worker starts."""

from __future__ import annotations

from celery.concurrency import prefork


class Pool(prefork.TaskPool):  # type: ignore[misc]  # Celery has no types
    """A child is replaced whenever it dies, also while the worker still waits for its broker."""

    def did_start_ok(self) -> bool:
        """Always: Celery would end the whole worker. A child that cannot work stops it by itself (``process.py``)."""
        return True
