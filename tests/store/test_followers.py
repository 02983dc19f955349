"""Waiting for the ends of many jobs over one connection, which may break."""

from __future__ import annotations

import threading

import redis

from digitmill.store.redis_followers import Followers


def test_many_wait_over_one_connection_and_each_hears_its_own(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        followers = Followers(client)
        before = threading.active_count()
        endings = {name: followers.follow(name) for name in ("a", "b", "c")}
        assert threading.active_count() == before + 1
        assert client.pubsub_numsub(followers.channel) == [(followers.channel.encode(), 1)]
        client.publish(followers.channel, "b")
        assert endings["b"].wait(5)
        assert not endings["a"].wait(0)
        for ending in endings.values():
            ending.close()
        followers.close()


def test_a_broken_connection_wakes_all_who_wait_so_that_they_look(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        followers = Followers(client)
        ending = followers.follow("a")
        ending.wait(0)
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        assert ending.wait(10)
        client.publish(followers.channel, "a")
        assert ending.wait(10)
        ending.close()
        followers.close()
