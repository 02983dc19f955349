"""Which of their jobs somebody looks for, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from digitmill.domain.jobs import Job, JobState, new_job_id
from digitmill.errors import BadOptions, Expired, FieldError, NotFound
from digitmill.jobs.jobs import Jobs
from digitmill.store.base import JobStore
from digitmill.webhooks.deliveries import Delivery, Webhooks

AT_A_TIME = 200
FINAL = frozenset(state for state in JobState if state.final)
MOST_LOOKED_AT = 5000
"""Jobs that one call looks at: after so many it answers with what it has, and where to go on."""


@dataclass(frozen=True, slots=True)
class Sought:
    """``states``: all where there is none. Times are seconds since 1970: at ``created_after`` or later, and before
    ``created_before``. ``metadata`` are pairs that the job's hold too."""

    states: frozenset[JobState] = frozenset()
    unanswered: bool = False
    created_after: float | None = None
    created_before: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def chooses(self) -> bool:
        """Whether it leaves out any job at all."""
        return self != Sought()

    def fits(self, job: Job) -> bool:
        """Times aside, by which jobs are sorted."""
        if (self.states and job.state not in self.states) or (self.unanswered and not job.counts.unanswered):
            return False
        held = job.options.metadata
        return all(name in held and held[name] == value for name, value in self.metadata.items())


def found(
    store: JobStore, owner: str, sought: Sought, *, before: str | None, limit: int
) -> tuple[list[Job], str | None]:
    """Up to ``limit`` jobs older than job ``before``, and before which to look for more; None where there are none."""
    jobs: list[Job] = []
    looked_at = 0
    before = _sooner(before, sought.created_before)
    while True:
        some = store.jobs_of(owner, before=before, limit=max(AT_A_TIME, limit + 1))
        for job in some:
            if sought.created_after is not None and job.created_at < sought.created_after:
                return jobs, None
            if sought.fits(job):
                if len(jobs) == limit:
                    return jobs, jobs[-1].id
                jobs.append(job)
            before = job.id
        looked_at += len(some)
        if len(some) < max(AT_A_TIME, limit + 1):
            return jobs, None
        if looked_at >= MOST_LOOKED_AT:
            return jobs, before


@dataclass(frozen=True, slots=True)
class SoughtDeliveries:
    """By states, names of events, and ids of endpoints; all where there is none."""

    states: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()

    def fits(self, delivery: Delivery) -> bool:
        return (
            (not self.states or delivery.state in self.states)
            and (not self.events or delivery.event in self.events)
            and (not self.endpoints or delivery.endpoint in self.endpoints)
        )


def found_deliveries(
    store: JobStore, webhooks: Webhooks, owner: str, sought: SoughtDeliveries, *, before: str | None, limit: int
) -> tuple[list[Delivery], str | None]:
    """Deliveries of jobs older than job ``before``, those of the newest first, and before which to look for more; None
    where there are none. Those of one job stay together, so that there may be some more than ``limit``."""
    deliveries: list[Delivery] = []
    for _ in range(MOST_LOOKED_AT // AT_A_TIME):
        jobs = store.jobs_of(owner, before=before, limit=AT_A_TIME)
        for job, those in zip(jobs, webhooks.deliveries_of(jobs), strict=True):
            deliveries += filter(sought.fits, those)
            before = job.id
            if len(deliveries) >= limit:
                return deliveries, before
        if len(jobs) < AT_A_TIME:
            return deliveries, None
    return deliveries, before


def delete_found(
    store: JobStore, jobs: Jobs, owner: str, sought: Sought, *, before: str | None, limit: int
) -> tuple[list[str], str | None]:
    """Delete what ``found`` finds; where no state is sought, final jobs alone. The ids of those that were deleted, and
    before which to look for more; None where there are none.

    Raises:
        BadOptions: all jobs are sought.
    """
    if not sought.chooses():
        message = "must say which jobs: a state, a time or metadata"
        raise BadOptions(f"The query {message}.", errors=(FieldError("state", message),))
    if not sought.states:
        sought = replace(sought, states=FINAL)
    page, cursor = found(store, owner, sought, before=before, limit=limit)
    return list(_deleted(jobs, owner, page)), cursor


def _deleted(jobs: Jobs, owner: str, page: list[Job]) -> Iterator[str]:
    for job in page:
        # it may have expired, or been deleted, since it was found
        with suppress(NotFound, Expired):
            jobs.delete(owner, job.id)
            yield job.id


def _sooner(before: str | None, created_before: float | None) -> str | None:
    """The lesser of two ids, of which one is that of no job: the first that could be made at that time."""
    if created_before is None:
        return before
    first = new_job_id(max(0.0, created_before), random=bytes(10))
    return first if before is None else min(before, first)
