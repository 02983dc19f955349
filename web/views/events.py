"""A job's progress as server-sent events (HTML standard, section "Server-sent events")."""

from __future__ import annotations

from typing import Annotated

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field

from digitmill import errors
from digitmill.domain.access import Scope
from web.context import context, owner, service
from web.documents.inputs import Headers
from web.documents.openapi import EVENTS, JSON, Document, answer, operation, reference
from web.server.stream import Body, last_id

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
    {
        200: answer("The events, until the job is final.", (EVENTS, EVENT)),
        204: answer("You were told of its end: the `Last-Event-ID` is that of `done`."),
    },
    errors.NotFound,
    errors.Expired,
    errors.Overloaded,
    scope=Scope.READ,
)
def follow_job(job_id: str, headers: EventHeaders) -> Response:
    """Follow a job

    `progress` events while it goes on, then one `done`; the data of each is the job. The `id` is the number of
    images done, that of `done` with a zero in front: who comes back with it is answered 204.
    """
    job, seen = service().jobs.get(owner(), job_id), headers.last_event_id
    if job.state.final and seen == last_id(job):
        return Response(status=204)
    stream = context().streams.open(job, int(seen) if seen.isascii() and seen.isdigit() else -1)
    response = Response(Body(stream, request.environ), content_type=EVENTS)
    response.headers["X-Accel-Buffering"] = "no"
    return response
