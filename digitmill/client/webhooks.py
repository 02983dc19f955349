"""The calls of the client about webhooks: registering receivers, trying them, and what became of all that was sent."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from digitmill.client.deliveries import PENDING, Delivery, DeliveryPage, Webhook
from digitmill.client.errors import WaitTimeout
from digitmill.client.transport import Transport, job_path

PAUSE_SECONDS = 0.5


class WebhookCalls:
    """A part of ``Client``. Calls that name a webhook raise NotFound where there is none of yours with this id."""

    _transport: Transport

    def webhooks(self) -> list[Webhook]:
        """Your registered webhooks, oldest first; without their secrets."""
        return self._transport.read(
            lambda answer: [Webhook.read(each) for each in answer["webhooks"]], "GET", "/v1/webhooks"
        )

    def webhook(self, webhook_id: str) -> Webhook:
        return self._transport.read(Webhook.read, "GET", _path(webhook_id))

    def add_webhook(self, url: str, *, events: Iterable[str] | None = None, description: str | None = None) -> Webhook:
        """Register a receiver for all jobs of yours. Keep its ``secret``, which is told this once.

        Args:
            events: what it is told of, such as "job.progress"; None: of jobs that are final.
            description: a note of your own.

        Raises:
            BadRequest: nothing can be sent to this address, or there is no such event; ``errors`` name the field.
            Conflict: the address is registered already, which it is too where the answer to an earlier try of this
                call was lost; or as many are as may be.
            Unauthorized: the key may not both submit and read.
        """
        wanted = {"url": url, "events": _listed(events), "description": description}
        return self._transport.read(Webhook.read, "POST", "/v1/webhooks", json=_given(wanted))

    def change_webhook(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Iterable[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change what is not None, and leave the rest; ``enabled=False`` has nothing sent there. Raises as
        ``add_webhook``."""
        wanted = {"url": url, "events": _listed(events), "description": description, "enabled": enabled}
        return self._transport.read(Webhook.read, "PATCH", _path(webhook_id), json=_given(wanted))

    def remove_webhook(self, webhook_id: str) -> None:
        """Remove it; what waits to be sent there is not sent."""
        self._transport.remove(_path(webhook_id))

    def renew_webhook_secret(self, webhook_id: str, *, overlap: int | None = None) -> Webhook:
        """Give it a new ``secret``, which is told this once.

        Args:
            overlap: seconds for which what is sent carries the signature of the old one too; None: seven days.
        """
        wanted = _given({"overlap": overlap})
        return self._transport.read(Webhook.read, "POST", f"{_path(webhook_id)}/secret", json=wanted)

    def test_webhook(self, webhook_id: str, *, timeout: float | None = None) -> Delivery:
        """Have a test event sent there, once, whatever it is told of, also where it is switched off.

        Args:
            timeout: seconds to wait for what comes of it. None: return at once, while it is pending.

        Raises:
            WaitTimeout: it was not sent in time; no worker may be running.
        """
        begun = self._transport.read(Delivery.read, "POST", f"{_path(webhook_id)}/test")
        if timeout is None:
            return begun
        deadline = time.monotonic() + timeout
        while True:
            last = self.webhook(webhook_id).last_test or begun
            if last.state != PENDING:
                return last
            if time.monotonic() >= deadline:
                raise WaitTimeout(
                    f"The test was not sent within {timeout:g} s: see that a worker is running. `last_test` of the "
                    "webhook will tell."
                )
            time.sleep(PAUSE_SECONDS)

    def all_deliveries(
        self, *, state: str | None = None, event: str | None = None, webhook: str | None = None
    ) -> Iterator[Delivery]:
        """What was sent of all your jobs, those of the newest first, fetched page by page as they are asked for.

        Args:
            state: pending, delivered, gone or failed, or several with commas.
            event: one such as "job.completed", or several with commas.
            webhook: the id of a registered one.
        """
        sought = _given({"state": state, "event": event, "webhook": webhook})
        cursor: str | None = None
        while True:
            asked = sought if cursor is None else {**sought, "cursor": cursor}
            page = self._transport.read(DeliveryPage.read, "GET", "/v1/deliveries", params=asked)
            yield from page.deliveries
            cursor = page.next_cursor
            if cursor is None:
                return

    def deliveries(self, job_id: str) -> list[Delivery]:
        """What became of the job's webhooks."""
        return self._transport.read(
            lambda answer: [Delivery.read(delivery) for delivery in answer["deliveries"]],
            "GET",
            f"{job_path(job_id)}/deliveries",
        )

    def redeliver(self, job_id: str, delivery_id: str) -> Delivery:
        """Have a webhook sent once more, whatever became of it."""
        path = f"{job_path(job_id)}/deliveries/{quote(delivery_id, safe='')}/redeliver"
        return self._transport.read(Delivery.read, "POST", path)


def _path(webhook_id: str) -> str:
    return f"/v1/webhooks/{quote(webhook_id, safe='')}"


def _listed(events: Iterable[str] | None) -> list[str] | None:
    return [events] if isinstance(events, str) else None if events is None else list(events)


def _given(wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}
