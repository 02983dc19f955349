"""From a job's end to a delivered webhook: what is sent, when again, and what became of it.

The log of attempts is the only state. An event waits in the store, due at some time, until it is delivered or given
up; a worker that dies on the way lets its lease end, and the event is due again. So a receiver may see an event
twice, always under the same id.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from digitmill.documents import job_document, time_text
from digitmill.domain import Job
from digitmill.errors import BadOptions, FieldError, NotFound
from digitmill.settings import Settings
from digitmill.store.webhook_store import Attempt, DeliveryLog, WebhookStore
from digitmill.webhooks.addresses import leads_inside, read_url
from digitmill.webhooks.sending import TOO_LATE, Poster
from digitmill.webhooks.signing import Secrets, signed_headers

MOST_ATTEMPTS = 14
FIRST_PAUSE_SECONDS = 10.0
"""Doubles with each attempt: 13 pauses make 23 hours."""

JITTER = 0.2
LEASE_SECONDS = 120.0
"""Longer than any attempt takes, a slow look-up of the name included."""

REST_SECONDS = 30.0
"""How long a receiver that did not answer in time is let be."""

NOT_SENT = "Not sent: the receiver had just left another event without an answer."
GONE = 410
"""A receiver's word that it wants no more."""

_log = structlog.get_logger(__name__)


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GONE = "gone"
    """the receiver answered 410"""
    FAILED = "failed"
    """given up after the last attempt"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The way of one event to its receiver. ``id`` is the ``webhook-id`` of every attempt."""

    id: str
    event: str
    url: str
    state: DeliveryState
    attempts: Sequence[Attempt]
    next_attempt_at: float | None


class Webhooks:
    def __init__(self, settings: Settings, store: WebhookStore, poster: Poster | None = None) -> None:
        self._store = store
        self._private_addresses = settings.webhook_private_addresses
        self._poster = poster or Poster(private_addresses=self._private_addresses)
        self.secrets = Secrets(store)

    def check(self, owner: str, url: str | None) -> None:
        """Refuse an address that no webhook of this owner can be sent to. Raises BadOptions."""
        if url is None:
            return
        try:
            target = read_url(url)
        except ValueError as error:
            raise _bad(str(error)) from error
        if not self._private_addresses and leads_inside(target):
            raise _bad("must not be a private or special address, which this service does not call")
        if not self.secrets.live(owner):
            raise _bad(
                "cannot be used before the service's operator has made a secret to sign with, by "
                "`digitmill keys webhook-secret`"
            )

    def deliveries(self, job: Job) -> list[Delivery]:
        """What became of the job's events: one, once it is final and if it names an address."""
        url = job.options.webhook_url
        if url is None or not job.state.final:
            return []
        log = self._store.log(job.id)
        return [Delivery(message_id(job), event(job), url, _state(log), log.attempts, log.next_attempt_at)]

    def send_again(self, job: Job, delivery_id: str) -> Delivery:
        """Let the event be sent once more, whatever became of it. Raises NotFound."""
        if delivery_id not in {delivery.id for delivery in self.deliveries(job)}:
            raise NotFound("This job has no such delivery.")
        self._store.send_again(job.id)
        return self.deliveries(job)[0]

    def deliver(self, job_id: str) -> Attempt | None:
        """Make one attempt if the event is due and nobody else is at it. Raises StorageUnavailable."""
        claimed = self._store.claim(job_id, LEASE_SECONDS)
        if claimed is None:
            return None
        job, before = claimed
        attempt = self._attempt(job)
        retry_in = pause_after(before + 1, random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 (no secret)
        over = succeeded(attempt) or attempt.status == GONE
        self._store.record(job, attempt, None if over else retry_in)
        said = _log.info if succeeded(attempt) else _log.warning
        said("webhook_attempt", job=job.id, number=before + 1, status=attempt.status, reason=attempt.error)
        return attempt

    def _attempt(self, job: Job) -> Attempt:
        assert job.options.webhook_url is not None, "only jobs with an address have events"
        target = read_url(job.options.webhook_url)
        receiver = f"{job.owner}:{target.host}:{target.port}"
        if self._store.resting(receiver):
            # many events to one that hangs would keep the senders from all others
            return Attempt(at=time.time(), seconds=0.0, status=None, error=NOT_SENT)
        body = payload(job)
        headers = signed_headers(self.secrets.live(job.owner), message_id(job), time.time(), body)
        attempt = self._poster.post(target, headers, body.encode())
        if attempt.error == TOO_LATE:
            self._store.rest(receiver, REST_SECONDS)
        return attempt


def message_id(job: Job) -> str:
    """A job ends once, so its id names the event."""
    return f"msg_{job.id}"


def event(job: Job) -> str:
    """``job.completed``, ``job.failed`` or ``job.cancelled``."""
    return f"job.{job.state}"


def payload(job: Job) -> str:
    """The body of a webhook: JSON, in ASCII."""
    document = {
        "type": event(job),
        "timestamp": time_text(job.finished_at or job.created_at),
        "data": job_document(job),
    }
    return json.dumps(document, separators=(",", ":"))


def pause_after(attempts: int, jitter: float) -> float | None:
    """Seconds until the next attempt; None: that was the last."""
    return None if attempts >= MOST_ATTEMPTS else FIRST_PAUSE_SECONDS * 2 ** (attempts - 1) * jitter


def succeeded(attempt: Attempt) -> bool:
    return attempt.status is not None and 200 <= attempt.status < 300


def _state(log: DeliveryLog) -> DeliveryState:
    if log.next_attempt_at is not None:
        return DeliveryState.PENDING
    last = log.attempts[-1] if log.attempts else None
    if last is not None and succeeded(last):
        return DeliveryState.DELIVERED
    return DeliveryState.GONE if last is not None and last.status == GONE else DeliveryState.FAILED


def _bad(message: str) -> BadOptions:
    return BadOptions(f"webhook_url {message}.", errors=(FieldError("webhook_url", message),))
