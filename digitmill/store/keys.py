"""Names of the keys that ``redis.py`` documents."""

from __future__ import annotations

import hashlib


def job_key(job_id: str) -> str:
    return f"dm:job:{job_id}"


def plan_key(job_id: str) -> str:
    return f"dm:job:{job_id}:plan"


def rows_key(job_id: str) -> str:
    return f"dm:job:{job_id}:rows"


def attempts_key(job_id: str) -> str:
    return f"dm:job:{job_id}:attempts"


def events_channel(job_id: str) -> str:
    return f"dm:job:{job_id}:events"


def idempotency_key(owner: str, key: str) -> str:
    return f"dm:idempotency:{owner}:{hashlib.sha256(key.encode()).hexdigest()}"


def open_key(owner: str) -> str:
    return f"dm:open:{owner}"


def ending_keys(job_id: str, owner: str) -> list[str]:
    return [
        job_key(job_id), plan_key(job_id), rows_key(job_id), attempts_key(job_id),
        "dm:leases", "dm:active", "dm:expiry", "dm:queued", events_channel(job_id),
        open_key(owner),
    ]  # fmt: skip
