"""The limits that the settings draw, as callers may read them: names, words and values are those of the settings."""

from __future__ import annotations

from typing import Any

from pydantic import Field, create_model

from digitmill.settings import Settings

NAMES = (
    "rate_limit",
    "max_open_jobs",
    "max_upload_bytes",
    "max_images",
    "max_files",
    "max_member_bytes",
    "max_image_pixels",
    "max_pages",
    "max_queued_images",
    "max_redis_memory_share",
    "expires_in",
    "max_expires_in",
    "idempotency_seconds",
)


def _described(name: str) -> Any:
    field = Settings.model_fields[name]
    return field.annotation, Field(description=field.description)


Limits = create_model(
    "Limits",
    __doc__="What the service takes, and how long it keeps it.",
    **{name: _described(name) for name in NAMES},
)


def limits_document(settings: Settings) -> dict[str, int | float]:
    return {name: getattr(settings, name) for name in NAMES}
