"""Chunks whose attempt ended through no fault of their images."""

from __future__ import annotations

from tests.store.conftest import Bench


def test_a_chunk_that_is_given_back_was_not_tried(bench: Bench) -> None:
    job = bench.submit()
    for _ in range(3):
        claim = bench.store.claim(job.id, 1, 5)
        assert claim is not None
        assert (claim.attempt, claim.poison) == (1, frozenset())
        bench.store.note_place(job.id, 1, 7)
        bench.store.give_back(job.id, 1)
        bench.pass_time(0.01)
        assert [(lost.job_id, lost.chunk) for lost in bench.store.expired_leases(10)] == [(job.id, 1)]


def test_giving_back_a_chunk_that_is_done_changes_nothing(bench: Bench) -> None:
    job = bench.submit()
    bench.run(job.id, 0)
    bench.store.give_back(job.id, 0)
    bench.store.give_back("unknown", 0)
    bench.pass_time(0.01)
    assert bench.store.expired_leases(10) == []
