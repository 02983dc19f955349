"""Keys: what they look like, who they say asks, and when they end."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from digitmill.domain.access import ApiKey, Scope
from digitmill.errors import Conflict, NotFound, StorageUnavailable, Unauthorized
from digitmill.keys import CACHE_SECONDS, LOCAL, Keys, state_of
from digitmill.settings import Settings
from digitmill.store.connection import connect
from digitmill.store.endpoint_store import SigningSecret
from digitmill.store.key_store import KeyStore
from digitmill.store.webhook_store import WebhookStore
from tests.in_process import empty_redis

DAY = 86400.0


@dataclass
class Ring:
    """The keys of a web process, those of a command beside it, and a clock for both."""

    web: Keys
    command: Keys
    store: KeyStore
    pass_time: Callable[[float], None]
    now: Callable[[], float]

    def refusal(self, text: str) -> Unauthorized:
        with pytest.raises(Unauthorized) as refused:
            self.web.identify(text)
        return refused.value


@pytest.fixture
def ring(request: pytest.FixtureRequest) -> Ring:
    now = [1_700_000_000.0]

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    settings: dict[str, Any] = getattr(request, "param", {})
    store = KeyStore(empty_redis())
    web, command = (Keys(Settings(**settings), store, lambda: now[0]) for _ in range(2))
    return Ring(web, command, store, pass_time, lambda: now[0])


def made(ring: Ring, lifetime: float | None = None) -> tuple[ApiKey, str]:
    return ring.command.create("scanner", [Scope.SUBMIT], lifetime=lifetime)


def test_a_key_shows_its_id_and_is_stored_without_its_secret(ring: Ring) -> None:
    key, text = made(ring)
    match = re.fullmatch(r"dm_([0-9a-f]{12})_([0-9a-f]{48})", text)
    assert match is not None
    assert match[1] == key.id
    assert match[2] not in repr(ring.store.list())
    assert made(ring)[1] != text


def test_a_key_says_who_asks(ring: Ring) -> None:
    key, text = made(ring)
    caller = ring.web.identify(text)
    assert (caller.key_id, caller.key_name, caller.owner, caller.scopes) == (key.id, "scanner", key.owner, key.scopes)
    assert caller.may(Scope.SUBMIT)
    assert not caller.may(Scope.READ)


def test_keys_have_owners_of_their_own_unless_one_is_named(ring: Ring) -> None:
    assert made(ring)[0].owner != made(ring)[0].owner
    shared = [ring.command.create(name, [Scope.READ], lifetime=None, owner="office")[1] for name in "ab"]
    assert {ring.web.identify(text).owner for text in shared} == {"office"}


def test_admin_holds_every_scope(ring: Ring) -> None:
    _, text = ring.command.create("chief", [Scope.ADMIN], lifetime=None)
    assert all(ring.web.identify(text).may(scope) for scope in Scope)


@pytest.mark.parametrize("change", [lambda text: text[:-1] + "g", lambda text: text.upper(), lambda text: f"{text} "])
def test_what_is_not_exactly_the_key_is_refused(ring: Ring, change: Callable[[str], str]) -> None:
    _, text = made(ring)
    ring.refusal(change(text))


@given(sent=st.text() | st.from_regex(r"dm_[0-9a-f]{12}_[0-9a-f]{48}", fullmatch=True))
def test_no_guess_comes_in(sent: str) -> None:
    keys = Keys(Settings(), KeyStore(empty_redis()))
    keys.create("scanner", [Scope.ADMIN], lifetime=None)
    with pytest.raises(Unauthorized):
        keys.identify(sent)


def test_a_wrong_secret_is_refused_under_the_name_of_its_key(ring: Ring) -> None:
    key, text = made(ring)
    refusal = ring.refusal(text[:-48] + "0" * 48)
    assert (refusal.key_id, refusal.key_name) == (key.id, "scanner")
    assert ring.web.identify(text).key_id == key.id


def test_without_any_key_everybody_on_this_machine_is_the_local_caller(ring: Ring) -> None:
    assert ring.web.identify("") == LOCAL
    assert ring.web.identify("whatever") == LOCAL
    made(ring)
    ring.pass_time(CACHE_SECONDS)
    ring.refusal("")
    ring.refusal("whatever")


@pytest.mark.parametrize("ring", [{"host": "0.0.0.0"}], indirect=True)
def test_without_any_key_nobody_else_comes_in(ring: Ring) -> None:
    assert "digitmill keys create" in ring.refusal("").detail


def test_a_service_whose_only_key_is_revoked_goes_on_asking(ring: Ring) -> None:
    key, _ = made(ring)
    ring.command.revoke(key.id)
    ring.refusal("")


@pytest.mark.parametrize("ring", [{"admin_key": SecretStr("correct-horse")}], indirect=True)
def test_the_admin_key_is_the_first_key(ring: Ring) -> None:
    caller = ring.web.identify("correct-horse")
    assert caller.key_id == "admin"
    assert caller.may(Scope.ADMIN)
    ring.refusal("")
    ring.refusal("correct-hors")
    _, text = made(ring)
    assert ring.web.identify(text).owner != caller.owner


def test_the_admin_key_is_told_without_the_store() -> None:
    keys = Keys(Settings(admin_key=SecretStr("k")), KeyStore(connect("redis://127.0.0.1:1/0")))
    assert keys.identify("k").may(Scope.ADMIN)
    with pytest.raises(StorageUnavailable):
        keys.identify(f"dm_{'0' * 12}_{'0' * 48}")


def admin(store: KeyStore, key: str) -> Keys:
    return Keys(Settings(admin_key=SecretStr(key)), store)


def test_the_jobs_of_the_admin_key_stay_its_own_when_it_is_another(ring: Ring) -> None:
    before, after = admin(ring.store, "before"), admin(ring.store, "after")
    assert before.identify("before").owner == after.identify("after").owner == "admin"
    assert before.owner_of("admin") == after.owner_of("admin") == "admin"
    assert after.names_of("admin") == before.names_of("admin") == {"admin": "DIGITMILL_ADMIN_KEY"}


def test_no_other_key_is_made_for_the_jobs_of_the_admin_key(ring: Ring) -> None:
    with pytest.raises(Conflict, match="name another"):
        ring.command.create("scanner", [Scope.READ], lifetime=None, owner="admin")
    assert ring.store.list() == []


def test_what_an_earlier_release_noted_under_the_digest_of_the_admin_key_is_carried_over_before_it_is_used() -> None:
    client = empty_redis()
    secrets = WebhookStore(client)
    keys = admin(KeyStore(client), "before")
    old = hashlib.sha256(b"before").hexdigest()[:16]
    for text in ("first", "of a release that still ran"):
        secrets.change_secrets(old, lambda _, text=text: [SigningSecret(text, None)])  # type: ignore[misc]
        keys = admin(KeyStore(client), "before")
        assert keys.owner_of("admin") == "admin"
        assert secrets.secrets(old) == []
    assert [secret.text for secret in secrets.secrets("admin")] == ["first", "of a release that still ran"]
    assert admin(KeyStore(client), "after").owner_of("admin") == "admin"
    assert len(secrets.secrets("admin")) == 2


def test_a_store_that_is_away_is_no_reason_to_answer_without_the_jobs_of_before() -> None:
    keys = admin(KeyStore(connect("redis://127.0.0.1:1/0")), "k")
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            keys.carry_over()


def test_a_key_expires(ring: Ring) -> None:
    key, text = made(ring, lifetime=DAY)
    ring.pass_time(DAY - 1)
    assert ring.web.identify(text)
    assert state_of(key, ring.now()) == "active"
    ring.pass_time(1)
    refusal = ring.refusal(text)
    assert "expired" in refusal.detail
    assert refusal.key_id == key.id
    assert state_of(key, ring.now()) == "expired"


def test_a_revoked_key_dies_within_seconds_in_a_process_that_knew_it(ring: Ring) -> None:
    key, text = made(ring)
    assert ring.web.identify(text)
    assert state_of(ring.command.revoke(key.id), ring.now()) == "revoked"
    ring.pass_time(CACHE_SECONDS)
    assert "revoked" in ring.refusal(text).detail


def test_revoking_twice_keeps_the_first_time(ring: Ring) -> None:
    key, _ = made(ring)
    first = ring.command.revoke(key.id).revoked_at
    ring.pass_time(5)
    assert ring.command.revoke(key.id).revoked_at == first
    with pytest.raises(NotFound):
        ring.command.revoke("nobody")


def test_a_rotated_key_has_both_secrets_for_the_overlap_and_the_same_owner(ring: Ring) -> None:
    key, old = made(ring)
    before = ring.web.identify(old)
    rotated, new = ring.command.rotate(key.id, overlap=7 * DAY)
    assert rotated.id == key.id
    # a process that has the key as it was finds the new secret all the same
    assert ring.web.identify(new) == ring.web.identify(old) == before
    ring.pass_time(7 * DAY)
    assert "expired" in ring.refusal(old).detail
    assert ring.web.identify(new) == before


def test_a_rotation_without_overlap_ends_all_older_secrets(ring: Ring) -> None:
    key, first = made(ring)
    _, second = ring.command.rotate(key.id, overlap=DAY)
    _, third = ring.command.rotate(key.id, overlap=0)
    ring.pass_time(CACHE_SECONDS)
    ring.refusal(first)
    ring.refusal(second)
    assert ring.web.identify(third)


def test_a_longer_overlap_gives_no_secret_a_longer_life(ring: Ring) -> None:
    key, first = made(ring, lifetime=3 * DAY)
    ring.pass_time(2 * DAY)
    _, second = ring.command.rotate(key.id, overlap=30 * DAY)
    ring.pass_time(DAY)
    ring.refusal(first)
    ring.pass_time(2 * DAY - 1)
    assert ring.web.identify(second)
    ring.pass_time(1)
    ring.refusal(second)


def test_secrets_that_are_over_are_forgotten(ring: Ring) -> None:
    key, _ = made(ring)
    for _ in range(20):
        key, _ = ring.command.rotate(key.id, overlap=10)
        ring.pass_time(11)
    assert len(key.secrets) == 2


def test_a_revoked_key_is_not_rotated(ring: Ring) -> None:
    key, _ = made(ring)
    ring.command.revoke(key.id)
    with pytest.raises(Conflict, match="revoked"):
        ring.command.rotate(key.id, overlap=0)


def test_known_keys_are_read_once_in_a_while(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    _, text = made(ring)
    read: list[str] = []
    find = ring.store.find

    def noted(key_id: str) -> ApiKey | None:
        read.append(key_id)
        return find(key_id)

    monkeypatch.setattr(ring.store, "find", noted)
    for _ in range(50):
        ring.web.identify(text)
    assert len(read) == 1
    ring.pass_time(CACHE_SECONDS)
    ring.web.identify(text)
    assert len(read) == 2


def test_who_signs_in_is_who_the_key_says_until_the_key_ends(ring: Ring) -> None:
    key, text = ring.command.create("desk", [Scope.READ], lifetime=None)
    token = ring.web.sign_in(text)
    assert ring.web.signed_in(token) == ring.web.identify(text)
    assert text not in token
    ring.command.revoke(key.id)
    ring.pass_time(CACHE_SECONDS)
    with pytest.raises(Unauthorized, match="revoked"):
        ring.web.signed_in(token)


def test_a_rotated_secret_signs_out_once_it_is_over(ring: Ring) -> None:
    key, text = ring.command.create("desk", [Scope.READ], lifetime=None)
    token = ring.web.sign_in(text)
    ring.command.rotate(key.id, overlap=60)
    ring.pass_time(CACHE_SECONDS)
    assert ring.web.signed_in(token).key_id == key.id
    ring.pass_time(61)
    with pytest.raises(Unauthorized, match="expired"):
        ring.web.signed_in(token)


def test_a_token_ends_with_signing_out_and_an_invented_one_is_nobodys(ring: Ring) -> None:
    _, text = ring.command.create("desk", [Scope.READ], lifetime=None)
    token = ring.web.sign_in(text)
    ring.web.sign_out(token)
    for each in (token, "", "invented"):
        with pytest.raises(Unauthorized, match="sign in again"):
            ring.web.signed_in(each)
    with pytest.raises(Unauthorized):
        ring.web.sign_in(text + "0")
