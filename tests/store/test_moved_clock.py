"""Redis' clock is moved by hours while leases and locks are held. libfaketime moves it, where it is installed."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from digitmill.embedded.redis_server import server_binaries, server_binary
from digitmill.store.redis import RedisJobStore
from digitmill.store.redis_copy import RedisCopy
from digitmill.store.redis_mark import STORE
from digitmill.store.upkeep import WorkerInfo
from tests.conftest import TEST_REDIS
from tests.end_to_end.conftest import free_port
from tests.moved_clock import LIBRARY, MISSING, clock_of, movable, set_clock
from tests.store.conftest import Bench, take_chunk

HOURS = 3 * 3600.0
WORKER = WorkerInfo("a:1/2", "openvino", "cpu", "f32", "digits@1")
MoveClock = Callable[[float], None]


@pytest.fixture(scope="module")
def movable_redis(chosen_redis: None) -> str:
    """The program of the first Redis that runs under libfaketime: of all, where TEST_REDIS names none."""
    if LIBRARY is None:
        pytest.skip(MISSING)
    binaries = [server_binary()] if os.environ.get(TEST_REDIS) else server_binaries()
    binary = next(filter(runs_under_faketime, binaries), None)
    if binary is None:
        pytest.skip(f"under libfaketime {' and '.join(binaries)} do not run")
    return binary


def runs_under_faketime(binary: str) -> bool:
    """No, where libfaketime and the allocator wait for each other, as with Debian's: libfaketime complains, and the
    program neither goes on nor ends."""
    with subprocess.Popen(
        [binary, "--version"],
        env=os.environ | {"LD_PRELOAD": str(LIBRARY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        # a complaint, or the end of a program that had none
        readable, _, _ = select.select([process.stderr], [], [], 60)
        complains = not readable or process.stderr.read(1) != b""
        if complains:
            process.kill()
    return not complains and process.returncode == 0


@pytest.fixture
def server(tmp_path: Path, movable_redis: str) -> Iterator[tuple[Any, MoveClock]]:
    """A Redis, and what moves its clock by so many seconds."""
    told, port = tmp_path / "time", free_port()
    set_clock(told, 0)
    process = subprocess.Popen(
        [movable_redis, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        env=os.environ | movable(told),
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port)

    def move(seconds: float) -> None:
        before = client.time()[0]
        set_clock(told, clock_of(told) + seconds)
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
    deadline = time.monotonic() + 120
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
    bench.store.upkeep.heed_clock()
    assert take_chunk(bench.store, job.id, 0, 600)
    assert take_chunk(bench.store, job.id, 1, 1)
    move(seconds)
    assert bench.store.upkeep.heed_clock() == pytest.approx(seconds, abs=10)
    assert take_chunk(bench.store, job.id, 0, 600) is None
    wait_for(lambda: [chunk for _, chunk in bench.store.upkeep.requeue_expired(10)] == [1])
    assert bench.store.upkeep.heed_clock() == 0.0


def test_a_lease_that_was_given_since_the_clock_was_moved_stays_as_it_is(server: tuple[Any, MoveClock]) -> None:
    client, move = server
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    bench.store.upkeep.heed_clock()
    move(HOURS)
    assert take_chunk(bench.store, job.id, 0, 1)
    bench.store.upkeep.heed_clock()
    wait_for(lambda: [chunk for _, chunk in bench.store.upkeep.requeue_expired(10)] == [0])


@pytest.mark.parametrize("seconds", [HOURS, -HOURS])
def test_a_clock_that_is_moved_while_nobody_looks_keeps_no_chunk_and_no_job(
    server: tuple[Any, MoveClock], seconds: float
) -> None:
    client, move = server
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    assert take_chunk(bench.store, job.id, 0, 1)
    move(seconds)
    later = RedisJobStore(client)
    assert later.upkeep.heed_clock() == 0.0
    wait_for(lambda: [chunk for _, chunk in later.upkeep.requeue_expired(10)] == [0])
    wait_for(lambda: [found.id for found, _ in later.upkeep.stalled(0, 10)] == [job.id])
    assert later.upkeep.audit(mend=False) == {}
    later.close()


def test_leases_of_a_backup_that_was_taken_by_another_clock_end_though_nobody_saw_it_move(
    server: tuple[Any, MoveClock],
) -> None:
    client, move = server
    bench = Bench(RedisJobStore(client), time.sleep)
    client.set(STORE, "store")
    job = bench.submit()
    assert take_chunk(bench.store, job.id, 0, 1)
    lines = list(RedisCopy(client).lines())
    client.flushall()
    move(-HOURS)
    # a worker looks while the restore is under way, and again after it

    def look(store_id: str) -> None:
        bench.store.upkeep.heed_clock()

    RedisCopy(client).write("a backup", lines, look)
    bench.store.upkeep.heed_clock()
    wait_for(lambda: [chunk for _, chunk in bench.store.upkeep.requeue_expired(10)] == [0])
    assert bench.store.upkeep.audit(mend=False) == {}


@pytest.mark.parametrize("seconds", [HOURS, -HOURS])
def test_several_processes_move_leases_along_once(server: tuple[Any, MoveClock], seconds: float) -> None:
    client, move = server
    stores = [RedisJobStore(client) for _ in range(3)]
    job = Bench(stores[0], time.sleep).submit()
    assert [store.upkeep.heed_clock() for store in stores] == [0, 0, 0]
    assert take_chunk(stores[0], job.id, 0, 600)
    move(seconds)
    assert sum(store.upkeep.heed_clock() != 0 for store in stores) == 1
    left = client.zscore("dm:leases", f"{job.id} 0") - client.time()[0]
    assert left == pytest.approx(600, abs=60)
    for store in stores:
        store.close()


@pytest.mark.parametrize("seconds", [HOURS, -HOURS])
def test_who_is_alive_and_what_stands_still_is_told_as_before(server: tuple[Any, MoveClock], seconds: float) -> None:
    client, move = server
    bench = Bench(RedisJobStore(client), time.sleep)
    job = bench.submit()
    bench.store.upkeep.heed_clock()
    bench.store.upkeep.beat([WORKER])
    move(seconds)
    bench.store.upkeep.heed_clock()
    assert bench.store.upkeep.workers(within=60) == [WORKER]
    ((found, idle),) = bench.store.upkeep.stalled(-1, 10)
    assert (found.id, idle < 60) == (job.id, True)


def test_a_lock_ends_in_its_time_though_the_clock_was_moved_back(
    server: tuple[Any, MoveClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, move = server
    holder, other = RedisJobStore(client), RedisJobStore(client)
    assert holder.upkeep.lock("audit", 60)
    move(-HOURS)
    assert not other.upkeep.lock("audit", 60)
    assert client.pttl("dm:lock:audit") > 1000 * HOURS / 2
    later = time.monotonic() + 61
    monkeypatch.setattr("digitmill.store.redis_upkeep.time.monotonic", lambda: later)
    assert other.upkeep.lock("audit", 60)
    assert not holder.upkeep.lock("audit", 60), "it is the other's now"
    holder.close()
    other.close()


def test_a_bell_that_rang_before_the_clock_was_moved_back_keeps_nobody_waiting(
    server: tuple[Any, MoveClock],
) -> None:
    client, move = server
    store = RedisJobStore(client)
    store.upkeep.heed_clock()
    client.set("dm:called", "1", px=1000)
    move(-HOURS)
    assert client.exists("dm:called")
    store.upkeep.heed_clock()
    assert not client.exists("dm:called")
    store.close()
