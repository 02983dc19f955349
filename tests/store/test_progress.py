"""How far a long chunk has come."""

from __future__ import annotations

from collections import Counter

from digitmill.domain.jobs import Counts, JobState
from digitmill.domain.rows import WORKED
from tests.store.conftest import IMAGES, Bench, take_chunk


def test_progress_of_a_long_chunk_is_told_and_holds_it(bench: Bench) -> None:
    job = bench.submit(chunks=1)
    claim = take_chunk(bench.store, job.id, 0, lease=0.2)
    assert claim is not None
    assert bench.store.chunks.note_progress(claim, 2, 30)
    bench.pass_time(0.3)
    assert bench.store.upkeep.requeue_expired(10) == []
    noted = bench.store.get(job.id)
    assert (noted.done, noted.progress, noted.counts.done) == (2, 2 / 3, 0)
    assert bench.store.chunks.complete(claim, b"rows", Counts(IMAGES, Counter({WORKED: IMAGES}))).finished
    assert bench.store.get(job.id).progress == 1.0
    assert bench.store.upkeep.queued_images() == 0


def test_progress_of_a_chunk_that_is_not_held_any_more_is_refused(bench: Bench) -> None:
    job = bench.submit(chunks=1)
    claim = take_chunk(bench.store, job.id, 0, lease=5)
    assert claim is not None
    bench.store.finish(job.id, JobState.CANCELLED)
    assert not bench.store.chunks.note_progress(claim, 2, 0)
    assert bench.store.get(job.id).progress == 0.0
    bench.pass_time(0.1)
    assert bench.store.upkeep.requeue_expired(10) == []
