"""The pages of a job of forms with what was read drawn over them, as one PDF."""

from __future__ import annotations

from typing import Annotated

from apiflask import APIBlueprint
from flask import Response
from pydantic import BeforeValidator, Field

from digitmill import errors
from digitmill.domain.access import Scope
from digitmill.pages.marked import MOST_PAGES
from web.context import context, owner, service
from web.documents.answers import stream_answer
from web.documents.inputs import Query, digits
from web.documents.openapi import answer, operation

PDF = "application/pdf"

marked = APIBlueprint("marked", __name__, tag="Results")


class MarkedQuery(Query):
    first: Annotated[int, Field(ge=0, description="The row of the first page."), BeforeValidator(digits)] = 0
    limit: Annotated[int, Field(ge=1, le=MOST_PAGES, description="The most pages."), BeforeValidator(digits)] = (
        MOST_PAGES
    )


@marked.get("/v1/jobs/<job_id>/marked.pdf")
@marked.input(MarkedQuery, location="query", arg_name="query")
@operation(
    marked,
    {200: answer("The PDF.", (PDF, {"type": "string", "contentMediaType": PDF}), headers=("Digitmill-Rows",))},
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    errors.JobNotFinal,
    errors.Overloaded,
    scope=Scope.READ,
)
def get_marked(job_id: str, query: MarkedQuery) -> Response:
    """Get the pages with what was read drawn over them

    As `view=marked` of each row's image, in upload order, when the job is final; a page that failed has the sentence of
    its row. Of a job of more pages ask for the next by `first`.
    """
    job = service().jobs.get_read(owner(), job_id)
    pieces = service().marked.pdf(owner(), job_id, query.first, query.limit)
    response = stream_answer(pieces, PDF, context().waiting.require_slot())
    pages = min(query.limit, job.counts.total - query.first)
    if pages < job.counts.total:
        response.headers["Digitmill-Rows"] = f"{pages} of {job.counts.total}"
    response.headers["Content-Disposition"] = f'inline; filename="digitmill-{job_id}-{query.first}.pdf"'
    return response
