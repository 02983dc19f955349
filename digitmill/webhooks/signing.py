"""What webhooks are signed with: secrets of an owner, two at once while one follows the other.

Standard Webhooks 1.0 (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body. The secret signs, so it
cannot be stored as a hash as keys are; whoever can read Redis can sign.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from standardwebhooks import Webhook

from digitmill.store.endpoint_store import SigningSecret
from digitmill.store.webhook_store import WebhookStore

PREFIX = "whsec_"
SECRET_BYTES = 32


class Secrets:
    """``clock`` gives seconds; tests pass one of their own."""

    def __init__(self, store: WebhookStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def renew(self, owner: str, *, overlap: float) -> str:
        """Give the owner a new secret, which cannot be had again; the one before it ends in ``overlap`` seconds.

        Those still older end now, so that at most two live.
        """
        text, now = new_secret(), self._clock()
        self._store.change_secrets(owner, lambda old: renewed(old, text, now + overlap))
        return text

    def live(self, owner: str) -> list[str]:
        """The secrets to sign with, newest first; empty where none was made."""
        return live_of(self._store.secrets(owner), self._clock())


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def renewed(old: Sequence[SigningSecret], text: str, until: float) -> list[SigningSecret]:
    """A new secret, and the last of the old ones until then."""
    return [SigningSecret(text, None), *(replace(secret, expires_at=until) for secret in old[:1])]


def live_of(known: Sequence[SigningSecret], now: float) -> list[str]:
    """The texts of those that have not ended."""
    return [secret.text for secret in known if secret.expires_at is None or now < secret.expires_at]


def signed_headers(live: Sequence[str], message_id: str, at: float, body: str) -> Mapping[str, str]:
    """The three headers of one attempt, which is made ``at`` this time, with a signature for each secret."""
    moment = datetime.fromtimestamp(int(at), UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, body) for secret in live),
    }
