"""How a chunk's message reaches a worker. Messages carry ids, never payloads; the only file that knows Celery.

Messages may be lost or repeated: chunks are claimed and their rows stored once, and ``recovery.py`` sends
again what is missing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from celery import Celery
from kombu.entity import Queue as BrokerQueue
from kombu.exceptions import OperationalError

from digitmill.domain import QueueName
from digitmill.errors import StorageUnavailable

RUN_CHUNK = "digitmill.run_chunk"
"""Name of the one task: ``run_chunk(job_id: str, chunk: int)``."""


class Queue(ABC):
    @abstractmethod
    def send(self, queue: QueueName, job_id: str, chunk: int) -> None:
        """Ask some worker to run this chunk. Raises StorageUnavailable when the broker does not answer."""

    @abstractmethod
    def depth(self, queue: QueueName) -> int:
        """Messages that no worker has taken yet."""


class MemoryQueue(Queue):
    """Keeps messages in this process; ``take`` hands them out, interactive ones first."""

    def __init__(self) -> None:
        self._waiting: dict[QueueName, deque[tuple[str, int]]] = {name: deque() for name in QueueName}

    def send(self, queue: QueueName, job_id: str, chunk: int) -> None:
        self._waiting[queue].append((job_id, chunk))

    def depth(self, queue: QueueName) -> int:
        return len(self._waiting[queue])

    def take(self) -> tuple[str, int] | None:
        for name in QueueName:
            if self._waiting[name]:
                return self._waiting[name].popleft()
        return None


class CeleryQueue(Queue):
    """Sends by task name, so that the web process needs no code of the worker."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def send(self, queue: QueueName, job_id: str, chunk: int) -> None:
        try:
            self._app.send_task(RUN_CHUNK, args=(job_id, chunk), queue=queue.value, ignore_result=True)
        except OperationalError as error:
            raise StorageUnavailable("The message broker does not answer; try again in a moment.") from error

    def depth(self, queue: QueueName) -> int:
        try:
            with self._app.connection_for_read() as connection:
                return int(connection.default_channel.client.llen(queue.value))
        except (OperationalError, OSError) as error:
            raise StorageUnavailable("The message broker does not answer; try again in a moment.") from error


def celery_app(broker_url: str) -> Celery:
    """The Celery application of web and worker, not connected yet and without tasks."""
    app = Celery("digitmill", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_queues=[BrokerQueue(name.value) for name in QueueName],  # type: ignore[no-untyped-call]
        task_default_queue=QueueName.BULK.value,
        # late and one at a time: a worker that stops hands back what it has not begun
        task_acks_late=True,
        task_acks_on_failure_or_timeout=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_send_task_events=False,
        task_publish_retry_policy={"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2},
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            # redelivery is not how lost chunks come back (the sweep is): this only tidies up after it
            "visibility_timeout": 600,
            "unacked_restore_interval": 60,
            "queue_order_strategy": "priority",
            "socket_connect_timeout": 5,
            "socket_timeout": 10,
            "health_check_interval": 15,
        },
    )
    return app
