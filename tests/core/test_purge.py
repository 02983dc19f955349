"""What is cleared away, in which order, and what is left when it is cut off."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from digitmill.domain.jobs import Job, Options
from digitmill.errors import Expired, StorageUnavailable
from digitmill.store.blobs import BlobStore
from digitmill.upkeep import purge
from digitmill.upkeep.purge import Purge
from tests.core.conftest import Mill, png


def submit(mill: Mill, expires_in: int = 60) -> Job:
    return mill.submit({"1.png": png()}, Options(expires_in=expires_in))


def purge_of(mill: Mill) -> Purge:
    return Purge(mill.service.settings, mill.store, mill.service.blobs)


def blobs(mill: Mill) -> set[str]:
    return set(mill.service.blobs.older_than(-60))


def test_uploads_of_expired_jobs_go_and_others_stay(mill: Mill) -> None:
    expired, kept = [submit(mill) for _ in range(5)], submit(mill, expires_in=3600)
    mill.turn()
    mill.pass_time(61)
    waiting = submit(mill)
    mill.pass_time(61)
    assert purge_of(mill).run() == 5
    assert blobs(mill) == {kept.blob, waiting.blob}
    for job in expired:
        with pytest.raises(Expired):
            mill.service.jobs.get("ann", job.id)
    mill.turn()
    assert mill.service.jobs.get("ann", waiting.id).counts.done == 1


def test_a_backlog_goes_batch_after_batch(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    delete_all = BlobStore.delete_all

    def count(self: BlobStore, names: Sequence[str]) -> None:
        batches.append(len(names))
        delete_all(self, names)

    monkeypatch.setattr(BlobStore, "delete_all", count)
    monkeypatch.setattr(purge, "BATCH", 2)
    for _ in range(5):
        submit(mill)
    mill.turn()
    mill.pass_time(61)
    assert purge_of(mill).run() == 5
    assert batches == [2, 2, 1]


def test_a_round_ends_when_the_next_is_due_and_leaves_the_rest_to_it(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "BATCH", 2)
    clock = iter(range(0, 10_000, 3))
    monkeypatch.setattr(purge, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    for _ in range(7):
        submit(mill)
    mill.turn()
    mill.pass_time(61)
    assert purge_of(mill).run() == 4
    mill.pass_time(mill.service.settings.sweep_seconds)
    assert purge_of(mill).run() == 3


def test_one_round_at_a_time(mill: Mill) -> None:
    submit(mill)
    mill.turn()
    assert purge_of(mill).run() == 0
    mill.pass_time(61)
    assert purge_of(mill).run() == 1
    submit(mill)
    mill.turn()
    assert purge_of(mill).run() == 0


def test_uploads_that_the_storage_did_not_remove_are_removed_later(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageUnavailable("down")

    job = submit(mill)
    mill.turn()
    mill.pass_time(61)
    with monkeypatch.context() as broken:
        broken.setattr(BlobStore, "delete_all", fail)
        with pytest.raises(StorageUnavailable):
            purge_of(mill).run()
    assert blobs(mill) == {job.blob}
    mill.pass_time(purge.LEASE_SECONDS + 1)
    assert purge_of(mill).run() == 1
    assert blobs(mill) == set()


def test_what_processes_that_died_left_behind_is_cleared_away(mill: Mill) -> None:
    kept = submit(mill)
    lost = mill.service.settings.var / "blobs" / "neverrecorded"
    lost.write_bytes(b"x")
    mill.service.settings.spool.mkdir()
    half = mill.service.settings.spool / "abc.upload"
    half.write_bytes(b"x")
    table = mill.service.settings.spool / "abc.spreadsheet"
    table.mkdir()
    (table / "rows.xlsx").write_bytes(b"x")
    long_ago = time.time() - purge.ORPHAN_SECONDS - 60
    for path in (lost, half, table / "rows.xlsx", table):
        os.utime(path, (long_ago, long_ago))
    purge_of(mill).run()
    assert not half.exists()
    assert not table.exists()
    assert blobs(mill) == {kept.blob}
