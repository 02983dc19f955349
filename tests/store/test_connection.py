"""The client of Redis."""

from __future__ import annotations

from redis.connection import DefaultParser

from digitmill.store.connection import connect


def test_redis_is_spoken_with_in_c(redis_url: str) -> None:
    # redis-py goes on without a word where hiredis is missing or too old, at twice the cost
    client = connect(redis_url)
    assert client.ping()
    connection = client.connection_pool.get_connection()
    assert isinstance(connection._parser, DefaultParser)
    assert DefaultParser.__module__ == "redis._parsers.hiredis"
    client.close()
