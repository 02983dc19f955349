"""A restore that is cut off anywhere is run again, and undoes nothing once it was done."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff

from digitmill.domain.jobs import Options
from digitmill.errors import BackupError, StorageUnavailable
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store import connection
from digitmill.store.connection import connect
from digitmill.store.redis_copy import RedisCopy
from digitmill.store.redis_mark import StoreMark
from digitmill.upkeep.backup import Backup
from digitmill.uploads.spool import Spool
from tests.core.conftest import publish
from tests.store.contents import contents
from tests.web.fakes import heavy, one


class Losing(redis.UnixDomainSocketConnection):
    """Loses answers of Redis, each with its connection: those of these numbers, from 0 on. ``meanwhile`` is called at
    each loss."""

    lost: range = range(0)
    answers = 0
    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def read_response(self, *values: Any, **more: Any) -> Any:
        answer = super().read_response(*values, **more)
        Losing.answers += 1
        if self.answers - 1 in self.lost:
            self.disconnect()  # type: ignore[no-untyped-call]  # redis-py has no types for it
            self.meanwhile()
            raise redis.ConnectionError("the answer is lost")
        return answer


@pytest.fixture
def service(tmp_path: Path, empty_redis_url: str) -> Service:
    settings = Settings(var=tmp_path / "var", redis_url=empty_redis_url)
    publish(settings.var / "models")
    return Service.open(settings)


def submit(service: Service, content: bytes) -> str:
    settings = service.settings
    with Spool(settings.spool, settings.max_upload_bytes) as spool:
        spool.add("1.png", io.BytesIO(content))
        return service.jobs.submit("ann", spool, Options()).job.id


def backup_of(service: Service) -> Backup:
    client = connect(service.settings.redis)
    client.connection_pool.connection_class = Losing
    return Backup(RedisCopy(client), service.blobs, StoreMark(client, service.blobs))


def held_by(server: Any) -> dict[bytes, Any]:
    """All but what each restore writes anew, and what no backup has."""
    passing = (b"dm:clock", b"dm:restored", b"dm:called")
    return {name: held for name, held in contents(server).items() if name.startswith(b"dm:") and name not in passing}


@pytest.mark.parametrize("losses", [1, 1000])
def test_a_restore_whose_answers_are_lost_anywhere_is_run_again_and_undoes_nothing(
    service: Service, tmp_path: Path, losses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = {submit(service, one()), submit(service, heavy(100_000))}
    file, _ = backup_of(service).take(tmp_path / "backup.zip")
    server: Any = redis.Redis.from_url(service.settings.redis)
    kept = held_by(server)
    sent_since: set[str] = set()

    def send_if_restored() -> None:
        if server.exists("dm:restored") and not sent_since:
            assert held_by(server) == kept
            sent_since.add(submit(service, one()))

    # many calls are made again
    monkeypatch.setattr(connection, "ExponentialBackoff", lambda **_: NoBackoff())
    monkeypatch.setattr(Losing, "meanwhile", staticmethod(send_if_restored))
    outcomes = []
    for first in range(1000):
        server.flushall()
        sent_since.clear()
        monkeypatch.setattr(Losing, "answers", 0)
        monkeypatch.setattr(Losing, "lost", range(first, first + losses))
        with suppress(StorageUnavailable):
            assert backup_of(service).restore(file)[1]
        if Losing.answers <= first:
            break
        monkeypatch.setattr(Losing, "lost", range(0))
        outcomes.append((bool(sent_since), backup_of(service).restore(file)[1]))
        assert {job.id for job in service.store.jobs_of("ann", before=None, limit=9)} == jobs | sent_since
    assert (True, False) in outcomes, "what was done is not done again"
    assert (True, True) not in outcomes
    server.close()


def test_another_backup_does_not_go_into_a_store_that_was_restored(service: Service, tmp_path: Path) -> None:
    submit(service, one())
    backup = backup_of(service)
    first, second = (backup.take(tmp_path / name)[0] for name in ("1.zip", "2.zip"))
    copied = tmp_path / "copied.zip"
    copied.write_bytes(first.read_bytes())
    server = redis.Redis.from_url(service.settings.redis)
    server.flushall()
    assert [backup.restore(file)[1] for file in (first, first, copied)] == [True, False, False]
    with pytest.raises(BackupError, match="goes into an empty one"):
        backup.restore(second)
    # a backup of what was restored is one of its own
    again, _ = backup.take(tmp_path / "3.zip")
    server.flushall()
    assert backup.restore(again)[1]
    assert not backup.restore(again)[1]
    server.close()
