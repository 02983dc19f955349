"""Uploads that lie with their job's plan, in every store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from digitmill.domain.jobs import new_job_id
from digitmill.errors import NotFound
from digitmill.store.base import PackedChunk
from tests.store.conftest import Bench, take_chunk

UPLOAD = bytes(range(256))


def test_an_upload_that_lies_with_the_plan_comes_with_the_claim_and_goes_with_the_job(bench: Bench) -> None:
    job = replace(bench.submit(chunks=1), id=new_job_id(), blob=None)
    bench.store.create(job, most_open=999, plan=[PackedChunk(0, b"few", UPLOAD)])
    assert bench.store.get(job.id).blob is None
    assert bench.store.chunks.upload(job.id) == UPLOAD
    claim = take_chunk(bench.store, job.id, 0, 5)
    assert claim is not None
    assert (claim.upload, claim.entries) == (UPLOAD, b"few")
    bench.store.delete(job.id)
    with pytest.raises(NotFound):
        bench.store.chunks.upload(job.id)


def test_an_upload_in_the_blob_storage_is_not_asked_of_the_store(bench: Bench) -> None:
    job = bench.submit()
    claim = take_chunk(bench.store, job.id, 0, 5)
    assert claim is not None
    assert claim.upload is None
    with pytest.raises(NotFound, match="submit it again"):
        bench.store.chunks.upload(job.id)
