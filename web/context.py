"""What every view needs: the service, the slots for long requests, the metrics, and who asks."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import current_app, g

from digitmill.domain import Caller
from digitmill.imaging.drawers import Drawers
from digitmill.service import Service
from web.metrics import Metrics
from web.waiting import Waiting
from web.wrong_keys import WrongKeys

EXTENSION = "digitmill"


@dataclass(frozen=True)
class Context:
    """One for each application; ``create_app`` makes it."""

    service: Service
    waiting: Waiting
    metrics: Metrics
    drawers: Drawers
    wrong_keys: WrongKeys = field(default_factory=WrongKeys)


def context() -> Context:
    """The context of the application that answers the present request."""
    found: Context = current_app.extensions[EXTENSION]
    return found


def service() -> Service:
    return context().service


def owner() -> str:
    """Whose jobs the present request may see."""
    return caller().owner


def caller() -> Caller:
    """Who sends the present request; ``web/auth.py`` found it out."""
    found: Caller = g.caller
    return found
