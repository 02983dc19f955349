"""What a store of webhooks must do. ``redis_webhook_store.py`` and ``memory_webhook_store.py`` do it.

A job has one event: that it became final. Whoever makes it final notes the event as due in the same move, if the
job names a ``webhook_url``; the event waits here until it is delivered or given up. It is known by its job's id.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from digitmill.domain import Job

MOST_ATTEMPTS_KEPT = 100


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """``text`` is ``whsec_`` and base64. ``expires_at`` None: it does not end by itself."""

    text: str = field(repr=False)
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver an event: it began ``at``, took ``seconds``, and got a ``status`` or met an ``error``."""

    at: float
    seconds: float
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class DeliveryLog:
    """Attempts, oldest first, and when the next is due; None: there is none."""

    attempts: Sequence[Attempt]
    next_attempt_at: float | None


class WebhookStore(ABC):
    """All methods raise StorageUnavailable when the store cannot be reached or is full."""

    @abstractmethod
    def due(self, limit: int) -> Sequence[str]:
        """Jobs whose event should be sent now, longest due first."""

    @abstractmethod
    def waiting(self, limit: int) -> Sequence[str]:
        """Jobs whose event is not delivered yet, next ones first."""

    @abstractmethod
    def claim(self, job_id: str, lease: float) -> tuple[Job, int] | None:
        """Take a due event for ``lease`` seconds: its job, expired or not, and the attempts before.

        None where it is not due, which is so while another holds it, or where the job was deleted.
        """

    @abstractmethod
    def record(self, job: Job, attempt: Attempt, retry_in: float | None) -> None:
        """Note an attempt; the event is due again in so many seconds, or never."""

    @abstractmethod
    def send_again(self, job_id: str) -> None:
        """Let the event be due now."""

    @abstractmethod
    def log(self, job_id: str) -> DeliveryLog:
        """What became of the event so far."""

    @abstractmethod
    def rest(self, receiver: str, seconds: float) -> None:
        """Let a receiver be for so many seconds."""

    @abstractmethod
    def resting(self, receiver: str) -> bool:
        """Whether it is to be let be now."""

    @abstractmethod
    def secrets(self, owner: str) -> Sequence[SigningSecret]:
        """What webhooks of this owner's jobs are signed with, newest first, those that have ended too."""

    @abstractmethod
    def change_secrets(self, owner: str, change: Callable[[Sequence[SigningSecret]], Sequence[SigningSecret]]) -> None:
        """Put ``change(secrets)`` in their place; nothing can come in between. ``change`` may be called again."""
