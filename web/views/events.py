"""A job's progress as server-sent events (HTML standard, section "Server-sent events")."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field

from digitmill import errors
from digitmill.domain import Job, Scope
from digitmill.errors import Expired, NotFound, StorageUnavailable
from digitmill.jobs import Jobs
from web.answers import stream_answer
from web.connection import client_gone
from web.context import context, owner, service
from web.inputs import Headers
from web.openapi import EVENTS, JSON, Document, answer, operation, reference
from web.schemas import job_document
from web.waiting import LOOK_SECONDS, Waiting

LEAST_PAUSE_SECONDS = 0.25
KEEP_ALIVE_SECONDS = 15.0
BEGINNING = b"retry: 2000\n\n"
KEEP_ALIVE = b": the job goes on\n\n"

EVENT: Document = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"enum": ["progress", "done"]},
        "data": {"type": "string", "contentMediaType": JSON, "contentSchema": reference("Job")},
    },
    "required": ["id", "event", "data"],
}

events = APIBlueprint("events", __name__, tag="Jobs")


class EventHeaders(Headers):
    last_event_id: Annotated[str, Field(description="The `id` of the last event seen; those before are left out.")] = ""


@events.get("/v1/jobs/<job_id>/events")
@events.input(EventHeaders, location="headers", arg_name="headers")
@operation(
    events,
    {200: answer("The events, until the job is final.", (EVENTS, EVENT))},
    errors.NotFound,
    errors.Expired,
    errors.Overloaded,
    scope=Scope.READ,
)
def follow_job(job_id: str, headers: EventHeaders) -> Response:
    """Follow a job

    `progress` events while it goes on, then one `done`; the data of each is the job. The `id` is the number of
    images done.
    """
    service().jobs.get(owner(), job_id)
    slot = context().waiting.require_slot()
    seen = headers.last_event_id
    follower = _Follower(
        service().jobs, context().waiting, request.environ, int(seen) if seen.isascii() and seen.isdigit() else -1
    )
    return stream_answer(follower.events(owner(), job_id), EVENTS, slot)


class _Follower:
    def __init__(self, jobs: Jobs, waiting: Waiting, environ: dict[str, Any], seen: int) -> None:
        self._jobs = jobs
        self._waiting = waiting
        self._environ = environ
        self._seen = seen

    def events(self, owner: str, job_id: str) -> Iterator[bytes]:
        """Ends early, without ``done``, when the job is deleted or the server stops; the client then asks again."""
        yield BEGINNING
        try:
            yield from self._changes(owner, job_id)
        except (NotFound, Expired, StorageUnavailable):
            return

    def _changes(self, owner: str, job_id: str) -> Iterator[bytes]:
        sent_at = time.monotonic()
        state = None
        for job in self._jobs.watch(owner, job_id, seconds=float("inf"), quiet=LOOK_SECONDS):
            if job.state.final:
                yield _event("done", job)
                return
            if self._waiting.closing or client_gone(self._environ):
                return
            if job.counts.done > self._seen or (state is not None and job.state is not state):
                yield _event("progress", job)
                self._seen, sent_at = job.counts.done, time.monotonic()
                time.sleep(LEAST_PAUSE_SECONDS)
            elif time.monotonic() - sent_at >= KEEP_ALIVE_SECONDS:
                yield KEEP_ALIVE
                sent_at = time.monotonic()
            state = job.state


def _event(kind: str, job: Job) -> bytes:
    data = json.dumps(job_document(job), separators=(",", ":"))
    return f"id: {job.counts.done}\nevent: {kind}\ndata: {data}\n\n".encode()
