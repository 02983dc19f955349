"""The page of webhooks: which are registered, adding and trying them, and what became of what was sent."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response
from flask_babel import gettext

from digitmill.domain.access import Scope
from digitmill.errors import Forbidden
from web.context import caller
from web.pages.layout import page, page_blueprint
from web.pages.refusals import own_refusals
from web.pages.texts import Text, common, texts

webhooks_pages = page_blueprint("webhooks")


@webhooks_pages.get("/webhooks")
def show_webhooks() -> Response:
    """What is on it comes by way of the HTTP interface."""
    if not caller().may(Scope.SUBMIT):
        raise Forbidden("This page asks for a key with the scope `submit`, which yours lacks.")
    return page("webhooks.html", events=events(), texts=texts(common, events, following, refused))


def events() -> Mapping[str, str]:
    """What a webhook can be told of, in words."""
    return {
        "job.completed": gettext("A job is done"),
        "job.failed": gettext("A job failed as a whole"),
        "job.cancelled": gettext("A job was cancelled"),
        "job.progress": gettext("Another tenth of a job is done"),
        "job.drifted": gettext("A job is unlike those before"),
    }


def following() -> Mapping[str, Text]:
    return {
        "webhook.test": gettext("Test"),
        "results": gettext("Rows were written"),
        "told_of": gettext("Is told: {events}"),
        "is_on": gettext("On"),
        "is_off": gettext("Off: nothing is sent there but a test"),
        "switch_on": gettext("Switch on"),
        "switch_off": gettext("Switch off"),
        "no_events": gettext("Choose one event at least."),
        "added": gettext("The webhook is added."),
        "secret_of": gettext("Secret of {url}"),
        "confirm_renew": gettext(
            "Give {url} a new secret? For seven days what is sent there is signed by the old one too."
        ),
        "renew": gettext("New secret"),
        "confirm_remove": gettext("Remove {url}? What waits to be sent there is not sent."),
        "remove": gettext("Remove"),
        "removed": gettext("{url} is removed."),
        "saved": gettext("{url}: it is saved."),
        "testing": gettext("The test is on its way…"),
        "test_late": gettext("The test was not sent within a minute. A worker may be missing."),
        "last_test": gettext("Last test: {outcome}"),
        "answered": gettext("the receiver answered {status}"),
        "not_sent": gettext("not sent yet"),
        "again_at": gettext("next attempt: {time}"),
        "sent_pending": gettext("Waiting"),
        "sent_delivered": gettext("Delivered"),
        "sent_failed": gettext("Given up"),
        "sent_gone": gettext("Receiver wants no more"),
    }


def refused() -> Mapping[str, Text]:
    """What it comes of on this page, in the place of what is said of any."""
    return own_refusals(
        {
            "bad_options": gettext("No webhook can be sent to this address."),
            "conflict": gettext("There is a webhook with this address already, or there are as many as there may be."),
            "not_found": gettext("This webhook is not there any more."),
        }
    )
