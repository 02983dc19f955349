"""What waits for a worker, and how a worker asks for it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import IntEnum

from digitmill.domain.jobs import Job
from digitmill.domain.precedence import Priority, QueueName
from digitmill.domain.roles import Role


class Urgency(IntEnum):
    """What waits for a worker, the most urgent first."""

    SMALL = 0
    """small interactive jobs of one chunk, of which a worker takes many at once"""
    AGAIN = 1
    """chunks of all kinds that a worker had and did not finish"""
    INTERACTIVE = 2
    BULK = 3


def urgency_of(job: Job, *, small: bool = False) -> Urgency:
    if small:
        return Urgency.SMALL
    return Urgency.INTERACTIVE if job.queue is QueueName.INTERACTIVE else Urgency.BULK


def rank_of(job: Job) -> int:
    """Where the job stands among those of its owner: by its urgency, then by its priority, which has three values."""
    return len(Priority) * urgency_of(job) + list(Priority).index(job.options.priority)


@dataclass(frozen=True, slots=True)
class Load:
    """Images of all open jobs that have no row yet, and one owner's open jobs."""

    queued_images: int
    open_jobs: int


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker asks for. The same order twice is given the same answer, so that it may be repeated.

    ``most`` small jobs at a time; with 0 the worker takes nothing and leaves. ``lease`` in seconds. ``called``: the
    worker comes because of the last call, or waited for work meanwhile. ``stays``: it will ask again at once.
    ``popped`` is what ``wait_for_work`` gave it. It is given work for its ``role`` alone.
    """

    most: int
    lease: float
    called: bool = False
    stays: bool = False
    popped: tuple[bytes, float] | None = None
    role: Role = Role.READER
    word: str = field(default_factory=lambda: secrets.token_hex(8))
