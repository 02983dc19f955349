"""Waiting for the ends of many jobs over one connection, which may break."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import redis

from digitmill.domain.jobs import Computation, Counts, Job, JobState, ModelReference, Options, new_job_id
from digitmill.domain.precedence import QueueName
from digitmill.store.base import Done, PackedChunk
from digitmill.store.redis import RedisJobStore
from digitmill.store.redis_followers import Followers
from tests.store.conftest import take_chunk


def job_named(name: str, chunks: int = 1) -> Job:
    return Job(
        id=name,
        owner="ann",
        state=JobState.QUEUED,
        queue=QueueName.INTERACTIVE,
        created_at=time.time(),
        counts=Counts(total=4, skipped=1),
        chunks=chunks,
        model=ModelReference("digits", "1", "0" * 64),
        options=Options(model="digits@1", review_below=0.9, expires_in=60),
        blob=name,
    )


def test_many_wait_over_one_connection_and_each_hears_its_own(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        followers = Followers(client)
        before = threading.active_count()
        endings = {name: followers.follow(job_named(name), []) for name in ("a", "b", "c")}
        assert threading.active_count() == before + 1
        assert client.pubsub_numsub(followers.channel) == [(followers.channel.encode(), 1)]
        client.publish(followers.channel, "in a way of old")
        client.publish(followers.channel, "1\nb1\nc")
        assert endings["b"].wait(60)
        assert endings["c"].wait(60)
        assert not endings["a"].wait(0)
        for completion in endings.values():
            completion.close()
        followers.close()


def test_a_broken_connection_wakes_all_who_wait_so_that_they_look(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        followers = Followers(client)
        completion = followers.follow(job_named("a"), [])
        completion.wait(0)
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        assert completion.wait(60)
        client.publish(followers.channel, "1\na")
        assert completion.wait(60)
        completion.close()
        followers.close()


@pytest.mark.parametrize("computed_by", [None, Computation("openvino", "int8", "cpu")])
@pytest.mark.parametrize("chunks", [1, 2])
def test_the_news_of_a_small_job_brings_what_it_came_to(
    redis_url: str, chunks: int, computed_by: Computation | None
) -> None:
    rows = b"rows\nof any\0bytes"
    with redis.Redis.from_url(redis_url) as client:
        store = RedisJobStore(client)
        job = job_named(new_job_id(), chunks)
        plan = [PackedChunk(2 * number, b"entries") for number in range(chunks)]
        completion = store.follow(job, plan)
        assert completion.first_chunk() is None
        store.create(job, most_open=9, plan=plan, followed=True)
        for chunk in range(chunks):
            claim = take_chunk(store, job.id, chunk, 5)
            assert claim is not None
            store.chunks.complete(
                claim, rows, Counts(total=4 // chunks, statuses=Counter(recognized=1, review=1)), computed_by
            )
        assert completion.wait(60)
        assert completion.first_chunk() == (store.open(job.id) if chunks == 1 else None)
        assert store.get(job.id).computed_by == (() if computed_by is None else (computed_by,))
        assert replace(store.get(job.id).counts, skipped=0) == Counts(
            total=4, statuses=Counter(recognized=chunks, review=chunks)
        )
        completion.close()
        store.close()


def test_what_a_worker_of_the_release_before_tells_wakes_who_waits_and_no_more(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        store = RedisJobStore(client)
        job, plan = job_named(new_job_id()), [PackedChunk(0, b"entries")]
        completion = store.follow(job, plan)
        store.create(job, most_open=9, plan=plan, followed=True)
        news = f"{job.id} 1.000 2.000 3.000 4 0 0 0 keras/f32/cpu\nrows"
        client.publish(client.hget(f"dm:job:{job.id}", "follower"), f"{len(news)}\n{news}")
        assert completion.wait(60)
        assert completion.first_chunk() is None
        completion.close()
        store.close()


def test_jobs_that_end_together_are_told_of_in_one_message_and_each_brings_its_own_rows(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        store = RedisJobStore(client)
        listener: Any = client.pubsub()
        jobs = [job_named(new_job_id()) for _ in range(3)]
        plan = [PackedChunk(0, b"entries")]
        endings = [store.follow(job, plan) for job in jobs]
        for job in jobs:
            store.create(job, most_open=9, plan=plan, followed=True)
        claims = [claim for job in jobs if (claim := take_chunk(store, job.id, 0, 5))]
        listener.subscribe(client.hget(f"dm:job:{jobs[0].id}", "follower"))
        listener.get_message(timeout=60)
        rows = [b"rows\n%d" % number for number in range(3)]
        store.chunks.complete_all(
            [
                Done(claim, each, Counts(total=4, statuses=Counter(blank=4)))
                for claim, each in zip(claims, rows, strict=True)
            ]
        )
        for completion, job, each in zip(endings, jobs, rows, strict=True):
            assert completion.wait(60)
            assert completion.first_chunk() == store.open(job.id)
            assert store.open(job.id).rows == each
            completion.close()
        assert listener.get_message(timeout=60)["type"] == "message"
        assert listener.get_message(timeout=0.2) is None
        listener.close()
        store.close()


def test_changes_of_many_jobs_come_over_the_same_connection_and_to_who_asked_for_them(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        followers, told = Followers(client), list[str]()
        before = threading.active_count()
        first, second = followers.subscribe("a", lambda: told.append("a")), followers.subscribe("a", lambda: None)
        other = followers.subscribe("b", lambda: told.append("b"))
        assert threading.active_count() == before + 1
        assert client.pubsub_numsub("dm:job:a:events", "dm:job:b:events") == [
            (b"dm:job:a:events", 1),
            (b"dm:job:b:events", 1),
        ]
        client.publish("dm:job:a:events", "progress")
        assert first.wait(60)
        assert second.wait(60)
        assert not other.wait(0)
        assert told == ["a"]
        first.close()
        client.publish("dm:job:a:events", "progress")
        assert second.wait(60), "the channel stays as long as anybody wants it"
        assert not first.wait(0)
        for changes in (second, other):
            changes.close()
        again = followers.subscribe("a", lambda: told.append("again"))
        client.publish("dm:job:a:events", "progress")
        assert again.wait(60)
        again.close()
        followers.close()


def test_changes_that_a_broken_connection_may_have_hidden_are_told(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        followers = Followers(client)
        changes = followers.subscribe("a", lambda: None)
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        assert changes.wait(60)
        client.publish("dm:job:a:events", "progress")
        assert changes.wait(60)
        changes.close()
        followers.close()
