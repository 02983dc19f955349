"""Images that a key may submit in a day."""

from __future__ import annotations

from dataclasses import replace

import pytest

from digitmill.domain.jobs import Job, new_job_id
from digitmill.errors import NotFound, QuotaUsed
from digitmill.store.requests import Idempotency
from tests.store.conftest import IMAGES, Bench

DAY = 86400


def by_key(job: Job, key_id: str = "k1") -> Job:
    """The same once more, by this key."""
    return replace(job, id=new_job_id(), sent_by=key_id)


def test_past_its_images_of_today_a_key_is_refused_and_told_when_to_go_on(bench: Bench) -> None:
    job = by_key(bench.submit(chunks=1))
    bench.store.create(job, most_open=99, images_a_day=2 * IMAGES - 1)
    refused = by_key(job)
    with pytest.raises(QuotaUsed) as error:
        bench.store.create(refused, most_open=99, images_a_day=2 * IMAGES - 1)
    midnight = bench.store.now() + error.value.retry_after
    assert 0 <= midnight % DAY < 5, "whoever waits for so long comes after midnight, and not before"
    with pytest.raises(NotFound):
        bench.store.get(refused.id)
    assert bench.store.images_today(["k1", "k2"]) == [IMAGES, 0]
    bench.store.create(by_key(job, "k2"), most_open=99, images_a_day=IMAGES)


def test_a_job_that_is_sent_again_counts_once(bench: Bench) -> None:
    job, key = by_key(bench.submit(chunks=1)), (Idempotency("k", "digest"), 60.0)
    bench.store.create(job, most_open=99, images_a_day=IMAGES, idempotency=key)
    again = bench.store.create(by_key(job), most_open=99, images_a_day=IMAGES, idempotency=key)
    assert again.job.id == job.id
    assert bench.store.images_today(["k1"]) == [IMAGES]


def test_a_key_without_a_quota_is_not_counted(bench: Bench) -> None:
    bench.store.create(by_key(bench.submit(chunks=1)), most_open=99)
    assert bench.store.images_today(["k1"]) == [0]
    assert bench.store.images_today([]) == []
