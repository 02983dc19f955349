"""One look at the whole service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from digitmill.doctor.findings import Code, Examination, Finding
from digitmill.doctor.machine import (
    model_findings,
    redis_findings,
    settings_findings,
    storage_findings,
    store_replaced,
)
from digitmill.doctor.work import Situation, audit_findings, job_findings, webhook_findings, worker_findings
from digitmill.errors import StorageUnavailable
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.connection import connect
from digitmill.store.redis_inspection import RedisInspection, ServerFacts
from digitmill.upkeep.purge import Purge


def examine(settings: Settings) -> Examination:
    """Look at everything that these settings name; a Redis must be among them.

    Nothing is changed, but that a small blob is written and removed.
    """
    storage = [*storage_findings(settings)]
    inspection = RedisInspection(connect(settings.redis))
    try:
        server = inspection.server()
        service = Service.open(settings)
        if service.mark is not None and service.mark.replaced():
            return Examination([store_replaced(settings), *redis_findings(server, settings), *storage])
        seen = Situation(
            settings=settings,
            store=service.store,
            registry=service.registry,
            inspection=inspection,
            heard=inspection.heard(),
            waiting=service.store.chunks.waiting(),
        )
        findings = [
            *settings_findings(settings, keys_asked=service.keys.asked()),
            *redis_findings(server, settings),
            *storage,
            *model_findings(service.registry),
            *worker_findings(seen),
            *audit_findings(seen),
            *job_findings(seen),
            *webhook_findings(seen),
        ]
        return Examination(findings, _facts(server, seen))
    except StorageUnavailable as error:
        return Examination([_unreachable(error), *storage])


def repair(settings: Settings) -> Mapping[str, int]:
    """Mend what is noted beside the jobs and differs from them, and remove uploads of no job that are an hour old.

    Returns what was mended, and how often. Raises StorageUnavailable.
    """
    service = Service.open(settings)
    return Purge(settings, service.store, service.blobs).repair()


def _facts(server: ServerFacts, seen: Situation) -> dict[str, Any]:
    return {
        "redis": asdict(server),
        "workers": [{**asdict(worker), "silent_seconds": round(seconds, 1)} for worker, seconds in seen.heard],
        "waiting": dict(seen.waiting),
        "queued_images": seen.store.upkeep.queued_images(),
    }


def _unreachable(error: StorageUnavailable) -> Finding:
    return Finding(
        code=Code.REDIS_UNREACHABLE,
        what="Redis does not answer.",
        why=error.detail,
        mend="Start Redis, and see that DIGITMILL_REDIS_URL names it with the right password.",
    )
