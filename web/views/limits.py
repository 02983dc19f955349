"""What the service takes."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from digitmill.domain.access import Scope
from web.context import caller, service
from web.documents.answers import json_answer
from web.documents.openapi import answer, operation
from web.documents.published import limits_document, quotas_document

limits = APIBlueprint("limits", __name__, tag="Limits")


@limits.get("/v1/limits")
@operation(limits, {200: answer("The limits.", "Limits")}, scope=Scope.READ)
def get_limits() -> Response:
    """Look at the limits of this service"""
    quotas = caller().quotas
    used = [0] if quotas.images_a_day is None else service().store.images_today([caller().key_id])
    return json_answer({**limits_document(service().settings, quotas), "quotas": quotas_document(quotas, used[0])})
