"""Chunks whose attempt ended through no fault of their images."""

from __future__ import annotations

import pytest

from digitmill.domain.jobs import Counts
from tests.store.conftest import Bench, take_chunk


def test_a_chunk_that_is_given_back_was_not_tried(bench: Bench) -> None:
    job = bench.submit()
    for _ in range(3):
        claim = take_chunk(bench.store, job.id, 1, 5)
        assert claim is not None
        assert (claim.attempt, claim.poison) == (1, frozenset())
        bench.store.chunks.note_place(job.id, 1, 7)
        bench.store.chunks.give_back(job.id, 1)
        bench.pass_time(0.01)
        assert bench.store.upkeep.requeue_expired(10) == [(job.id, 1)]


def test_giving_back_a_chunk_that_is_done_changes_nothing(bench: Bench) -> None:
    job = bench.submit()
    bench.run(job.id, 0)
    bench.store.chunks.give_back(job.id, 0)
    bench.store.chunks.give_back("unknown", 0)
    bench.pass_time(0.01)
    assert bench.store.upkeep.requeue_expired(10) == []


@pytest.mark.parametrize("times", [1, 2])
def test_an_attempt_that_does_not_count_is_none_if_its_process_dies(bench: Bench, times: int) -> None:
    job = bench.submit()
    for _ in range(3):
        claim = take_chunk(bench.store, job.id, 1, 5)
        assert claim is not None
        assert claim.attempt == 1
        for _ in range(times):
            bench.store.chunks.count_attempt(claim, counts=False)
        bench.pass_time(6)
    claim = take_chunk(bench.store, job.id, 1, 5)
    assert claim is not None
    bench.store.chunks.count_attempt(claim, counts=False)
    for _ in range(times):
        bench.store.chunks.count_attempt(claim, counts=True)
    bench.pass_time(6)
    again = take_chunk(bench.store, job.id, 1, 5)
    assert again is not None
    assert again.attempt == 2


def test_whether_an_attempt_counts_is_nothing_to_a_chunk_that_is_done(bench: Bench) -> None:
    job = bench.submit()
    claim = take_chunk(bench.store, job.id, 0, 5)
    assert claim is not None
    bench.store.chunks.complete(claim, b"rows", Counts(total=job.counts.total))
    bench.store.chunks.count_attempt(claim, counts=False)
    bench.pass_time(6)
    assert bench.store.upkeep.requeue_expired(10) == []
