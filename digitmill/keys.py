"""API keys: make, list, rotate, revoke, and find out who asks, with a key or from a browser signed in with one.

A key reads ``dm_<id>_<secret>``: the id (48 bits, hex) is public and stands in lists and log lines, the secret (192
random bits, hex) is shown once and stored as its SHA-256 alone. A slow hash, as passwords need, would guard nothing
here: nobody can try out 2^192 secrets, and it would cost every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from digitmill.domain.access import NO_QUOTAS, ApiKey, Caller, Quotas, Scope, Secret
from digitmill.errors import Conflict, NotFound, Unauthorized
from digitmill.settings import Settings
from digitmill.store.key_store import KeyStore, Session

CACHE_SECONDS = 3.0
"""How long a process goes by what it last read of a key: at the latest then a revoked one is refused."""

SESSION_SECONDS = 12 * 3600
"""How long a browser stays signed in: a working day."""

_ID_BYTES, _SECRET_BYTES = 6, 24
_SHAPE = re.compile(rf"dm_([0-9a-f]{{{2 * _ID_BYTES}}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})")
_EVERYTHING = frozenset(Scope)

ADMIN = "admin"
"""The id of DIGITMILL_ADMIN_KEY, and the owner of its jobs, whatever the key is."""
ADMIN_NAME = "DIGITMILL_ADMIN_KEY"

LOCAL = Caller("local", "none is asked", "local", _EVERYTHING)
"""Everybody, while no key is asked."""


class Keys:
    """``clock`` gives seconds; tests pass one of their own.

    ``verify`` raises where the store may have lost its keys.
    """

    def __init__(
        self,
        settings: Settings,
        store: KeyStore,
        clock: Callable[[], float] = time.time,
        verify: Callable[[], None] = lambda: None,
    ) -> None:
        admin = settings.admin_key
        self._admin = None if admin is None else _digest(admin.get_secret_value())
        self._on_loopback = settings.on_loopback
        self._store = store
        self._clock = clock
        self._verify = verify
        self._cache: dict[str, tuple[ApiKey, float]] = {}
        self._asked: tuple[bool, float] = (False, float("-inf"))
        self._carrying = threading.Lock()
        self._carried_at: float | None = None

    def create(
        self,
        name: str,
        scopes: Iterable[Scope],
        *,
        lifetime: float | None,
        owner: str | None = None,
        quotas: Quotas = NO_QUOTAS,
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which cannot be had again. Without ``owner`` it has jobs of its own.

        Raises:
            Conflict: the owner is ADMIN.
        """
        if owner == ADMIN:
            raise Conflict(f"The owner `{ADMIN}` is that of {ADMIN_NAME} alone; name another with --owner.")
        key_id, now = secrets.token_hex(_ID_BYTES), self._clock()
        text = _new_text(key_id)
        key = ApiKey(
            id=key_id,
            name=name,
            owner=owner or key_id,
            scopes=frozenset(scopes),
            created_at=now,
            lifetime=lifetime,
            secrets=(_secret(text, now, lifetime),),
            quotas=quotas,
        )
        self._store.add(key)
        return key, text

    def rotate(self, key_id: str, *, overlap: float) -> tuple[ApiKey, str]:
        """Give the key a new secret, with a lifetime that begins now; the old ones end in ``overlap`` seconds.

        Raises:
            NotFound: there is no such key.
            Conflict: it is revoked.
        """
        now, text = self._clock(), _new_text(key_id)

        def rotated(key: ApiKey) -> ApiKey:
            if key.revoked_at is not None:
                raise Conflict(f"Key {key_id} is revoked, which is for good; create another.")
            old = [_ending(secret, now + overlap) for secret in key.secrets if _lives(secret, now)]
            return replace(key, secrets=(_secret(text, now, key.lifetime), *old))

        return self._store.update(key_id, rotated), text

    def limit(self, key_id: str, quotas: Quotas) -> ApiKey:
        """Give the key these quotas in place of those that it has. Raises NotFound."""
        return self._store.update(key_id, lambda key: replace(key, quotas=quotas))

    def quotas_of(self, key_id: str | None) -> Quotas:
        """None, or a key that is none of ours, has none. Raises StorageUnavailable."""
        cached = self._cache.get(key_id or "")
        if cached is not None and self._fresh(cached[1]):
            return cached[0].quotas
        key = None if key_id in (None, ADMIN, LOCAL.key_id) else self._store.find(str(key_id))
        return NO_QUOTAS if key is None else key.quotas

    def revoke(self, key_id: str) -> ApiKey:
        """Let the key end now, with all its secrets. Raises NotFound."""
        now = self._clock()
        return self._store.update(
            key_id, lambda key: replace(key, revoked_at=now if key.revoked_at is None else key.revoked_at)
        )

    def list(self) -> Sequence[ApiKey]:
        """All keys, oldest first, those that have ended too."""
        return self._store.list()

    def owner_of(self, key_id: str | None) -> str:
        """Whose jobs a key opens; ``admin`` is the admin key, and None everybody while no key is asked.

        Raises:
            NotFound: there is no such key.
            Conflict: it is revoked; or none was named, and keys are asked.
        """
        if key_id is None:
            if self.asked():
                raise Conflict(
                    "This service asks for keys: name the one that it is for. `digitmill keys list` has them."
                )
            return LOCAL.owner
        if key_id == ADMIN and self._admin is not None:
            self.carry_over()
            return ADMIN
        key = self._store.find(key_id)
        if key is None:
            raise NotFound(f"There is no key {key_id}.")
        if key.revoked_at is not None:
            raise Conflict(f"Key {key_id} is revoked, which is for good; create another.")
        return key.owner

    def carry_over(self) -> None:
        """Give to ADMIN what earlier releases noted under the digest of the admin key. To be called before ADMIN's jobs
        are looked at. A process looks again after CACHE_SECONDS: such a release may still run, or a backup of one be
        restored.

        Raises:
            StorageUnavailable: the store does not answer.
        """
        if self._admin is None or (self._carried_at is not None and self._fresh(self._carried_at)):
            return
        # who has done so before does not wait for another thread
        if not self._carrying.acquire(blocking=self._carried_at is None):
            return
        try:
            if self._carried_at is None or not self._fresh(self._carried_at):
                self._store.carry_over(self._admin[:16], ADMIN)
                self._carried_at = self._clock()
        finally:
            self._carrying.release()

    def names_of(self, owner: str) -> dict[str, str]:
        """The names of the keys that open this owner's jobs, by id, those that have ended too."""
        names = {key.id: key.name for key in self._store.list() if key.owner == owner}
        if owner == ADMIN:
            names[ADMIN] = ADMIN_NAME
        return names

    def asked(self) -> bool:
        """Whether callers must send a key: one is set, or was ever made. Who once said so stays with it.

        Raises StoreReplaced where the store lacks the keys that it once had, and StorageUnavailable.
        """
        if self._admin is not None:
            return True
        asked, read_at = self._asked
        if not asked and not self._fresh(read_at):
            asked = self._store.any()
            if not asked:
                self._verify()
            self._asked = asked, self._clock()
        return asked

    def identify(self, sent: str) -> Caller:
        """Who sends this text; empty where nothing was sent.

        Raises:
            Unauthorized: a key is asked, and this is none that is valid.
            StorageUnavailable: the key store does not answer. The admin key is told without it.
        """
        digest = _digest(sent)
        if self._admin is not None and hmac.compare_digest(digest, self._admin):
            return self._admin_caller()
        shape = _SHAPE.fullmatch(sent)
        key = self._find(shape[1], digest) if shape else None
        if key is not None:
            return self._caller(key, digest)
        if self.asked():
            raise Unauthorized("Send a valid key as `Authorization: Bearer <key>`.")
        if not self._on_loopback:
            raise Unauthorized("This service has no key yet; its administrator makes one with `digitmill keys create`.")
        return LOCAL

    def sign_in(self, sent: str) -> str:
        """A token that stands for this key for SESSION_SECONDS, or until the key ends or the browser signs out.

        Raises:
            Unauthorized: it is no valid key.
        """
        caller = self.identify(sent)
        token = secrets.token_hex(_SECRET_BYTES)
        session = Session(caller.key_id, _digest(sent))
        self._store.open_session(_digest(token), session, seconds=SESSION_SECONDS)
        return token

    def signed_in(self, token: str) -> Caller:
        """Who signed in and got this token.

        Raises:
            Unauthorized: nobody, or the time is up, or the key has ended.
        """
        session = self._store.session(_digest(token))
        if session is None:
            raise Unauthorized("You are not signed in, or no longer; sign in again.")
        if session.key_id == ADMIN:
            if self._admin is None or not hmac.compare_digest(session.secret_sha256, self._admin):
                raise Unauthorized("The admin key is another one now; sign in again.")
            return self._admin_caller()
        key = self._find(session.key_id, session.secret_sha256)
        if key is None:
            raise Unauthorized("You are not signed in, or no longer; sign in again.")
        return self._caller(key, session.secret_sha256)

    def sign_out(self, token: str) -> None:
        self._store.close_session(_digest(token))

    def _admin_caller(self) -> Caller:
        return Caller(ADMIN, ADMIN_NAME, ADMIN, _EVERYTHING)

    def _caller(self, key: ApiKey, digest: str) -> Caller:
        secret = _matching(key, digest)
        reason = None
        if secret is None:
            reason = "Send a valid key as `Authorization: Bearer <key>`."
        elif key.revoked_at is not None:
            reason = "This key was revoked; ask the administrator for another."
        elif not _lives(secret, self._clock()):
            reason = "This key has expired; ask the administrator for another."
        if reason is not None:
            raise Unauthorized(reason, key_id=key.id, key_name=key.name)
        return Caller(key.id, key.name, key.owner, key.scopes, key.quotas)

    def _find(self, key_id: str, digest: str) -> ApiKey | None:
        cached = self._cache.get(key_id)
        # a secret that the cache does not know may be newer than the cache
        if cached is not None and self._fresh(cached[1]) and _matching(cached[0], digest) is not None:
            return cached[0]
        key = self._store.find(key_id)
        if key is not None:
            self._cache[key_id] = key, self._clock()
        return key

    def _fresh(self, read_at: float) -> bool:
        return 0 <= self._clock() - read_at < CACHE_SECONDS


def state_of(key: ApiKey, now: float) -> str:
    """``active``, ``expired`` or ``revoked``."""
    if key.revoked_at is not None:
        return "revoked"
    return "active" if any(_lives(secret, now) for secret in key.secrets) else "expired"


def _new_text(key_id: str) -> str:
    return f"dm_{key_id}_{secrets.token_hex(_SECRET_BYTES)}"


def _secret(text: str, now: float, lifetime: float | None) -> Secret:
    return Secret(_digest(text), None if lifetime is None else now + lifetime)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _matching(key: ApiKey, digest: str) -> Secret | None:
    # digests have one length, so the comparison tells nothing about the secret
    return next((secret for secret in key.secrets if hmac.compare_digest(secret.sha256, digest)), None)


def _lives(secret: Secret, now: float) -> bool:
    return secret.expires_at is None or now < secret.expires_at


def _ending(secret: Secret, at: float) -> Secret:
    return secret if secret.expires_at is not None and secret.expires_at <= at else replace(secret, expires_at=at)
