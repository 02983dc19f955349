"""Names of the keys that ``redis.py`` documents."""

from __future__ import annotations

import hashlib

from digitmill.domain.roles import Role

TOMBSTONE_SECONDS = 7 * 86400
"""How long the record of an expired job answers "expired" before it becomes unknown."""

WEBHOOKS_DUE = "dm:webhooks:due"
WAITING, CALLED, TURN, WORKERS = "dm:waiting", "dm:called", "dm:turn", "dm:workers"
TEMPLATES = "dm:templates"


def of_role(key: str, role: Role) -> str:
    """WAITING, CALLED or WORKERS of the workers of this role."""
    return key if role is Role.READER else f"{key}:{role}"


def list_key(waiting: str, owner: str) -> str:
    """The jobs of one owner that wait there."""
    return f"{waiting}:of:{owner}"


def job_key(job_id: str) -> str:
    return f"dm:job:{job_id}"


def plan_key(job_id: str) -> str:
    return f"dm:job:{job_id}:plan"


def rows_key(job_id: str) -> str:
    return f"dm:job:{job_id}:rows"


def attempts_key(job_id: str) -> str:
    return f"dm:job:{job_id}:attempts"


def corrections_key(job_id: str) -> str:
    return f"dm:job:{job_id}:corrections"


def entries_key(job_id: str) -> str:
    return f"dm:job:{job_id}:entries"


def history_key(job_id: str) -> str:
    return f"dm:job:{job_id}:history"


def revised_key(job_id: str) -> str:
    return f"dm:job:{job_id}:revised"


def groups_key(job_id: str) -> str:
    return f"dm:job:{job_id}:groups"


def review_key(job_id: str) -> str:
    return f"dm:job:{job_id}:review"


def indexed_key(job_id: str) -> str:
    return f"dm:job:{job_id}:indexed"


def held_key(job_id: str) -> str:
    return f"dm:job:{job_id}:held"


def notes_key(job_id: str) -> str:
    return f"dm:job:{job_id}:notes"


def looks_key(job_id: str) -> str:
    return f"dm:job:{job_id}:looks"


def content_keys(job_id: str) -> list[str]:
    """What goes when a job expires: its plan, its rows, and what people made of them."""
    return [
        plan_key(job_id), rows_key(job_id), corrections_key(job_id), history_key(job_id), revised_key(job_id),
        review_key(job_id), indexed_key(job_id), held_key(job_id), groups_key(job_id),
        notes_key(job_id), looks_key(job_id), entries_key(job_id), deliveries_key(job_id),
    ]  # fmt: skip


def events_channel(job_id: str) -> str:
    return f"dm:job:{job_id}:events"


def webhook_log_key(event: str) -> str:
    return f"dm:webhooks:log:{event}"


def webhook_test_key(endpoint_id: str) -> str:
    return f"dm:webhooks:test:{endpoint_id}"


def deliveries_key(job_id: str) -> str:
    return f"dm:job:{job_id}:deliveries"


def idempotency_key(owner: str, key: str) -> str:
    return f"dm:idempotency:{owner}:{hashlib.sha256(key.encode()).hexdigest()}"


def used_key(key_id: str) -> str:
    return f"dm:used:{key_id}"


def jobs_key(owner: str) -> str:
    return f"dm:jobs:{owner}"


def open_key(owner: str) -> str:
    return f"dm:open:{owner}"


def claim_of(member: bytes) -> tuple[str, int] | None:
    """Job and chunk of a member of ``dm:leases`` or of ``dm:waiting``; None for what is neither."""
    job_id, _, chunk = member.decode(errors="replace").partition(" ")
    return (job_id, int(chunk)) if chunk.isdigit() else None


def ending_keys(job_id: str, owner: str) -> list[str]:
    return [
        job_key(job_id), plan_key(job_id), rows_key(job_id), attempts_key(job_id),
        "dm:leases", "dm:active", "dm:expiry", "dm:queued", events_channel(job_id),
        open_key(owner), WEBHOOKS_DUE,
    ]  # fmt: skip
