"""What an examination finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Stable names of what can be found; docs/administrator.md lists them."""

    BAD_SETTINGS = "bad_settings"
    CONTRADICTORY_SETTINGS = "contradictory_settings"
    NO_SERVICE = "no_service"
    REDIS_UNREACHABLE = "redis_unreachable"
    STORE_REPLACED = "store_replaced"
    REDIS_TOO_OLD = "redis_too_old"
    REDIS_NOT_PERSISTENT = "redis_not_persistent"
    REDIS_CANNOT_WRITE = "redis_cannot_write"
    REDIS_EVICTS = "redis_evicts"
    REDIS_MEMORY_UNLIMITED = "redis_memory_unlimited"
    REDIS_MEMORY_LOW = "redis_memory_low"
    CLOCK_DIFFERS = "clock_differs"
    BLOBS_NOT_WRITABLE = "blobs_not_writable"
    DISK_NEARLY_FULL = "disk_nearly_full"
    NO_DEFAULT_MODEL = "no_default_model"
    NO_WORKER = "no_worker"
    NO_TRAINER = "no_trainer"
    WORKER_SILENT = "worker_silent"
    NOBODY_SWEEPS = "nobody_sweeps"
    COUNTERS_DIFFER = "counters_differ"
    JOB_STUCK = "job_stuck"
    JOB_WAITS = "job_waits"
    JOB_WITHOUT_MODEL = "job_without_model"
    CHUNK_TRIED_OFTEN = "chunk_tried_often"
    WEBHOOK_FAILING = "webhook_failing"
    WEBHOOK_NOT_SENT = "webhook_not_sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Three sentences. ``wrong`` False: worth knowing, and may be meant so. ``subject`` is the job, worker or host."""

    code: Code
    what: str
    why: str
    mend: str
    wrong: bool = True
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Examination:
    """``facts`` are figures for people and machines, as JSON takes them."""

    findings: Sequence[Finding]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        return not any(finding.wrong for finding in self.findings)
