"""Kombu's Redis transport, but for what a consumer does when Redis fails it between a message and its receipt.

Messages may be lost or repeated here (``digitmill/queue.py``), so neither is worth a worker that hears nothing more.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from kombu.transport import redis, virtual

FULL_SECONDS = 5.0
"""Pause between messages while Redis is full: each of them is likely to be taken in vain, and sent again later."""

_log = structlog.get_logger(__name__)


class QoS(redis.QoS):
    """What is delivered and not acknowledged yet; the consumer takes no more than its limit of them."""

    _full_until = 0.0

    def can_consume(self) -> bool:
        return time.monotonic() >= self._full_until and bool(super().can_consume())  # type: ignore[no-untyped-call]

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note the message in Redis. A full one refuses the note: the message is worked on without it."""
        try:
            super().append(message, delivery_tag)  # type: ignore[no-untyped-call]
        except self.channel.ResponseError as error:
            _log.warning("redis_is_full", reason=str(error), seconds=FULL_SECONDS)
            self._full_until = time.monotonic() + FULL_SECONDS
            virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call]

    def ack(self, delivery_tag: str) -> None:
        """Remove the message in Redis, and from what is delivered in any case.

        Kombu keeps it among the delivered where Redis did not answer, for good. Once there are as many such messages
        as the worker has children, it never asks for another.
        """
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        finally:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """As ``ack``; with ``requeue`` the message goes back to its queue."""
        try:
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]
        finally:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]

    def _remove_from_indices(self, delivery_tag: str, pipe: Any = None) -> Any:
        """As kombu's, but in no transaction of its own: Redis 6.2 and 7.0 refuse those while they are full."""
        if pipe is not None:
            return super()._remove_from_indices(delivery_tag, pipe)  # type: ignore[no-untyped-call]
        with self.channel.conn_or_acquire() as client:
            commands = client.pipeline(transaction=False)
        return super()._remove_from_indices(delivery_tag, commands)  # type: ignore[no-untyped-call]


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel
