"""What every store of API keys must do; the same body runs over each of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import redis

from digitmill.domain.access import ApiKey, Scope, Secret
from digitmill.errors import Conflict, NotFound, StorageUnavailable
from digitmill.store.connection import connect
from digitmill.store.key_store import KeyStore, Session
from tests.in_process import empty_redis

KEY = ApiKey(
    id="0123456789ab",
    name="Scanner im Büro",
    owner="office",
    scopes=frozenset({Scope.SUBMIT, Scope.READ}),
    created_at=1_700_000_000.25,
    lifetime=3600.0,
    secrets=(Secret("ab" * 32, 1_700_003_600.25), Secret("cd" * 32, None)),
)


@pytest.fixture(params=["fakeredis", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[KeyStore]:
    if request.param == "fakeredis":
        yield KeyStore(empty_redis())
    else:
        with redis.Redis.from_url(request.getfixturevalue("empty_redis_url")) as client:
            yield KeyStore(client)


def test_a_key_reads_back_as_it_was(store: KeyStore) -> None:
    store.add(KEY)
    endless = replace(KEY, id="ba9876543210", lifetime=None, created_at=1.0, revoked_at=2.5)
    store.add(endless)
    assert store.find(KEY.id) == KEY
    assert store.list() == [endless, KEY]


def test_an_unknown_key_is_none(store: KeyStore) -> None:
    assert store.find("nobody") is None
    with pytest.raises(NotFound, match="nobody"):
        store.update("nobody", lambda key: key)


def test_the_store_tells_whether_there_ever_was_a_key(store: KeyStore) -> None:
    assert not store.any()
    assert store.list() == []
    store.add(KEY)
    store.update(KEY.id, lambda key: replace(key, revoked_at=3.0))
    assert store.any()


def test_an_id_is_given_once(store: KeyStore) -> None:
    store.add(KEY)
    with pytest.raises(Conflict):
        store.add(replace(KEY, name="other"))
    assert store.find(KEY.id) == KEY


def test_a_change_takes_the_place_of_what_was(store: KeyStore) -> None:
    store.add(KEY)
    changed = store.update(KEY.id, lambda key: replace(key, name=f"{key.name}, new"))
    assert changed.name == "Scanner im Büro, new"
    assert store.find(KEY.id) == changed


def test_a_change_that_is_refused_changes_nothing(store: KeyStore) -> None:
    def refuse(key: ApiKey) -> ApiKey:
        raise Conflict("No.")

    store.add(KEY)
    with pytest.raises(Conflict):
        store.update(KEY.id, refuse)
    assert store.find(KEY.id) == KEY


def test_changes_at_the_same_time_all_count(store: KeyStore) -> None:
    store.add(replace(KEY, secrets=()))

    def add_secret(number: int) -> None:
        store.update(KEY.id, lambda key: replace(key, secrets=(*key.secrets, Secret(f"{number:064x}", None))))

    with ThreadPoolExecutor(4) as callers:
        list(callers.map(add_secret, range(12)))
    found = store.find(KEY.id)
    assert found is not None
    assert sorted(int(secret.sha256, 16) for secret in found.secrets) == list(range(12))


def test_a_redis_that_does_not_answer_is_an_unavailable_storage() -> None:
    store = KeyStore(connect("redis://127.0.0.1:1/0"))
    for call in (store.any, store.list, lambda: store.find("x"), lambda: store.add(KEY)):
        with pytest.raises(StorageUnavailable):
            call()
    with pytest.raises(StorageUnavailable):
        store.update(KEY.id, lambda key: key)


def test_a_session_is_there_until_it_is_closed(store: KeyStore) -> None:
    session = Session(KEY.id, "ab" * 32)
    store.open_session("token", session, seconds=60)
    assert store.session("token") == session
    assert store.session("another") is None
    store.close_session("token")
    store.close_session("token")
    assert store.session("token") is None


def test_a_session_ends_by_itself(store: KeyStore) -> None:
    store.open_session("token", Session(KEY.id, "ab" * 32), seconds=1)
    deadline = time.monotonic() + 60
    while store.session("token") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
