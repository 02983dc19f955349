"""What the service says of what it sent: to the webhooks of a job, and to registered ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from digitmill.client.documents import Document

PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver a webhook: a ``status``, or the ``error`` that kept the receiver from answering."""

    at: datetime
    seconds: float
    status: int | None
    error: str | None

    @classmethod
    def read(cls, document: Document) -> Self:
        at = datetime.fromisoformat(document["at"])
        return cls(at, float(document["seconds"]), document["status"], document["error"])


@dataclass(frozen=True, slots=True)
class Delivery:
    """The way of one event to its receiver. ``state`` is pending, delivered, gone or failed.

    ``job_id`` is None for a test, ``webhook`` for what does not go to a registered one; both are from a service of an
    earlier release. ``document`` is everything that the service says of it.
    """

    id: str
    event: str
    url: str
    state: str
    attempts: tuple[Attempt, ...]
    next_attempt_at: datetime | None
    job_id: str | None = None
    webhook: str | None = None
    document: Document = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            id=document["id"],
            event=document["event"],
            url=document["url"],
            state=document["state"],
            attempts=tuple(Attempt.read(attempt) for attempt in document["attempts"]),
            next_attempt_at=datetime.fromisoformat(due) if (due := document["next_attempt_at"]) else None,
            job_id=document.get("job_id"),
            webhook=document.get("webhook"),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver that is told of all jobs of yours.

    ``secret`` signs what is sent there; it is told when the webhook is added and when its secret is renewed, and None
    otherwise. ``document`` is everything that the service says of it, the secret included.
    """

    id: str
    url: str
    events: tuple[str, ...]
    description: str
    enabled: bool
    created_at: datetime
    last_test: Delivery | None
    secret: str | None = field(default=None, repr=False)
    document: Document = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            id=document["id"],
            url=document["url"],
            events=tuple(document["events"]),
            description=document["description"],
            enabled=bool(document["enabled"]),
            created_at=datetime.fromisoformat(document["created_at"]),
            last_test=Delivery.read(document["last_test"]) if document["last_test"] else None,
            secret=document.get("secret"),
            document=document,
        )


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    deliveries: tuple[Delivery, ...]
    next_cursor: str | None

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(tuple(map(Delivery.read, document["deliveries"])), document["next_cursor"])
