"""Signatures, and the secrets that make them."""

from __future__ import annotations

import time

import fakeredis
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from digitmill.store.webhook_store import WebhookStore
from digitmill.webhooks.signing import Secrets, signed_headers


def test_a_signature_is_the_one_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed_headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9, '{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_live_at_once_and_each_receiver_finds_its_own_signature() -> None:
    now = [1_700_000_000.0]
    secrets = Secrets(WebhookStore(fakeredis.FakeRedis(server=fakeredis.FakeServer())), lambda: now[0])
    assert secrets.live("ann") == []
    first = secrets.renew("ann", overlap=60)
    second = secrets.renew("ann", overlap=60)
    assert secrets.live("ann") == [second, first]
    assert secrets.live("bob") == []
    headers = dict(signed_headers(secrets.live("ann"), "msg_1", time.time(), '{"a":1}'))
    for secret in (first, second):
        assert Webhook(secret).verify(b'{"a":1}', headers) == {"a": 1}
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(b'{"a":2}', headers)
    third = secrets.renew("ann", overlap=60)
    assert secrets.live("ann") == [third, second]
    now[0] += 61
    assert secrets.live("ann") == [third]


def test_an_overlap_of_nothing_ends_the_old_secret_at_once() -> None:
    secrets = Secrets(WebhookStore(fakeredis.FakeRedis(server=fakeredis.FakeServer())))
    secrets.renew("ann", overlap=60)
    assert [secrets.renew("ann", overlap=0)] == secrets.live("ann")
