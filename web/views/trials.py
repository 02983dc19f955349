"""Templates that somebody is making: whether one is sound, and what would be read of a page. Nothing is stored."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from digitmill import errors
from digitmill.domain.access import Scope
from digitmill.domain.jobs import Job
from digitmill.errors import BadTemplate, FieldError, UnsupportedMediaType
from digitmill.forms.proposed import proposed
from digitmill.forms.template import MOST_BYTES, Template
from digitmill.pages.trying import OWNER, Wait
from digitmill.store.news import CompletionWaiter
from digitmill.uploads.spool import Spool
from web.bodies.multipart import Parts
from web.bodies.upload import read_body, receive_parts
from web.context import caller, context, owner, service
from web.documents.answers import JSON, json_answer, row_answer
from web.documents.openapi import answer, operation
from web.views.drafts import PageQuery, received_page

TRY_SECONDS = 60
"""A page takes one or two where a worker is free."""
PARTS = Parts.of_files("reference", "page", text="template", text_bytes=MOST_BYTES)
REFUSALS = (
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    errors.ItemFailure,
    errors.Overloaded,
    errors.NoWorker,
    errors.TooManyJobs,
    errors.QuotaUsed,
)
"""Of a page that is to be tried."""

trials = APIBlueprint("trials", __name__, tag="Templates")


@trials.post("/v1/templates/check")
@operation(
    trials,
    {200: answer("What is wrong with it, if anything is.", "TemplateCheck")},
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    scope=Scope.SUBMIT,
)
def check_template() -> Response:
    """Look whether a template is sound

    The body is its JSON. Each fault has its place, such as `fields[3].boxes[2]`; of many the first 20 are told.
    """
    if request.mimetype != JSON or request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType(f"Send {JSON}, without a Content-Encoding.")
    faults: tuple[FieldError, ...] = ()
    try:
        proposed(read_body(request, MOST_BYTES))
    except BadTemplate as error:
        faults = error.errors or (FieldError("", error.detail),)
    return json_answer(
        {"sound": not faults, "errors": [{"field": fault.field, "message": fault.message} for fault in faults]}
    )


@trials.post("/v1/templates/<name>/<version>/try")
@trials.input(PageQuery, location="query", arg_name="query")
@operation(
    trials,
    {200: answer("The row that the page would have. It may have failed.", "Row")},
    errors.BadOptions,
    errors.TemplateNotFound,
    *REFUSALS,
    scope=Scope.SUBMIT,
)
def try_template(name: str, version: str, query: PageQuery) -> Response:
    """Try a template on a page

    The body is a picture of a page or a PDF. A worker reads it, and the answer is its row; nothing is stored. A page
    that cannot be read, or does not fit the template, has a row with the status `failed`, and its reason.
    """
    found = service().templates.get(f"{name}@{version}")
    page = received_page()
    template = Template.parsed(service().templates.text(found.label))
    return _row(template, service().templates.picture(found), page, query.page)


@trials.post("/v1/templates/try")
@trials.input(PageQuery, location="query", arg_name="query")
@operation(
    trials,
    {200: answer("The row that the page would have. It may have failed.", "Row")},
    errors.BadTemplate,
    errors.BadOptions,
    *REFUSALS,
    scope=Scope.SUBMIT,
)
def try_draft(query: PageQuery) -> Response:
    """Try a template that is not published

    Multipart: `template`, its JSON, `reference`, a file of its reference picture, and `page`, a picture of a page or a
    PDF. The answer is as that to a published one.
    """
    most = service().settings.max_member_bytes
    with context().waiting.upload_slot(owner()), Spool(service().settings.spool, 2 * most) as spool:
        text = receive_parts(request, spool, PARTS, max_bytes=2 * (most + MOST_BYTES))
        files = {piece.name: spool.read(*piece.place) for piece in spool.pieces}
    template = proposed(text)
    return _row(template, service().templates.reference(template, files["reference"]), files["page"], query.page)


def _row(template: Template, reference: bytes, page: bytes, number: int) -> Response:
    with context().waiting.require_slot():
        row = service().trying.row(
            template, reference, page, number, wait=wait_for_trial(request.environ), sent_by=caller().key_id
        )
    return row_answer(row)


def wait_for_trial(environ: dict[str, Any]) -> Wait:
    """Until a worker has read it, a minute at most, or the client of this request has hung up."""

    def wait(job: Job, end: CompletionWaiter) -> None:
        context().waiting.for_end(service().jobs, OWNER, job.id, end, seconds=TRY_SECONDS, environ=environ)

    return wait
