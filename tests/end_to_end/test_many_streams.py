"""A thousand followers and two hundred readers of two web processes, and web processes that are cut off from Redis."""

from __future__ import annotations

import http.client
import selectors
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import Stack, new_stack
from tests.web.conftest import rss
from tests.web.fakes import one

pytestmark = pytest.mark.service

STREAMS, READERS, READS, JOBS = 1000, 200, 10, 20
MEGABYTE = 1 << 20


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Two web processes and no worker: jobs end when they are cancelled."""
    stack = new_stack(tmp_path, DIGITMILL_WEB_PROCESSES="2", DIGITMILL_CONNECTIONS_PER_ADDRESS="0")
    try:
        stack.start("redis")
        stack.start("web")
        stack.wait_for_web()
        yield stack
    finally:
        stack.close()


class Followers:
    """Streams of events, all read by one thread."""

    def __init__(self, port: int, paths: list[str]) -> None:
        self.heard: dict[socket.socket, bytes] = {}
        self._selector = selectors.DefaultSelector()
        for path in paths:
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            connection.sendall(f"GET {path}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            connection.setblocking(False)
            self.heard[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ)

    def listen(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            data = connection.recv(1 << 16)
            self.heard[connection] += data
            if not data:
                self._selector.unregister(connection)

    @property
    def began(self) -> int:
        return sum(b"event: progress" in heard for heard in self.heard.values())

    @property
    def over(self) -> bool:
        return not self._selector.get_map()

    def close(self) -> None:
        for connection in self.heard:
            connection.close()
        self._selector.close()


def submit(stack: Stack) -> str:
    response = httpx.post(f"{stack.url}/v1/jobs", content=one(), headers={"Content-Type": "image/png"}, timeout=60)
    assert response.status_code == 202, response.text
    return str(response.headers["Location"])


def read_again_and_again(port: int, path: str, statuses: Counter[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for _ in range(READS):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        statuses[response.status] += 1
    connection.close()


def children(stack: Stack) -> list[int]:
    pid = stack.processes["web"].pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_thousand_streams_and_two_hundred_readers_are_served_by_two_processes(stack: Stack) -> None:
    jobs = [submit(stack) for _ in range(JOBS)]
    before = [rss(pid) for pid in children(stack)]
    followers = Followers(stack.web_port, [jobs[number % JOBS] for number in range(STREAMS)])
    statuses: Counter[int] = Counter()

    def all_began() -> bool:
        followers.listen(0.1)
        return followers.began == STREAMS

    stack.wait_for(all_began, "all streams to begin")
    connected = stack.redis.info("clients")["connected_clients"]
    readers = [
        threading.Thread(target=read_again_and_again, args=(stack.web_port, jobs[number % JOBS], statuses))
        for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    for job in jobs:
        assert httpx.post(f"{stack.url}{job}/cancel", timeout=120).status_code == 200

    def all_over() -> bool:
        followers.listen(0.1)
        return followers.over

    stack.wait_for(all_over, "all streams to end")
    for reader in readers:
        reader.join()
    assert statuses == Counter({200: READERS * READS})
    heard = list(followers.heard.values())
    followers.close()
    assert sum(b"HTTP/1.1 200" in each and each.count(b"event: done") == 1 for each in heard) == STREAMS
    assert all(each.endswith(b"0\r\n\r\n") for each in heard)
    # Threads that begin a stream hold a connection for a moment, so a busy machine shows more of them.
    assert connected < STREAMS / 2, "a stream needs no connection of its own to Redis"
    grown = [(now - then) / MEGABYTE for now, then in zip(map(rss, children(stack)), before, strict=True)]
    assert max(grown) < 150, f"MB by which a process grew: {grown}"


def test_an_event_source_that_comes_back_after_the_end_is_told_to_stop(stack: Stack) -> None:
    job = submit(stack)
    httpx.post(f"{stack.url}{job}/cancel")
    ended = httpx.get(f"{stack.url}{job}/events")
    (last,) = [line.removeprefix("id: ") for line in ended.text.splitlines() if line.startswith("id: ")]
    assert httpx.get(f"{stack.url}{job}/events", headers={"Last-Event-ID": last}).status_code == 204
    again = httpx.get(f"{stack.url}{job}/events", headers={"Last-Event-ID": str(int(last))})
    assert "event: done" in again.text, "it was told of so many images, and not of the end"


def test_a_web_process_that_redis_does_not_answer_says_so_soon_and_streams_go_on_after_it(stack: Stack) -> None:
    job = submit(stack)
    followers = Followers(stack.web_port, [job])

    def began() -> bool:
        followers.listen(0.1)
        return followers.began == 1

    stack.wait_for(began, "the stream to begin")
    stack.processes["redis"].send_signal(signal.SIGSTOP)
    try:
        for _ in range(8):
            # by another process than the one before, as chance has it
            refused = httpx.get(f"{stack.url}{job}", timeout=8)
            assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
    finally:
        stack.processes["redis"].send_signal(signal.SIGCONT)

    def cancelled() -> bool:
        return httpx.post(f"{stack.url}{job}/cancel", timeout=30).status_code == 200

    stack.wait_for(cancelled, "the service to answer again")

    def over() -> bool:
        followers.listen(0.1)
        return followers.over

    stack.wait_for(over, "the stream to end")
    (heard,) = followers.heard.values()
    followers.close()
    assert b"event: done" in heard


def test_a_stream_that_is_cut_says_so_and_so_does_the_log(stack: Stack) -> None:
    job = submit(stack)
    deleted, stopped = Followers(stack.web_port, [job]), Followers(stack.web_port, [submit(stack)])

    def began() -> bool:
        deleted.listen(0.1)
        stopped.listen(0.1)
        return deleted.began == stopped.began == 1

    stack.wait_for(began, "both streams to begin")
    httpx.delete(f"{stack.url}{job}")

    def over(followers: Followers) -> bool:
        followers.listen(0.1)
        return followers.over

    stack.wait_for(lambda: over(deleted), "the stream of the deleted job to end")
    assert stack.processes["web"].poll() is None
    stack.processes["web"].terminate()
    stack.wait_for(lambda: over(stopped), "the other to end with the server")
    assert b": the job is gone" in b"".join(deleted.heard.values())
    assert b": the server stops" in b"".join(stopped.heard.values())
    deleted.close()
    stopped.close()
    assert stack.log("web").count("stream_cut") == 2
