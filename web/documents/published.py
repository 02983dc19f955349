"""The limits that the settings draw, as callers may read them: names, words and values are those of the settings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field, create_model

from digitmill.domain import access
from digitmill.imaging.files.formats import FORMATS, READ_ARCHIVE_SUFFIXES
from digitmill.jobs.retention import spans
from digitmill.readers import READERS
from digitmill.settings import Settings

NAMES = (
    "rate_limit",
    "max_open_jobs",
    "max_upload_bytes",
    "max_images",
    "max_files",
    "max_member_bytes",
    "max_model_bytes",
    "max_image_pixels",
    "max_pages",
    "max_queued_images",
    "max_redis_memory_share",
    "expires_in",
    "max_expires_in",
    "max_model_bytes",
    "idempotency_seconds",
)


def _described(name: str) -> Any:
    field = Settings.model_fields[name]
    return field.annotation, Field(description=field.description)


class Format(BaseModel):
    """A format of images that is read."""

    name: str
    suffixes: tuple[str, ...] = Field(description="Endings of names. A file is told by its content all the same.")
    media_type: str
    paged: bool = Field(description="Whether each page of a file is an image of its own.")


class Quotas(BaseModel):
    """What the key that asks may use; null where nothing limits it but the service."""

    images_a_day: int | None = Field(description="Images that it may submit from midnight to midnight (UTC).")
    images_today: int | None = Field(description="Of these, those that it has submitted.")
    open_jobs: int | None = Field(description="Open jobs of its owner with which it may not submit another.")
    requests_a_minute: int | None = Field(description="Requests, in place of `rate_limit`.")
    keep_seconds: int | None = Field(description="How long its jobs are kept after their end; none is kept longer.")


Limits = create_model(
    "Limits",
    __doc__="What the service takes, and how long it keeps it.",
    formats=(list[Format], Field(description="What images may be.")),
    archives=(list[str], Field(description="Endings of archives that are opened.")),
    reads=(dict[str, int], Field(description="The values of `read`, each with the most characters of a prediction.")),
    quotas=(Quotas, Field(description="What the key that asks may use besides.")),
    **{name: _described(name) for name in NAMES},
)


def quotas_document(quotas: access.Quotas, images_today: int) -> dict[str, int | None]:
    return {**asdict(quotas), "images_today": None if quotas.images_a_day is None else images_today}


def limits_document(settings: Settings, quotas: access.Quotas) -> dict[str, Any]:
    """For a caller whose key has these quotas."""
    formats = [Format.model_validate(known, from_attributes=True).model_dump(mode="json") for known in FORMATS]
    usual, most = spans(settings, quotas)
    numbers = {name: getattr(settings, name) for name in NAMES} | {"expires_in": usual, "max_expires_in": most}
    reads = {name: reader.longest for name, reader in READERS.items()}
    return {"formats": formats, "archives": list(READ_ARCHIVE_SUFFIXES), "reads": reads, **numbers}
