"""Webhooks of a job: what became of them, and sending them again."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from digitmill import errors
from digitmill.domain import Scope
from web.answers import json_answer
from web.auditing import audit_call
from web.context import owner, service
from web.openapi import answer, operation
from web.schemas import delivery_document

webhooks = APIBlueprint("webhooks", __name__, tag="Webhooks")


@webhooks.get("/v1/jobs/<job_id>/deliveries")
@operation(
    webhooks,
    {200: answer("The deliveries.", "DeliveryList")},
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def list_deliveries(job_id: str) -> Response:
    """See what became of a job's webhooks

    None before the job is final, or without a `webhook_url`; afterwards one, with each attempt to deliver it.
    """
    job = service().jobs.get(owner(), job_id)
    found = service().webhooks.deliveries(job)
    return json_answer({"deliveries": [delivery_document(delivery) for delivery in found]})


@webhooks.post("/v1/jobs/<job_id>/deliveries/<delivery_id>/redeliver")
@operation(
    webhooks,
    {202: answer("It will be sent in a moment.", "Delivery")},
    errors.NotFound,
    errors.Expired,
    scope=Scope.SUBMIT,
)
def redeliver(job_id: str, delivery_id: str) -> Response:
    """Send a webhook again, with the same id

    Whatever became of it. If this attempt fails too, it is repeated unless that was done as often as it may be.
    """
    job = service().jobs.get(owner(), job_id)
    delivery = service().webhooks.send_again(job, delivery_id)
    service().queue.announce(job)
    audit_call("redeliver", job_id)
    return json_answer(delivery_document(delivery), 202)
