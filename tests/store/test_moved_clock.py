"""Redis' clock is moved by hours while leases and locks are held. libfaketime moves it, where it is installed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from digitmill.embedded.redis_server import server_binary
from digitmill.store.base import WorkerInfo
from digitmill.store.redis import RedisJobStore
from tests.end_to_end.conftest import free_port
from tests.store.conftest import Bench

HOURS = 3 * 3600.0
WORKER = WorkerInfo("a:1/2", "openvino", "cpu", "f32", "digits@1")
LIBRARIES = [Path(os.environ.get("LIBFAKETIME", "")), *Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
MoveClock = Callable[[float], None]


@pytest.fixture(scope="module")
def faketime(chosen_redis: None) -> Path:
    found = next((path for path in LIBRARIES if path.is_file()), None)
    if found is None:
        pytest.skip("libfaketime is not installed, and LIBFAKETIME does not name it")
    try:
        # it and the allocator of some Redis wait for each other
        subprocess.run(
            [server_binary(), "--version"], env=os.environ | {"LD_PRELOAD": str(found)}, timeout=5, check=True
        )
    except subprocess.TimeoutExpired:
        pytest.skip("this Redis does not run under libfaketime")
    return found


@pytest.fixture
def server(tmp_path: Path, faketime: Path) -> Iterator[tuple[Any, MoveClock]]:
    """A Redis, and what moves its clock by so many seconds."""
    told, port = tmp_path / "time", free_port()
    told.write_text("+0")
    process = subprocess.Popen(
        [server_binary(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        env=os.environ
        | {"LD_PRELOAD": str(faketime), "FAKETIME_TIMESTAMP_FILE": str(told), "FAKETIME_NO_CACHE": "1"}
        | {"DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port)

    def move(seconds: float) -> None:
        before = client.time()[0]
        told.write_text(f"{float(told.read_text()) + seconds:+f}")
        wait_for(lambda: abs(client.time()[0] - before - seconds) < 60)

    try:
        wait_for(lambda: answers(client))
        yield client, move
    finally:
        process.kill()
        process.wait()
        client.close()


def answers(client: Any) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("seconds", [HOURS, -HOURS])
def test_a_lease_neither_ends_nor_lasts_longer_because_the_clock_was_moved(
    server: tuple[Any, MoveClock], seconds: float
) -> None:
    client, move = server
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    bench.store.heed_clock()
    assert bench.store.claim(job.id, 0, 600)
    assert bench.store.claim(job.id, 1, 1)
    move(seconds)
    assert bench.store.heed_clock() == pytest.approx(seconds, abs=10)
    assert bench.store.claim(job.id, 0, 600) is None
    wait_for(lambda: [lost.chunk for lost in bench.store.expired_leases(10)] == [1])
    assert bench.store.heed_clock() == 0.0


def test_a_lease_that_was_given_since_the_clock_was_moved_stays_as_it_is(server: tuple[Any, MoveClock]) -> None:
    client, move = server
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    bench.store.heed_clock()
    move(HOURS)
    assert bench.store.claim(job.id, 0, 1)
    bench.store.heed_clock()
    wait_for(lambda: [lost.chunk for lost in bench.store.expired_leases(10)] == [0])


@pytest.mark.parametrize("seconds", [HOURS, -HOURS])
def test_several_processes_move_leases_along_once(server: tuple[Any, MoveClock], seconds: float) -> None:
    client, move = server
    stores = [RedisJobStore(client) for _ in range(3)]
    job = Bench(stores[0], time.sleep).submit()
    assert [store.heed_clock() for store in stores] == [0, 0, 0]
    assert stores[0].claim(job.id, 0, 600)
    move(seconds)
    assert sum(store.heed_clock() != 0 for store in stores) == 1
    left = client.zscore("dm:leases", f"{job.id} 0") - client.time()[0]
    assert left == pytest.approx(600, abs=60)
    for store in stores:
        store.close()


@pytest.mark.parametrize("seconds", [HOURS, -HOURS])
def test_who_is_alive_and_what_stands_still_is_told_as_before(server: tuple[Any, MoveClock], seconds: float) -> None:
    client, move = server
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    bench.store.heed_clock()
    bench.store.beat([WORKER])
    move(seconds)
    bench.store.heed_clock()
    assert bench.store.workers(within=60) == [WORKER]
    ((found, idle),) = bench.store.stalled(-1, 10)
    assert (found.id, idle < 60) == (job.id, True)


def test_a_lock_ends_in_its_time_though_the_clock_was_moved_back(
    server: tuple[Any, MoveClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, move = server
    holder, other = RedisJobStore(client), RedisJobStore(client)
    assert holder.lock("audit", 60)
    move(-HOURS)
    assert not other.lock("audit", 60)
    assert client.pttl("dm:lock:audit") > 1000 * HOURS / 2
    later = time.monotonic() + 61
    monkeypatch.setattr("digitmill.store.redis_upkeep.time.monotonic", lambda: later)
    assert other.lock("audit", 60)
    assert not holder.lock("audit", 60), "it is the other's now"
    holder.close()
    other.close()


def test_a_bell_that_rang_before_the_clock_was_moved_back_keeps_nobody_waiting(
    server: tuple[Any, MoveClock],
) -> None:
    client, move = server
    store = RedisJobStore(client)
    store.heed_clock()
    client.set("dm:bell", "1", px=1000)
    move(-HOURS)
    assert client.exists("dm:bell")
    store.heed_clock()
    assert not client.exists("dm:bell")
    store.close()
