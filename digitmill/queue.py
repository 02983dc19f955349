"""Messages to workers; the only file that knows Celery.

The store says what is to be done (``ChunkStore.take``). A message only wakes a worker, so that it asks: it may be lost,
repeated or late, and ``recovery.py`` sends another while something waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, LifoQueue
from ssl import CERT_REQUIRED
from typing import Any
from urllib.parse import parse_qs, urlsplit

from celery import Celery
from kombu.entity import Queue as BrokerQueue
from kombu.exceptions import OperationalError

from digitmill.addresses import SentinelAddress
from digitmill.domain.roles import Role
from digitmill.errors import StorageUnavailable

WAKEUP = "digitmill.wakeup"
"""Name of a task: ``wakeup()``. Something waits in the store."""

DELIVER_EVENT = "digitmill.deliver_event"
"""Name of the other: ``deliver_event(event: str)``."""

EARLIER_WAKEUPS = ("digitmill.run_chunk", "digitmill.run_waiting")
"""What earlier releases sent, in EARLIER_QUEUES: each is a wakeup, whatever it names."""

EVENTS_QUEUE, WORK_QUEUE, TRAINER_QUEUE = "webhooks", "work", "trainer"
EARLIER_QUEUES = ("interactive", "bulk")
LISTENED_TO = {Role.READER: (EVENTS_QUEUE, WORK_QUEUE, *EARLIER_QUEUES), Role.TRAINER: (TRAINER_QUEUE,)}
"""Where workers of each role hear messages."""

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 10.0


class Queue:
    """Sends by task name, so that the web process needs no code of the worker. Methods raise StorageUnavailable when
    the broker does not answer."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._free: LifoQueue[Any] = LifoQueue()

    def wake(self, role: Role = Role.READER) -> None:
        """Let some worker of this role ask the store for work."""
        self._send(WAKEUP, TRAINER_QUEUE if role is Role.TRAINER else WORK_QUEUE)

    def send_event(self, event: str) -> None:
        """Ask some worker to deliver this event of a final job."""
        self._send(DELIVER_EVENT, EVENTS_QUEUE, event)

    def announce(self, event: str) -> None:
        """The same, if there is one. Where the broker does not answer, the sweep asks later."""
        if event:
            with suppress(StorageUnavailable):
                self.send_event(event)

    def _send(self, task: str, queue: str, *arguments: str) -> None:
        """Over a connection that was opened before, and where that fails over a new one."""
        with suppress(StorageUnavailable, Empty):
            return self._send_over(self._free.get_nowait(), task, queue, arguments)
        return self._send_over(self._app.connection_for_write(), task, queue, arguments)

    def _send_over(self, connection: Any, task: str, queue: str, arguments: Sequence[str]) -> None:
        # not by kombu's own pool: there a connection that broke may keep its closed channel, and raises AttributeError
        try:
            self._app.send_task(
                task, arguments, queue=queue, argsrepr="", ignore_result=True, connection=connection, retry=False
            )
        except (OperationalError, OSError, *connection.connection_errors, *connection.channel_errors) as error:
            connection.close()
            raise StorageUnavailable("The message broker does not answer; try again in a moment.") from error
        self._free.put(connection)


def _address(url: str) -> str:
    """The address as kombu writes it: of a socket, ``redis+socket:///path?virtual_host=0`` for ``unix:///path?db=0``;
    of Sentinels one address each."""
    if (sentinels := SentinelAddress.parse(url)) is not None:
        login, number = sentinels.login, sentinels.database
        return ";".join(f"sentinel://{login}{host}/{number}" for host in sentinels.hosts_with_ports)
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    # urlunsplit would leave out the slashes where there is no password, and kombu then takes it for another protocol
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"


def celery_app(broker_url: str) -> Celery:
    """The Celery application of web and worker, not connected yet and without tasks."""
    app = Celery("digitmill", broker=_address(broker_url), set_as_current=False)
    amqp = broker_url.startswith("amqp")
    queues = [name for names in LISTENED_TO.values() for name in names]
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        # RabbitMQ counts what a worker has by its receipts. Over Redis kombu makes them up, by keys that a full Redis
        # refuses and by a count that a lost connection leaves wrong; a message less is no loss
        task_queues=[BrokerQueue(name, no_ack=not amqp) for name in queues],  # type: ignore[no-untyped-call]
        task_default_queue=WORK_QUEUE,
        # late and one at a time: a worker that stops hands back what it has not begun
        task_acks_late=True,
        task_acks_on_failure_or_timeout=True,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=CONNECT_SECONDS,
    )
    if not amqp:
        app.conf.update(
            worker_disable_prefetch=True,
            broker_transport_options={
                "queue_order_strategy": "priority",
                "socket_connect_timeout": CONNECT_SECONDS,
                "socket_timeout": ANSWER_SECONDS,
                "health_check_interval": 15,
            },
        )
    parts = urlsplit(broker_url)
    if parts.scheme == "rediss" and "ssl_" not in parts.query:
        # by itself kombu takes any certificate, and tells whoever shows it the password
        app.conf.broker_use_ssl = {"ssl_cert_reqs": CERT_REQUIRED}
    if (sentinels := SentinelAddress.parse(broker_url)) is not None:
        told = {"master_name": sentinels.name, "sentinel_kwargs": sentinels.of_sentinels}
        app.conf.broker_transport_options = {**app.conf.broker_transport_options, **told}
        if sentinels.tls:
            app.conf.broker_use_ssl = {"ssl_cert_reqs": CERT_REQUIRED, **sentinels.certificates}
    return app
