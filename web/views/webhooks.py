"""Webhooks: receivers that are registered, what became of all that was sent, and sending it again."""

from __future__ import annotations

from typing import Annotated

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BeforeValidator, Field

from digitmill import errors
from digitmill.domain.access import Scope
from digitmill.jobs.finding import SoughtDeliveries, found_deliveries
from digitmill.store.endpoint_store import Endpoint
from web.access.auditing import audit_call, audit_webhook
from web.context import caller, owner, service
from web.documents.answers import compressed, json_answer
from web.documents.corrections import read_json
from web.documents.inputs import Query, digits, split
from web.documents.openapi import answer, operation
from web.documents.registering import SecretRequest, State, WebhookChange, WebhookRequest
from web.documents.schemas import EventType, delivery_document, webhook_document

webhooks = APIBlueprint("webhooks", __name__, tag="Webhooks")

BODY = (errors.BadOptions, errors.UploadRefused, errors.UploadTooLarge, errors.UnsupportedMediaType)


class DeliveriesQuery(Query):
    state: (
        Annotated[list[State], BeforeValidator(split), Field(min_length=1, description="Only in these states.")] | None
    ) = None
    event: (
        Annotated[list[EventType], BeforeValidator(split), Field(min_length=1, description="Only of these events.")]
        | None
    ) = None
    webhook: Annotated[str, Field(pattern="^wh_[0-9a-f]{16}$", description="Only to this registered one.")] | None = (
        None
    )
    limit: Annotated[int, Field(ge=1, le=1000, description="About so many on a page."), BeforeValidator(digits)] = 100
    cursor: (
        Annotated[str, Field(pattern="^[0-9a-z]{26}$", description="The `next_cursor` of the page before.")] | None
    ) = None

    def sought(self) -> SoughtDeliveries:
        endpoints = frozenset() if self.webhook is None else frozenset([self.webhook])
        return SoughtDeliveries(frozenset(self.state or ()), frozenset(self.event or ()), endpoints)


@webhooks.post("/v1/webhooks")
@operation(
    webhooks,
    {201: answer("It is registered.", "WebhookWithSecret", headers=("Location",))},
    *BODY,
    errors.Conflict,
    scope=Scope.SUBMIT,
)
def add_webhook() -> Response:
    """Register a webhook for all jobs of yours

    `secret` in the answer signs what is sent there; it is shown only now. Your key must have the scope `read` too.
    """
    _require_read()
    wanted = read_json(request, WebhookRequest)
    endpoint, secret = service().webhooks.endpoints.add(owner(), wanted.url, wanted.events, wanted.description)
    audit_webhook("add_webhook", endpoint.id)
    response = json_answer({**_document(endpoint), "secret": secret}, 201)
    response.headers["Location"] = f"/v1/webhooks/{endpoint.id}"
    return response


@webhooks.get("/v1/webhooks")
@operation(webhooks, {200: answer("The webhooks.", "WebhookList")}, scope=Scope.READ)
def list_webhooks() -> Response:
    """List your registered webhooks, oldest first"""
    return json_answer({"webhooks": [_document(each) for each in service().webhooks.endpoints.of(owner())]})


@webhooks.get("/v1/webhooks/<webhook_id>")
@operation(webhooks, {200: answer("The webhook.", "Webhook")}, errors.NotFound, scope=Scope.READ)
def get_webhook(webhook_id: str) -> Response:
    """Look at a registered webhook, and what became of its last test"""
    return json_answer(_document(service().webhooks.endpoints.get(owner(), webhook_id)))


@webhooks.patch("/v1/webhooks/<webhook_id>")
@operation(webhooks, {200: answer("The webhook as it then is.", "Webhook")}, *BODY, errors.NotFound, scope=Scope.SUBMIT)
def change_webhook(webhook_id: str) -> Response:
    """Change a registered webhook, or switch it off and on

    What waits to be sent goes to the new address. Your key must have the scope `read` too.
    """
    _require_read()
    wanted = read_json(request, WebhookChange)
    endpoint = service().webhooks.endpoints.change(
        owner(),
        webhook_id,
        url=wanted.url,
        events=wanted.events,
        description=wanted.description,
        enabled=wanted.enabled,
    )
    audit_webhook("change_webhook", webhook_id)
    return json_answer(_document(endpoint))


@webhooks.delete("/v1/webhooks/<webhook_id>")
@operation(webhooks, {204: answer("It is gone.")}, errors.NotFound, scope=Scope.SUBMIT)
def remove_webhook(webhook_id: str) -> Response:
    """Remove a registered webhook

    What waits to be sent there is not sent.
    """
    service().webhooks.endpoints.remove(owner(), webhook_id)
    audit_webhook("remove_webhook", webhook_id)
    return Response(status=204)


@webhooks.post("/v1/webhooks/<webhook_id>/secret")
@operation(
    webhooks,
    {200: answer("The new secret, shown only now.", "WebhookWithSecret")},
    *BODY,
    errors.NotFound,
    scope=Scope.SUBMIT,
)
def renew_webhook_secret(webhook_id: str) -> Response:
    """Give a registered webhook a new secret

    For `overlap` seconds what is sent carries two signatures. Your key must have the scope `read` too.
    """
    _require_read()
    overlap = read_json(request, SecretRequest).overlap
    endpoint, secret = service().webhooks.endpoints.renew(owner(), webhook_id, overlap=overlap)
    audit_webhook("webhook_secret", webhook_id)
    return json_answer({**_document(endpoint), "secret": secret})


@webhooks.post("/v1/webhooks/<webhook_id>/test")
@operation(
    webhooks,
    {202: answer("The test will be sent in a moment.", "Delivery")},
    errors.NotFound,
    scope=Scope.SUBMIT,
)
def test_webhook(webhook_id: str) -> Response:
    """Send a test event to a registered webhook, once

    Also to one that is switched off, to try the receiver before. `last_test` of the webhook tells what became of it.
    """
    found = service().webhooks
    due = found.endpoints.try_out(owner(), webhook_id)
    service().queue.announce(due)
    audit_webhook("test_webhook", webhook_id)
    return json_answer(delivery_document(found.test_delivery(found.endpoints.get(owner(), webhook_id), due)), 202)


@webhooks.get("/v1/deliveries")
@webhooks.input(DeliveriesQuery, location="query", arg_name="query")
@operation(webhooks, {200: answer("A page of deliveries.", "DeliveryPage")}, errors.BadOptions, scope=Scope.READ)
def list_all_deliveries(query: DeliveriesQuery) -> Response:
    """List what was sent of all your jobs, those of the newest job first

    With each attempt. Deliveries of one job stay on one page. Follow `next_cursor` until it is null: where few of many
    are sought, a page may hold none though more follow.
    """
    page, cursor = found_deliveries(
        service().store, service().webhooks, owner(), query.sought(), before=query.cursor, limit=query.limit
    )
    return compressed(json_answer({"deliveries": [delivery_document(each) for each in page], "next_cursor": cursor}))


@webhooks.get("/v1/jobs/<job_id>/deliveries")
@operation(
    webhooks,
    {200: answer("The deliveries.", "DeliveryList")},
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def list_deliveries(job_id: str) -> Response:
    """See what became of a job's webhooks, and of its rows

    One for `results_url` and one for `webhook_url`, where the job has them and is final, and those to registered
    webhooks, with each attempt.
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
    """Send a webhook again, with the same id, or write the rows again

    Whatever became of it. If this attempt fails too, it is repeated unless that was done as often as it may be.
    """
    job = service().jobs.get(owner(), job_id)
    delivery = service().webhooks.send_again(job, delivery_id)
    service().queue.announce(delivery.due)
    audit_call("redeliver", job_id)
    return json_answer(delivery_document(delivery), 202)


def _document(endpoint: Endpoint) -> dict[str, object]:
    return webhook_document(endpoint, service().webhooks.last_test(endpoint))


def _require_read() -> None:
    """Who only submits must not have themselves told of others' jobs."""
    if not caller().may(Scope.READ):
        raise errors.Forbidden(
            "Registered webhooks are told of all jobs: this asks for a key with the scope `read` too."
        )
