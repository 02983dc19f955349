"""The words of who may do what: keys, their secrets and scopes, and the caller."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key lets its holder do; ``admin`` holds the other three."""

    SUBMIT = "submit"
    READ = "read"
    REVIEW = "review"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret of a key, as the SHA-256 of its text in hex. ``expires_at`` None: it does not end by itself."""

    sha256: str
    expires_at: float | None


@dataclass(frozen=True, slots=True)
class Quotas:
    """What a key may use; None sets no limit of its own. ``images_a_day``: those of its jobs, from midnight to midnight
    (UTC). ``open_jobs``: of its owner, before it may submit another. ``requests_a_minute`` to /v1. ``keep_seconds``: so
    long, and no longer, are its jobs kept after their end."""

    images_a_day: int | None = None
    open_jobs: int | None = None
    requests_a_minute: int | None = None
    keep_seconds: int | None = None


NO_QUOTAS = Quotas()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key to the HTTP interface. Jobs belong to its ``owner``, who may have other keys too.

    ``secrets`` begin with the one in force; the others live on for a while after a rotation. ``lifetime`` are the
    seconds that each new secret is given, None for no end.
    """

    id: str
    name: str
    owner: str
    scopes: frozenset[Scope]
    created_at: float
    lifetime: float | None
    secrets: tuple[Secret, ...]
    revoked_at: float | None = None
    quotas: Quotas = NO_QUOTAS


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the key that was sent, and whose jobs it opens."""

    key_id: str
    key_name: str
    owner: str
    scopes: frozenset[Scope]
    quotas: Quotas = NO_QUOTAS

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes
