"""The client of Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from redis.connection import DefaultParser

from digitmill.errors import StorageUnavailable
from digitmill.store.connection import connect
from digitmill.store.redis import RedisJobStore
from tests.store.test_gathered import wait_until


def test_redis_is_spoken_with_in_c(redis_url: str) -> None:
    # redis-py goes on without a word where hiredis is missing or too old, at twice the cost
    client = connect(redis_url)
    assert client.ping()
    connection = client.connection_pool.get_connection()
    assert isinstance(connection._parser, DefaultParser)
    assert DefaultParser.__module__ == "redis._parsers.hiredis"
    client.close()


@pytest.fixture
def open_redis_url(redis_url: str) -> Iterator[str]:
    """The address of a Redis that asks for no password, as that of docker-compose.yml, while the test lasts."""
    with redis.Redis.from_url(redis_url) as client:
        password = client.connection_pool.connection_kwargs["password"]
        client.acl_setuser("default", enabled=True, nopass=True)
        yield redis_url.replace(f":{password}@", "", 1)
        client.config_set("requirepass", password)


def test_a_client_that_fails_at_once_finds_a_redis_again_that_was_silent_for_long(open_redis_url: str) -> None:
    client, other = connect(open_redis_url, patient=False), connect(open_redis_url)
    assert client.ping()
    other.client_pause(1500)
    with pytest.raises(redis.TimeoutError):
        client.ping()
    # after so long, each connection first asks whether Redis lives, also while it connects again
    for connection in client.connection_pool._available_connections:
        connection.next_health_check = 0
    wait_until(lambda: answers(client))
    client.close()
    other.close()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.TimeoutError:
        return False


def test_where_no_sentinel_answers_it_is_said_so() -> None:
    client = connect("sentinel://127.0.0.1:1,127.0.0.1:2/mill")
    with pytest.raises(StorageUnavailable, match=r"No Sentinel names a Redis to go to.*'mill'"):
        RedisJobStore(client).upkeep.ping()
