"""Owners whose jobs wait share the workers by images; the jobs of each go by priority, then in turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from digitmill.domain.jobs import Counts, Job, JobState
from digitmill.domain.precedence import Priority, QueueName
from digitmill.store.base import Done
from digitmill.store.orders import Order
from tests.store.conftest import Bench

CHUNK, FEW = 1000, 250
"""Images of a chunk of a large job, and of one of a job of 2,000."""


def given(bench: Bench, chunks: int = 10**9) -> Iterator[tuple[Job, int]]:
    """Jobs, and the images that a worker is given of each, one chunk after the other; each is completed at once."""
    for _ in range(chunks):
        claims = bench.store.chunks.take(Order(1, 60)).claims
        if not claims:
            return
        (claim,) = claims
        images = claim.job.counts.total // claim.job.chunks
        counts = Counts(total=images, statuses=Counter(recognized=images))
        bench.store.chunks.complete_all([Done(claim, b"rows", counts)])
        yield claim.job, images


def images_until_done(bench: Bench, jobs: list[Job]) -> dict[str, int]:
    """Of each owner, the images that workers were given, of whomever, until his job was done."""
    left, all_given = {job.id: job.counts.total for job in jobs}, 0
    ends: dict[str, int] = {}
    for job, images in given(bench):
        all_given += images
        if job.id in left:
            left[job.id] -= images
            if not left[job.id]:
                ends[job.owner] = all_given
        if len(ends) == len(jobs):
            break
    return ends


@pytest.mark.parametrize(("jobs", "chunks"), [(8, 30), (20, 2), (1, 100)])
def test_whoever_sends_a_hundred_times_as_much_holds_up_three_others_for_three_times_at_most(
    bench: Bench, jobs: int, chunks: int
) -> None:
    for _ in range(jobs):
        bench.submit(owner="ann", chunks=chunks, images=CHUNK)
    assert len(list(given(bench, 10))) == 10
    others = [bench.submit(owner=owner, chunks=8, images=FEW) for owner in ("bob", "cid", "dot")]
    ends = images_until_done(bench, others)
    assert all(2000 <= images <= 3 * 2000 for images in ends.values()), ends


def test_owners_with_long_backlogs_are_given_the_same_whatever_their_jobs_and_chunks(bench: Bench) -> None:
    for _ in range(9):
        bench.submit(owner="ann", chunks=3, images=CHUNK)
    bench.submit(owner="bob", chunks=60, images=FEW)
    shares: Counter[str] = Counter()
    for job, images in given(bench, 60):
        shares[job.owner] += images
    assert abs(shares["ann"] - shares["bob"]) <= CHUNK


def test_who_comes_back_again_and_again_is_given_no_more_than_his_share(bench: Bench) -> None:
    bench.submit(owner="ann", chunks=60, images=CHUNK)
    shares: Counter[str] = Counter()
    bench.submit(owner="bob", chunks=1, images=CHUNK)
    for job, images in given(bench, 30):
        shares[job.owner] += images
        if job.owner == "bob":
            bench.submit(owner="bob", chunks=1, images=CHUNK)
    assert abs(shares["ann"] - shares["bob"]) <= 6 * CHUNK, shares


def test_nobody_waits_for_what_he_was_given_before_others_came(bench: Bench) -> None:
    """He was alone: what he was given then took nothing from anybody."""
    bench.submit(owner="ann", chunks=12, images=CHUNK)
    assert len(list(given(bench))) == 12
    bench.submit(owner="bob", chunks=30, images=CHUNK)
    assert len(list(given(bench, 6))) == 6
    bench.submit(owner="ann", chunks=8, images=FEW)
    owners = [job.owner for job, _ in given(bench, 10)]
    assert owners[:8] == 8 * ["ann"]


def test_the_jobs_of_an_owner_give_a_chunk_in_turns(bench: Bench) -> None:
    first, second = bench.submit(chunks=3), bench.submit(chunks=2)
    assert [job.id for job, _ in given(bench)] == [first.id, second.id, first.id, second.id, first.id]


def test_jobs_of_a_higher_priority_come_before_others_of_their_owner(bench: Bench) -> None:
    low = bench.submit(chunks=2, priority=Priority.LOW)
    normal = bench.submit(chunks=2)
    assert [job.id for job, _ in given(bench, 1)] == [normal.id]
    high = bench.submit(chunks=2, priority=Priority.HIGH)
    assert [job.id for job, _ in given(bench)] == [high.id, high.id, normal.id, low.id, low.id]


def test_a_high_priority_takes_nothing_from_other_owners(bench: Bench) -> None:
    bench.submit(owner="ann", chunks=40, images=CHUNK, priority=Priority.HIGH)
    bench.submit(owner="bob", chunks=40, images=CHUNK, priority=Priority.LOW)
    shares = Counter(job.owner for job, _ in given(bench, 20))
    assert abs(shares["ann"] - shares["bob"]) <= 1


def test_an_owner_whose_jobs_are_over_waits_no_longer(bench: Bench) -> None:
    jobs = [bench.submit(owner="ann"), bench.submit(owner="ann")]
    assert bench.store.chunks.waiting()["bulk"] == 2
    bench.store.finish(jobs[0].id, JobState.CANCELLED)
    bench.store.delete(jobs[1].id)
    assert not bench.store.chunks.call_worker()
    assert not any(bench.store.chunks.waiting().values())


def test_what_waits_is_counted_by_urgency_over_all_owners(bench: Bench) -> None:
    for owner in ("ann", "bob", "10 wards"):
        bench.submit(owner=owner)
        bench.submit(owner=owner, priority=Priority.LOW)
        bench.submit(owner=owner, queue=QueueName.INTERACTIVE)
    assert bench.store.chunks.waiting() == {"small": 0, "again": 0, "interactive": 3, "bulk": 6}
    assert len(list(given(bench))) == 18
    assert not any(bench.store.chunks.waiting().values())
