"""How messages reach a worker. Messages carry ids, never payloads; the only file that knows Celery.

Messages may be lost or repeated: chunks are claimed and their rows stored once, and ``recovery.py`` sends
again what is missing.
"""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit
from uuid import uuid4

from celery import Celery
from kombu.connection import Connection
from kombu.entity import Queue as BrokerQueue
from kombu.exceptions import OperationalError

from digitmill.domain import Job, QueueName
from digitmill.errors import StorageUnavailable
from digitmill.store.connection import storage_errors
from digitmill.store.redis_line import Line

RUN_CHUNK = "digitmill.run_chunk"
"""Name of a task: ``run_chunk(job_id: str, chunk: int)``."""

RUN_WAITING = "digitmill.run_waiting"
"""Name of another: ``run_waiting()``, the bell of the line."""

DELIVER_EVENT = "digitmill.deliver_event"
"""Name of the third: ``deliver_event(job_id: str)``."""

ID, BODY = "the-id-of-this-message", "the-body-of-this-message"
"""Gaps in the form of a message."""

EVENTS_QUEUE = "webhooks"
"""Workers look here first: to hand an event to a sender takes them no time."""

PAGE_MESSAGES = 500
"""About a kilobyte each: so many are read from a queue at a time."""

VISIBILITY_SECONDS = 600
RESTORE_SECONDS = 60
"""A message without a receipt for ``VISIBILITY_SECONDS`` goes back to its queue; workers look for such ones every
``RESTORE_SECONDS``. Redelivery is not how lost chunks come back (the sweep is): it only tidies up after it."""


class Queue(ABC):
    @abstractmethod
    def send(self, queue: QueueName, job_id: str, *chunks: int) -> None:
        """Ask some worker to run each of these chunks. Raises StorageUnavailable when the broker does not answer."""

    @abstractmethod
    def send_event(self, job_id: str) -> None:
        """Ask some worker to deliver the event of this final job. Raises StorageUnavailable as ``send``."""

    @abstractmethod
    def line_up(self, job_id: str, chunk: int) -> None:
        """Let a small interactive chunk wait in line for a worker, which takes many at once. Raises as ``send``."""

    @abstractmethod
    def bell(self) -> str:
        """For ``JobStore.create``: what calls a worker to the line, so that a job joins it as it is recorded.

        Empty where the line is not the store's; then ``line_up`` is to be called.
        """

    @abstractmethod
    def exchange(self, following: tuple[str, int] | None) -> tuple[str, int] | None:
        """Send ``following``, a chunk of a bulk job, and take the (job, chunk) of bulk work that has waited longest.

        The worker then needs no message through the broker for that one. It gets None where nothing waits, or something
        more urgent does. Raises as ``send``.
        """

    @abstractmethod
    def take_waiting(self, most: int, *, patience: float = 0.0) -> Sequence[tuple[str, int]]:
        """Take up to so many (job, chunk) out of the line. Raises as ``send``.

        With ``patience`` the worker stays, until it is given nothing: it waits so many seconds at an empty line, unless
        there is bulk work.
        """

    @abstractmethod
    def ring(self) -> bool:
        """Call a worker if some stand in line and no message is under way to one. Raises as ``send``."""

    @abstractmethod
    def depth(self, queue: str) -> int:
        """Messages that no worker has taken yet, in one of QueueName (with the line) or in EVENTS_QUEUE."""

    @abstractmethod
    def waiting_jobs(self, queue: QueueName) -> set[str]:
        """The ids of the jobs that ``depth`` counts messages of. Costs some microseconds for each of those."""

    def announce(self, job: Job) -> None:
        """Ask for the event of a final job, if it has one. Where the broker does not answer, the sweep asks later."""
        if job.options.webhook_url is not None:
            with suppress(StorageUnavailable):
                self.send_event(job.id)


class MemoryQueue(Queue):
    """Keeps messages in this process; ``take`` hands them out, interactive ones first. The line needs no bell here."""

    def __init__(self) -> None:
        self._waiting: dict[QueueName, deque[tuple[str, int]]] = {name: deque() for name in QueueName}
        self.events: deque[str] = deque()

    def send(self, queue: QueueName, job_id: str, *chunks: int) -> None:
        self._waiting[queue].extend((job_id, chunk) for chunk in chunks)

    def send_event(self, job_id: str) -> None:
        self.events.append(job_id)

    def line_up(self, job_id: str, chunk: int) -> None:
        self.send(QueueName.INTERACTIVE, job_id, chunk)

    def bell(self) -> str:
        return ""

    def exchange(self, following: tuple[str, int] | None) -> tuple[str, int] | None:
        bulk = self._waiting[QueueName.BULK]
        if following is not None:
            bulk.append(following)
        urgent = self.events or self._waiting[QueueName.INTERACTIVE]
        return None if urgent or not bulk else bulk.popleft()

    def take_waiting(self, most: int, *, patience: float = 0.0) -> Sequence[tuple[str, int]]:  # noqa: ARG002
        waiting = self._waiting[QueueName.INTERACTIVE]
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]

    def ring(self) -> bool:
        return False

    def depth(self, queue: str) -> int:
        return len(self.events) if queue == EVENTS_QUEUE else len(self._waiting[QueueName(queue)])

    def waiting_jobs(self, queue: QueueName) -> set[str]:
        return {job_id for job_id, _ in self._waiting[queue]}

    def take(self) -> tuple[str, int] | None:
        for name in QueueName:
            if self._waiting[name]:
                return self._waiting[name].popleft()
        return None


class CeleryQueue(Queue):
    """Sends by task name, so that the web process needs no code of the worker."""

    def __init__(self, app: Celery, line: Line) -> None:
        self._app = app
        self._line = line
        self._forms: dict[tuple[str, str], tuple[str, Sequence[Any]]] = {}
        self._forming = threading.Lock()

    def send(self, queue: QueueName, job_id: str, *chunks: int) -> None:
        messages = [self._message(RUN_CHUNK, queue.value, job_id, chunk) for chunk in chunks]
        self._line.call(queue.value, *messages)

    def send_event(self, job_id: str) -> None:
        self._line.call(EVENTS_QUEUE, self._message(DELIVER_EVENT, EVENTS_QUEUE, job_id))

    def line_up(self, job_id: str, chunk: int) -> None:
        self._line.join(job_id, chunk, queue=QueueName.INTERACTIVE.value, message=self.bell())

    def bell(self) -> str:
        return self._message(RUN_WAITING, QueueName.INTERACTIVE.value)

    def exchange(self, following: tuple[str, int] | None) -> tuple[str, int] | None:
        bulk = QueueName.BULK.value
        laid = [] if following is None else [self._message(RUN_CHUNK, bulk, *following)]
        message = self._line.exchange((EVENTS_QUEUE, QueueName.INTERACTIVE.value), bulk, *laid)
        if message is None:
            return None
        job_id, chunk = _arguments(message)
        return job_id, chunk

    def take_waiting(self, most: int, *, patience: float = 0.0) -> Sequence[tuple[str, int]]:
        return self._line.take(most, bulk=QueueName.BULK.value, patience=patience)

    def ring(self) -> bool:
        if not self._line.awaits_worker() or self._messages(QueueName.INTERACTIVE.value) > 0:
            return False
        self._line.call(QueueName.INTERACTIVE.value, self.bell())
        return True

    def depth(self, queue: str) -> int:
        return self._messages(queue) + (self._line.length() if queue == QueueName.INTERACTIVE else 0)

    def waiting_jobs(self, queue: QueueName) -> set[str]:
        found = {job_id for job_id, _ in self._line.members()} if queue is QueueName.INTERACTIVE else set()
        with self._broker() as client:
            # messages are laid down at the left, so one may be read twice meanwhile and none is passed over
            for first in range(0, int(client.llen(queue.value)), PAGE_MESSAGES):
                for message in client.lrange(queue.value, first, first + PAGE_MESSAGES - 1):
                    # what is no message of ours must not keep the sweep from the others
                    with suppress(ValueError, KeyError, TypeError):
                        found.update(_arguments(message)[:1])
        return found

    def _message(self, task: str, queue: str, *arguments: str | int) -> str:
        """What kombu would lay into a list of Redis; many go there in one round trip, or with a script of the store."""
        with self._forming:
            if (task, queue) not in self._forms:
                self._forms[task, queue] = self._form(task, queue)
        head, rest = self._forms[task, queue]
        body = b64encode(json.dumps([arguments, *rest]).encode()).decode()
        return head.replace(ID, uuid4().hex).replace(BODY, body)

    def _form(self, task: str, queue: str) -> tuple[str, Sequence[Any]]:
        """A message for ``task`` with gaps for its ids and its body, and what follows the arguments in that.

        It is made by a transport in memory: to publish anew costs more than a millisecond with its way to Redis.
        """
        with Connection("memory://") as connection:  # type: ignore[no-untyped-call]
            self._app.send_task(task, task_id=ID, argsrepr="", queue=queue, connection=connection, ignore_result=True)
            message = connection.default_channel.basic_get(queue, no_ack=True).serializable()
        rest = json.loads(b64decode(message["body"]))[1:]
        message["body"], message["properties"]["delivery_tag"] = BODY, ID
        return json.dumps(message), rest

    def _messages(self, queue: str) -> int:
        with self._broker() as client:
            return int(client.llen(queue))

    @contextmanager
    def _broker(self) -> Iterator[Any]:
        """The Redis client of the broker's transport."""
        try:
            # kombu tells of a failure to connect in its own words, and lets later ones of Redis through
            with storage_errors(), self._app.connection_for_read() as connection:
                yield connection.default_channel.client
        except (OperationalError, OSError) as error:
            raise StorageUnavailable("The message broker does not answer; try again in a moment.") from error


def _broker(redis_url: str, transport: str) -> str:
    """The address as kombu writes it: of a socket, ``redis+socket:///path?virtual_host=0`` for ``unix:///path?db=0``."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return urlunsplit((f"{transport}+socket", parts.netloc, parts.path, f"virtual_host={database}", ""))


def _arguments(message: bytes | str) -> Sequence[Any]:
    """What a message in one of the broker's lists gives its task."""
    arguments: Sequence[Any] = json.loads(b64decode(json.loads(message)["body"]))[0]
    return arguments


def celery_app(redis_url: str, transport: str = "redis") -> Celery:
    """The Celery application of web and worker, not connected yet and without tasks.

    Args:
        transport: kombu's name of what speaks with Redis.
    """
    app = Celery("digitmill", broker=_broker(redis_url, transport), set_as_current=False)
    app.conf.update(
        broker_transport=transport,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_queues=[BrokerQueue(name) for name in (EVENTS_QUEUE, *QueueName)],  # type: ignore[no-untyped-call]
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
            "visibility_timeout": VISIBILITY_SECONDS,
            "unacked_restore_interval": RESTORE_SECONDS,
            # kombu looks only every tenth time unless told otherwise
            "unacked_restore_throttle": 1,
            "queue_order_strategy": "priority",
            "socket_connect_timeout": 5,
            "socket_timeout": 10,
            "health_check_interval": 15,
        },
    )
    return app
