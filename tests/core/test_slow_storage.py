"""A storage of uploads that is slow or hangs: the images are not at fault, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NoReturn

import pytest

import digitmill.work.kinds.read
from digitmill.domain.jobs import Options
from digitmill.errors import StorageUnavailable
from digitmill.store.blobs import BlobStore
from digitmill.work.loading import Models
from digitmill.work.taking import Watchdog
from tests.core.conftest import Mill, png

LONG = 30.0


class Hanging:
    """Reads of every blob hang until ``answers`` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers = threading.Event()
        read = BlobStore.read

        def wait_and_read(blobs: BlobStore, name: str, start: int, end: int) -> bytes:
            assert self.answers.wait(LONG)
            return read(blobs, name, start, end)

        monkeypatch.setattr(BlobStore, "read", wait_and_read)


class Kicked(Watchdog):
    def __init__(self) -> None:
        self.times = 0

    def kick(self) -> None:
        self.times += 1


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    storage = Hanging(monkeypatch)
    yield storage
    storage.answers.set()


@pytest.mark.parametrize("mill", [{"lease_seconds": 0.06}], indirect=True)
def test_a_chunk_is_kept_and_its_process_alive_while_the_storage_is_slow(
    mill: Mill, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[tuple[str, int]] = []
    watchdog = Kicked()

    def renew(job_id: str, chunk: int, _: float) -> None:
        renewed.append((job_id, chunk))
        if len(renewed) == 3:
            hanging.answers.set()

    monkeypatch.setattr(mill.store.chunks, "renew", renew)
    mill.worker = mill.service.work(Models(lambda _: mill.model), watchdog)
    job_id = mill.submit({"0.png": png()}, Options(expires_in=60)).id
    mill.turn()
    assert set(renewed) == {(job_id, 0)}
    assert watchdog.times > len(renewed)
    assert mill.service.jobs.get("ann", job_id).counts.statuses["recognized"] == 1


@pytest.mark.parametrize("mill", [{"lease_seconds": 0.06, "max_attempts": 1}], indirect=True)
def test_however_often_the_storage_hangs_its_images_are_read_in_the_end(
    mill: Mill, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digitmill.work.kinds.read, "STORAGE_SECONDS", 0.05)
    job_id = mill.submit({"0.png": png()}, Options(expires_in=60)).id
    for _ in range(4):
        with pytest.raises(StorageUnavailable, match="has not answered"):
            mill.turn()
        mill.pass_time(11)
        assert mill.service.recovery.sweep() == 1
    hanging.answers.set()
    mill.turn()
    assert mill.service.jobs.get("ann", job_id).counts.statuses["recognized"] == 1


@pytest.mark.parametrize("mill", [{"lease_seconds": 0.06, "max_attempts": 1}], indirect=True)
def test_however_often_the_store_goes_away_its_images_are_read_in_the_end(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> NoReturn:
        raise StorageUnavailable("Redis is away.")

    job_id = mill.submit({"0.png": png()}, Options(expires_in=60)).id
    for _ in range(4):
        with monkeypatch.context() as meanwhile:
            for call in ("complete_all", "complete_and_take", "give_back", "release"):
                meanwhile.setattr(mill.store.chunks, call, away)
            with pytest.raises(StorageUnavailable, match="away"):
                mill.turn()
        mill.worker.run()
        mill.pass_time(11)
        assert mill.service.recovery.sweep() == 1
    mill.turn()
    assert mill.service.jobs.get("ann", job_id).counts.statuses["recognized"] == 1
