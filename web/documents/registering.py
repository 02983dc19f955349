"""What callers say of the webhooks that they register, strict on the way in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from web.documents.corrections import WHOLE
from web.documents.options import WebhookUrl
from web.documents.schemas import EventType

MOST_OVERLAP = 30 * 86400

Events = Annotated[
    list[EventType],
    Field(min_length=1, max_length=20, description="What it is told of, of all jobs of yours."),
]
Description = Annotated[str, Field(max_length=200, description="A note of your own.")]


class WebhookRequest(BaseModel):
    """A receiver to be told of all jobs of yours: without `events`, when they are final."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: WebhookUrl
    events: Events = ["job.completed", "job.failed", "job.cancelled"]
    description: Description = ""


class WebhookChange(BaseModel):
    """What is to be otherwise; the rest stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: WebhookUrl | None = None
    events: Events | None = None
    description: Description | None = None
    enabled: Annotated[bool, Field(description="Whether anything is sent there.")] | None = None


class SecretRequest(BaseModel):
    """How long the secret before the new one signs too."""

    model_config = ConfigDict(extra="forbid", strict=True)

    overlap: Annotated[
        int, Field(ge=0, le=MOST_OVERLAP, description="Seconds for which both sign; 0: the old one ends now."), WHOLE
    ] = 7 * 86400


State = Literal["pending", "delivered", "gone", "failed"]
