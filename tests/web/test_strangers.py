"""Strangers at the door of a real server: what they send without a key costs neither memory, threads nor log."""

from __future__ import annotations

import re
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from flask import Flask

from tests.web.conftest import ROOT, Client, Server, peak_rss, rss, serving, wait_until
from tests.web.fakes import heavy, one
from tests.web.test_server import connect, environment, head, read_answer, read_until

pytestmark = pytest.mark.service

KEY = "correct-horse-battery"
AUTHORIZATION = f"Authorization: Bearer {KEY}"
NAMED = {"Authorization": f"Bearer {KEY}", "Content-Type": "image/png"}
FORM = "Content-Type: application/x-www-form-urlencoded"
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of eight threads that asks for a key."""
    with serving(tmp_path_factory.mktemp("guarded"), web_threads=8, admin_key=KEY) as started:
        yield started


def refused(server: Server, reason: str) -> float:
    text = httpx.get(f"{server.url}/metrics", headers=NAMED).text
    found = re.search(rf'digitmill_refused_total{{reason="{reason}"}} ([0-9.]+)', text)
    return float(found[1]) if found else 0.0


def post_blindly(server: Server, path: str, size: int, *headers: str) -> int:
    """Send so many bytes, as far as the server lets us; the status of its answer."""
    with connect(server) as connection:
        connection.sendall(head("POST", path, f"Content-Length: {size}", *headers))
        with suppress(ConnectionError):
            for _ in range(size // MEGABYTE):
                if select.select([connection], [], [], 0)[0]:
                    break
                connection.sendall(b"a" * MEGABYTE)
        return read_answer(connection)[0]


@pytest.mark.parametrize("path", ["/sign-in", "/language", "/sign-out", "/nowhere"])
@pytest.mark.parametrize("kind", [FORM, "Content-Type: multipart/form-data; boundary=x"])
def test_a_large_form_is_refused_unread(guarded: Server, path: str, kind: str) -> None:
    before = rss(guarded.worker_pid())
    assert post_blindly(guarded, path, 60 * MEGABYTE, kind) == 413
    assert peak_rss(guarded.worker_pid()) - before < 16 * MEGABYTE


def test_no_route_reads_a_large_body_of_a_stranger(guarded: Server, client: Client) -> None:
    for method, path in routes(client.application):
        with connect(guarded) as connection:
            connection.sendall(head(method, path, f"Content-Length: {10**9}", FORM))
            status = read_answer(connection)[0] if method != "HEAD" else 400
            assert status >= 400, (method, path)


def routes(app: Flask) -> list[tuple[str, str]]:
    """Every method and path, with something in the place of what varies."""
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<int:[^>]+>", "1", rule.rule)
        path = re.sub(r"<[^>]+>", "x", path)
        found += [(method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    return sorted(found)


def test_a_form_in_chunks_is_refused_without_a_traceback(guarded: Server) -> None:
    with connect(guarded) as connection:
        connection.sendall(head("POST", "/sign-in", FORM, "Transfer-Encoding: chunked") + b"no number\r\n")
        assert read_answer(connection)[0] == 411
    assert "Traceback" not in guarded.log.read_text()


class Crowd:
    """Clients that begin as told, and then send a byte in a while."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._stop = threading.Event()
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._trickle)
        self._thread.start()

    def come(self, count: int, beginning: bytes) -> None:
        for _ in range(count):
            connection = self._connect()
            self._connections.append(connection)
            with suppress(OSError):
                connection.sendall(beginning)

    def leave(self) -> None:
        self._stop.set()
        self._thread.join()
        for connection in self._connections:
            connection.close()

    def _trickle(self) -> None:
        while not self._stop.wait(1):
            for connection in list(self._connections):
                with suppress(OSError):
                    connection.send(b"a")


@contextmanager
def crowd(connect: Callable[[], socket.socket]) -> Iterator[Crowd]:
    made = Crowd(connect)
    try:
        yield made
    finally:
        made.leave()


SLOW = {
    "heads": b"GET /healthz HTTP/1.1\r\nX-A: ",
    "forms": head("POST", "/sign-in", FORM, "Content-Length: 60000"),
    "refused uploads": head("POST", "/v1/jobs", "Content-Type: image/png", "Content-Length: 60000000"),
    "refused chunks": head("POST", "/v1/jobs", "Content-Type: image/png", "Transfer-Encoding: chunked"),
}


@pytest.mark.parametrize("kind", SLOW)
def test_slow_strangers_hold_no_thread(tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    folder = tmp_path_factory.mktemp("slow")
    settings = {"web_threads": 8, "admin_key": KEY, "connections_per_address": 0}
    with serving(folder, **settings) as server, crowd(partial(connect, server)) as slow:
        slow.come(400, SLOW[kind])
        for _ in range(20):
            assert httpx.get(f"{server.url}/healthz", timeout=30).status_code == 200
            assert httpx.get(f"{server.url}/v1/limits", headers=NAMED, timeout=30).status_code == 200
        answer = httpx.post(f"{server.url}/v1/jobs", content=heavy(200_000), headers=NAMED, timeout=30)
        assert answer.status_code == 202
        assert rss(server.worker_pid()) < 512 * MEGABYTE


def test_clients_that_never_read_their_answers_hold_few_threads(guarded: Server) -> None:
    with ExitStack() as stack:
        for _ in range(60):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(30)
            connection.connect(guarded.address)
            connection.sendall(head("GET", "/openapi.json") * 100)
        for _ in range(20):
            assert httpx.get(f"{guarded.url}/healthz", timeout=30).status_code == 200
            assert httpx.get(f"{guarded.url}/v1/limits", headers=NAMED, timeout=30).status_code == 200
        wait_until(lambda: refused(guarded, "slow_answer") > 0, 60)


def test_trickling_uploads_of_a_caller_give_their_slots_back(guarded: Server) -> None:
    before = refused(guarded, "slow_body")
    with crowd(partial(connect, guarded)) as slow:
        slow.come(
            20, head("POST", "/v1/jobs", AUTHORIZATION, "Content-Type: image/png", "Content-Length: 60000000") + b"a"
        )
        assert httpx.get(f"{guarded.url}/v1/limits", headers=NAMED, timeout=30).status_code == 200
        wait_until(lambda: refused(guarded, "slow_body") > before, 60)

        def accepted() -> bool:
            answer = httpx.post(f"{guarded.url}/v1/jobs", content=heavy(200_000), headers=NAMED, timeout=30)
            return answer.status_code == 202

        wait_until(accepted, 60)


def test_a_small_body_is_taken_however_it_comes(guarded: Server) -> None:
    image = one()
    for headers in ([], ["Expect: 100-continue"]):
        with connect(guarded) as connection:
            length = f"Content-Length: {len(image)}"
            connection.sendall(head("POST", "/v1/jobs", AUTHORIZATION, "Content-Type: image/png", length, *headers))
            if headers:
                assert read_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            for start in range(0, len(image), 50):
                connection.sendall(image[start : start + 50])
            assert read_answer(connection)[0] == 202
            connection.sendall(head("GET", "/healthz") * 2)
            assert b"alive" in read_until(connection, b"}")


@pytest.mark.parametrize("size", [500, 50_000_000])
@pytest.mark.parametrize(
    ("address", "key", "status"), [("/v1/jobs", "Accept: */*", 401), ("/v1/nothing", AUTHORIZATION, 404)]
)
def test_who_waits_to_be_told_to_send_a_body_is_refused_first(
    guarded: Server, size: int, address: str, key: str, status: int
) -> None:
    fields = (key, "Content-Type: image/png", f"Content-Length: {size}", "Expect: 100-continue")
    with connect(guarded) as connection:
        connection.sendall(head("POST", address, *fields))
        answer = read_until(connection, b"}")
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\nConnection: close\r\n" in answer


def test_a_head_that_is_too_large_costs_nothing(guarded: Server) -> None:
    with connect(guarded) as connection:
        fields = [f"Accept: {'text/html,' * 1600}"] * 55
        with suppress(ConnectionError):
            connection.sendall(head("GET", "/", *fields))
        status, headers, _ = read_answer(connection)
        assert (status, "retry-after" in headers) == (431, False)


def test_a_method_of_control_characters_is_a_short_line_and_few_of_them(guarded: Server) -> None:
    before = guarded.log.stat().st_size
    for _ in range(300):
        with connect(guarded) as connection:
            connection.sendall(b"\x01" * 8000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_answer(connection)[0] == 400
    assert guarded.log.stat().st_size - before < 100_000
    assert refused(guarded, "no_http_request") >= 300


def test_connections_of_one_address_are_limited_and_others_come_in(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("crowd"), connections_per_address=20) as server, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(server.address, source_address=("127.0.0.2", 0)))
        with socket.create_connection(server.address, timeout=30, source_address=("127.0.0.2", 0)) as turned_away:
            status, headers, _ = read_answer(turned_away)
            assert (status, headers["retry-after"]) == (503, "5")
        assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_many_wrong_keys_of_one_address_are_told_to_wait_and_the_right_one_is_not(guarded: Server) -> None:
    answers = [
        httpx.get(f"{guarded.url}/v1/jobs", headers={"Authorization": "Bearer wrong"}).status_code for _ in range(100)
    ]
    assert set(answers) == {401, 429}
    assert httpx.get(f"{guarded.url}/v1/jobs", headers=NAMED).status_code == 200


def test_a_log_that_cannot_be_written_stops_no_submission(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("full")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = environment(var=folder, port=port, web_processes=1, log_level="debug", admin_key=KEY)
    with Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.web.serve"], cwd=ROOT, env=settings, stdout=full, stderr=full
        )
    try:
        url = f"http://127.0.0.1:{port}"

        def alive() -> bool:
            with suppress(httpx.TransportError):
                return httpx.get(f"{url}/healthz").status_code == 200
            return False

        wait_until(alive, 60)
        for _ in range(200):
            assert httpx.post(f"{url}/v1/jobs", content=one(), headers=NAMED).status_code == 202
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert process.returncode == 0
