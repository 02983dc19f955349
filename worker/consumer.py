"""Celery's consumer, but for receipts of messages that have none."""

from __future__ import annotations

from typing import Any

from celery.worker import consumer


class Consumer(consumer.Consumer):  # type: ignore[misc]  # Celery has no types
    """Over Redis messages have no receipt (``digitmill/queue.py``). Celery gives one all the same when a task is done,
    over the connection that brought the message. Where that is gone by then, kombu raises AttributeError, which ends
    the worker.
    """

    def call_soon_ack(self, call: Any, *values: Any, **more: Any) -> Any:
        """Give a receipt, or hand a message back, where the broker counts them."""
        if any(not queue.no_ack for queue in self.app.conf.task_queues):
            return super().call_soon_ack(call, *values, **more)
        return None
