"""The templates of form pages."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, request

from digitmill import errors
from digitmill.domain.access import Scope
from digitmill.forms.template import MOST_BYTES
from digitmill.store.templates import TemplateRecord
from digitmill.uploads.spool import Spool
from web.access.auditing import audit_publishing
from web.bodies.multipart import Parts
from web.bodies.upload import receive_parts
from web.context import caller, context, owner, service
from web.documents.answers import JSON, json_answer
from web.documents.openapi import answer, operation
from web.documents.schemas import template_summary

PARTS = Parts.of_files("reference", text="template", text_bytes=MOST_BYTES)
PNG = "image/png"

templates = APIBlueprint("templates", __name__, tag="Templates")


@templates.get("/v1/templates")
@operation(templates, {200: answer("The templates.", "TemplateList")}, scope=Scope.READ)
def list_templates() -> Response:
    """List the templates of form pages, by name, oldest version first"""
    return json_answer({"templates": [template_summary(record) for record in service().templates.list()]})


@templates.post("/v1/templates")
@operation(
    templates,
    {
        200: answer("This template was published before.", "Template", headers=("Location",)),
        201: answer("The template is published.", "Template", headers=("Location",)),
    },
    errors.BadTemplate,
    errors.BadOptions,
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    errors.ItemFailure,
    errors.Conflict,
    errors.Overloaded,
    scope=Scope.ADMIN,
)
def publish_template() -> Response:
    """Publish a template

    Multipart: `template`, its JSON, and `reference`, a file of its reference picture. A name and version cannot be
    changed once it is published; the same may be sent again.
    """
    most = service().settings.max_member_bytes
    with (
        context().waiting.upload_slot(owner()),
        Spool(service().settings.spool, most + MOST_BYTES) as spool,
    ):
        text = receive_parts(request, spool, PARTS, max_bytes=most + 2 * MOST_BYTES)
        record, created = service().templates.publish(text, spool.read(0, spool.length), by=caller().key_id)
    if created:
        audit_publishing(record.label)
    response = _answer(record, 201 if created else 200)
    response.headers["Location"] = f"/v1/templates/{record.name}/{record.version}"
    return response


@templates.get("/v1/templates/<name>/<version>")
@operation(templates, {200: answer("The template.", "Template")}, errors.TemplateNotFound, scope=Scope.READ)
def get_template(name: str, version: str) -> Response:
    """Look at a template: its fields and where they are"""
    return _answer(service().templates.get(f"{name}@{version}"))


@templates.get("/v1/templates/<name>/<version>/reference")
@operation(
    templates,
    {200: answer("The picture.", (PNG, {"type": "string", "contentMediaType": PNG}))},
    errors.TemplateNotFound,
    scope=Scope.READ,
)
def get_reference(name: str, version: str) -> Response:
    """Get the reference picture of a template, in grey and in the size that it names"""
    found = service().templates
    response = Response(found.picture(found.get(f"{name}@{version}")), content_type=PNG)
    # a version never changes
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def _answer(record: TemplateRecord, status: int = 200) -> Response:
    """The template as it stands in the store, so that what is got can be published under another version."""
    return Response(service().templates.text(record.label), status=status, content_type=JSON)
