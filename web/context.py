"""What every view needs: the service, the slots for long requests, the metrics, and who asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import BoundedSemaphore

from flask import current_app, g

from digitmill.domain.access import Caller
from digitmill.keys import ADMIN
from digitmill.service import Service
from web.access.wrong_keys import WrongKeys
from web.metrics import Metrics
from web.server.streams import Streams
from web.server.waiting import Waiting

EXTENSION = "digitmill"


@dataclass(frozen=True)
class Context:
    """One for each application; ``create_app`` makes it. ``drafting`` lets one template be drafted at a time."""

    service: Service
    waiting: Waiting
    metrics: Metrics
    streams: Streams
    wrong_keys: WrongKeys = field(default_factory=WrongKeys)
    drafting: BoundedSemaphore = field(default_factory=BoundedSemaphore)


def context() -> Context:
    """The context of the application that answers the present request."""
    found: Context = current_app.extensions[EXTENSION]
    return found


def service() -> Service:
    return context().service


def owner() -> str:
    """Whose jobs the present request may see. Raises StorageUnavailable where it cannot be made sure of the admin's."""
    found = caller().owner
    if found == ADMIN:
        service().keys.carry_over()
    return found


def caller() -> Caller:
    """Who sends the present request; ``web/access/auth.py`` found it out."""
    found: Caller = g.caller
    return found
