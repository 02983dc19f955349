"""The application under gunicorn: memory, lost clients, refused uploads, bounded threads, an orderly stop."""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from digitmill.settings import Settings
from tests.web.conftest import ROOT, Server, assert_problem, peak_rss, rss, serving, wait_until
from tests.web.fakes import heavy, one
from web.bodies.upload import BLOCK_BYTES
from web.server.in_memory import folder_in_memory
from web.server.server import options

pytestmark = pytest.mark.service

MEGABYTE = 1 << 20


def zeros(size: int) -> Iterator[bytes]:
    block = bytes(MEGABYTE)
    for _ in range(size // MEGABYTE):
        yield block


def multipart(size: int) -> tuple[dict[str, str], Iterator[bytes]]:
    """Headers and body of a form with one file of so many bytes."""
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    tail = b"\r\n--x--\r\n"

    def body() -> Iterator[bytes]:
        yield head
        yield from zeros(size)
        yield tail

    length = len(head) + size + len(tail)
    return {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(length)}, body()


def connect(server: Server) -> socket.socket:
    connection = socket.create_connection(server.address, timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode("latin-1")


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    data = b""
    while mark not in data:
        piece = connection.recv(65536)
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer that says its length: status, headers by lower name, body."""
    top, _, body = read_until(connection, b"\r\n\r\n").partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        piece = connection.recv(65536)
        assert piece
        body += piece
    return int(first.split(" ")[1]), headers, body


def test_memory_stays_flat_while_large_uploads_come_in(server: Server) -> None:
    size = 200 * MEGABYTE
    before = rss(server.worker_pid())
    headers, body = multipart(size)
    raw = {"Content-Type": "image/png"}
    for content, named in ((body, headers), (zeros(size), {**raw, "Content-Length": str(size)}), (zeros(size), raw)):
        response = httpx.post(f"{server.url}/v1/jobs", content=content, headers=named, timeout=60)
        assert response.status_code == 202
        blob = server.var / "blobs" / response.json()["id"]
        assert blob.stat().st_size == size
        assert httpx.delete(f"{server.url}{response.headers['Location']}").status_code == 204
    assert peak_rss(server.worker_pid()) - before < 32 * MEGABYTE
    assert server.spooled() == []


@pytest.mark.parametrize("framing", ["Content-Length: 100000000", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data; boundary=x"])
def test_a_client_that_hangs_up_midway_leaves_nothing(server: Server, framing: str, kind: str) -> None:
    with connect(server) as connection:
        connection.sendall(head("POST", "/v1/jobs", f"Content-Type: {kind}", framing))
        part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(MEGABYTE)
        connection.sendall(b"%x\r\n%s\r\n" % (len(part), part) if "chunked" in framing else part)
        wait_until(lambda: any(path.stat().st_size for path in server.spooled()))
    wait_until(lambda: server.spooled() == [])
    assert httpx.get(f"{server.url}/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    ("kind", "length", "refusal"),
    [
        ("image/png", 301 * MEGABYTE, (413, "upload_too_large")),
        ("text/plain", 301 * MEGABYTE, (415, "unsupported_media_type")),
        ("text/plain", 40 * MEGABYTE, (415, "unsupported_media_type")),
    ],
)
def test_who_sends_much_before_reading_still_gets_the_refusal(
    server: Server, kind: str, length: int, refusal: tuple[int, str]
) -> None:
    with connect(server) as connection:
        connection.sendall(head("POST", "/v1/jobs", f"Content-Type: {kind}", f"Content-Length: {length}"))
        for block in zeros(40 * MEGABYTE):
            connection.sendall(block)
        status, headers, body = read_answer(connection)
    assert (status, json.loads(body)["code"]) == refusal
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/problem+json"


def test_chunks_beyond_the_limit_are_refused_while_they_come(server: Server) -> None:
    response = httpx.post(
        f"{server.url}/v1/jobs", content=zeros(310 * MEGABYTE), headers={"Content-Type": "image/png"}, timeout=60
    )
    assert_problem(response, 413, "upload_too_large")
    assert server.spooled() == []


@pytest.mark.parametrize(
    "arguments", [["-F", "files=@{file}"], ["-H", "Content-Type: image/png", "--data-binary", "@{file}"]]
)
@pytest.mark.parametrize("expect", [[], ["-H", "Expect:"]], ids=["expecting", "at once"])
def test_curl_gets_the_refusal_of_a_file_that_is_too_large(
    server: Server, tmp_path: Path, arguments: list[str], expect: list[str]
) -> None:
    file = tmp_path / "large.png"
    with file.open("wb") as out:
        out.truncate(400 * MEGABYTE)
    named = [argument.format(file=file) for argument in arguments]
    command = ["curl", "-sS", "--noproxy", "*", "-w", "%{http_code}", *expect, *named, f"{server.url}/v1/jobs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("413")
    assert '"code": "upload_too_large"' in done.stdout


def test_a_body_of_broken_chunks_is_refused(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(head("POST", "/v1/jobs", "Content-Type: image/png", "Transfer-Encoding: chunked"))
        connection.sendall(b"no number\r\n")
        status, _, body = read_answer(connection)
    assert status == 400
    assert json.loads(body)["code"] == "upload_refused"
    assert server.spooled() == []


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"no request at all\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
    ],
    ids=["noise", "long address", "long header", "no length"],
)
def test_what_is_no_request_is_answered_as_a_problem_too(server: Server, request_bytes: bytes, status: int) -> None:
    with connect(server) as connection:
        connection.sendall(request_bytes)
        answered, headers, body = read_answer(connection)
    assert answered == status
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["status"] == status


def test_one_connection_serves_many_requests_also_after_a_body_nobody_read(server: Server) -> None:
    with connect(server) as connection:
        for _ in range(3):
            connection.sendall(head("POST", "/v1/jobs/x/cancel", "Content-Length: 1000") + bytes(1000))
            assert read_answer(connection)[0] == 404
            connection.sendall(head("GET", "/healthz"))
            assert read_answer(connection)[0] == 200


def new_job(server: Server, images: int) -> str:
    files = [("files", (f"{number}.png", one())) for number in range(images)]
    response = httpx.post(f"{server.url}/v1/jobs", files=files)
    assert response.status_code == 202
    return response.headers["Location"]


def test_polls_find_a_thread_while_all_slots_are_taken_and_slots_come_back(server: Server) -> None:
    location = new_job(server, 3)
    listeners = [connect(server) for _ in range(4)]
    for number, listener in enumerate(listeners):
        path = f"{location}/results?format={'ndjson' if number % 2 else 'csv'}"
        listener.sendall(head("GET", path))
        read_until(listener, b"200 OK")
    for path in ("results?format=csv", "results?format=ndjson"):
        refused = httpx.get(f"{server.url}{location}/{path}")
        assert_problem(refused, 503, "overloaded")
        assert refused.headers["Retry-After"]
    waited = httpx.post(
        f"{server.url}/v1/jobs", content=one(), headers={"Content-Type": "image/png", "Prefer": "wait=60"}, timeout=10
    )
    assert waited.status_code == 202
    assert "Preference-Applied" not in waited.headers
    assert httpx.get(f"{server.url}/healthz").status_code == 200
    for listener in listeners:
        listener.close()
    wait_until(lambda: listened_to(server, location))
    delete_all(server)


def listened_to(server: Server, location: str) -> bool:
    with httpx.stream("GET", f"{server.url}{location}/results?format=csv") as response:
        return response.status_code == 200


def delete_all(server: Server) -> None:
    for job in httpx.get(f"{server.url}/v1/jobs").json()["jobs"]:
        httpx.delete(f"{server.url}{job['links']['self']}")


def test_a_client_that_hangs_up_while_it_waits_gives_its_slot_back(server: Server) -> None:
    image = one()
    waiting = [connect(server) for _ in range(4)]
    for connection in waiting:
        headers = ("Content-Type: image/png", f"Content-Length: {len(image)}", "Prefer: wait=60")
        connection.sendall(head("POST", "/v1/jobs", *headers) + image)
    wait_until(lambda: len(httpx.get(f"{server.url}/v1/jobs").json()["jobs"]) == 4)
    location = httpx.get(f"{server.url}/v1/jobs").json()["jobs"][0]["links"]["self"]
    # a job is there a moment before its request has taken the slot to wait in
    wait_until(lambda: not listened_to(server, location))
    assert_problem(httpx.get(f"{server.url}{location}/results?format=csv"), 503, "overloaded")
    for connection in waiting:
        connection.close()
    wait_until(lambda: listened_to(server, location))
    delete_all(server)


def test_clients_that_fall_silent_within_a_head_hold_no_thread_for_long(server: Server) -> None:
    silent = [connect(server) for _ in range(8)]
    for connection in silent:
        connection.sendall(b"GET /healthz HT")
    assert httpx.get(f"{server.url}/healthz", timeout=30).status_code == 200
    for connection in silent:
        assert connection.recv(100) == b""
        connection.close()
    assert "Traceback" not in server.log.read_text(), server.log.read_text()


def test_an_upload_at_hand_is_answered_before_the_server_stops(tmp_path: Path) -> None:
    with serving(tmp_path) as server, connect(server) as connection:
        image = heavy(2 * BLOCK_BYTES)
        connection.sendall(head("POST", "/v1/jobs", "Content-Type: image/png", f"Content-Length: {len(image)}"))
        connection.sendall(image[:-10])
        wait_until(lambda: server.spooled() != [])
        server.process.terminate()
        wait_until(lambda: "Handling signal: term" in server.log.read_text())
        connection.sendall(image[-10:])
        assert read_answer(connection)[0] == 202
        assert server.process.wait(timeout=20) == 0


def test_clients_that_go_on_asking_leave_threads_to_others(server: Server) -> None:
    stop = threading.Event()

    def ask_on() -> None:
        with connect(server) as connection:
            while not stop.is_set():
                connection.sendall(head("GET", "/healthz"))
                assert read_answer(connection)[0] == 200

    # the fixture's server has eight threads
    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask_on) for _ in range(8)]
        try:
            for _ in range(5):
                assert httpx.get(f"{server.url}/v1/limits", timeout=60).status_code == 200
        finally:
            stop.set()
        for each in asking:
            each.result()


def test_waiting_requests_are_answered_at_once_when_the_server_stops(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        location = new_job(server, 1)
        events = connect(server)
        events.sendall(head("GET", f"{location}/events"))
        read_until(events, b"event: progress")
        with ThreadPoolExecutor() as pool:
            headers = {"Content-Type": "image/png", "Prefer": "wait=60"}
            waiting = pool.submit(httpx.post, f"{server.url}/v1/jobs", content=one(), headers=headers, timeout=60)
            wait_until(lambda: len(httpx.get(f"{server.url}/v1/jobs").json()["jobs"]) == 2)
            assert server.stop() == 0
            assert waiting.result().status_code == 202
        with events:
            rest = b"".join(iter(lambda: events.recv(65536), b""))
        assert rest.endswith(b"0\r\n\r\n"), "the stream ended in order"
        assert b"event: done" not in rest


def environment(**settings: Any) -> dict[str, str]:
    named = {f"DIGITMILL_{name.upper()}": str(value) for name, value in settings.items()}
    return {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")} | named


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "DIGITMILL_REDIS_URL"),
        ({"redis_url": "redis://127.0.0.1:1/0", "host": "0.0.0.0"}, "DIGITMILL_ADMIN_KEY"),
        ({"redis_url": "redis://127.0.0.1:1/0", "port": "many"}, "DIGITMILL_PORT"),
    ],
)
def test_a_server_that_is_set_up_wrongly_says_so_and_does_not_start(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "web"],
        cwd=tmp_path,
        env=environment(**settings) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_what_an_application_is_made_of_is_collected_no_more(tmp_path: Path) -> None:
    hook = options(Settings(var=tmp_path))["post_worker_init"]
    try:
        hook(None)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_several_processes_count_their_requests_together(tmp_path: Path, empty_redis_url: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = environment(var=tmp_path, redis_url=empty_redis_url, port=port, web_processes=2, log_format="json")
    settings["TMPDIR"] = str(tmp_path)
    # a full disk would end processes that write to it through memory
    shared = Path(folder_in_memory() or tmp_path)
    process = subprocess.Popen([sys.executable, "-m", "web"], cwd=ROOT, env=settings, stderr=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{port}"

        def alive() -> bool:
            try:
                return httpx.get(f"{url}/healthz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(alive)
        asked = 60
        with ThreadPoolExecutor(asked) as callers:
            list(callers.map(partial(httpx.get, timeout=60), [f"{url}/v1/jobs"] * asked))
        text = httpx.get(f"{url}/metrics").text
        assert f'digitmill_http_requests_total{{method="GET",route="/v1/jobs",status="200"}} {asked}.0' in text
        assert "digitmill_queued_images 0.0" in text
        assert list(shared.glob(f"digitmill-metrics-{process.pid}-*/*.db"))
    finally:
        process.terminate()
        log = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert list(shared.glob(f"digitmill-metrics-{process.pid}-*")) == []
    assert all(json.loads(line) for line in log.splitlines())
