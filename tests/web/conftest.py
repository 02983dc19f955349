"""A client of the web application over a service in memory, and a real server."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import httpx
import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from digitmill.domain.jobs import Options
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.redis import RedisJobStore
from digitmill.uploads.spool import Spool
from digitmill.work.loading import Models
from digitmill.work.taking import Work
from tests.core.conftest import publish
from tests.in_process import HeldQueue, in_process, passing_time, take_once, waits
from tests.web.fakes import WideMeansSeven
from web.app import create_app

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120

Files = Sequence[tuple[str, bytes]]

_compile_builder: Any = Rule._compile_builder
_builders: dict[Any, Any] = {}


class Answer(TestResponse):
    """Flask's test response, whose JSON may be looked into without a question first."""

    @property
    def json(self) -> Any:
        return self.get_json()


class Client(Protocol):
    """Flask's test client."""

    application: Flask

    def open(self, path: str, **parts: Any) -> Answer: ...
    def get(self, path: str, **parts: Any) -> Answer: ...
    def head(self, path: str, **parts: Any) -> Answer: ...
    def post(self, path: str, **parts: Any) -> Answer: ...
    def put(self, path: str, **parts: Any) -> Answer: ...
    def delete(self, path: str, **parts: Any) -> Answer: ...


def client_of(service: Service, key: str | None = None) -> Client:
    """What asks an application over ``service``, with ``key`` where one is given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", _builder)
        client = create_app(service).test_client()
    if key is not None:
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return cast(Client, client)


def _builder(rule: Any, append_unknown: bool = True) -> Any:
    """What Werkzeug compiles of a rule to build addresses by. To do so takes most of the time of a new application, and
    the rules of each test's application are the same."""
    key = rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]


@dataclass
class Mill:
    """A service in this process's memory, and a hand that turns it."""

    service: Service
    store: RedisJobStore
    queue: HeldQueue
    worker: Work
    pass_time: Callable[[float], None]

    def turn(self, times: int = 1_000_000) -> None:
        """Let the worker take work so many times, as long as some waits."""
        for _ in range(times):
            if not waits(self.store):
                return
            take_once(self.worker)

    def submit_for(self, owner: str, name: str, content: bytes) -> str:
        """The id of a new job of another owner."""
        settings = self.service.settings
        with Spool(settings.spool, settings.max_upload_bytes) as spool:
            spool.add(name, io.BytesIO(content))
            return self.service.jobs.submit(owner, spool, Options()).job.id


@pytest.fixture
def mill(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mill]:
    """Parametrize a test with ``mill`` indirectly to give settings."""
    settings = Settings(var=tmp_path / "var", **getattr(request, "param", {}))
    publish(settings.var / "models")
    here = in_process(settings)
    worker = here.service.work(Models(lambda _: WideMeansSeven()))
    yield Mill(here.service, here.store, here.queue, worker, passing_time(monkeypatch))
    here.store.close()


@pytest.fixture
def client(mill: Mill) -> Client:
    return client_of(mill.service)


@pytest.fixture
def turning(mill: Mill) -> Iterator[None]:
    """The worker works in a thread of its own as long as the test runs."""
    stop = threading.Event()

    def turn() -> None:
        while not stop.is_set():
            mill.turn()
            stop.wait(0.01)

    worker = threading.Thread(target=turn)
    worker.start()
    yield
    stop.set()
    worker.join()


def form(files: Files, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The body of a multipart submission, for ``client.post(data=...)``."""
    data: dict[str, Any] = {"files": [(io.BytesIO(content), name) for name, content in files]}
    if options is not None:
        data["options"] = json.dumps(options)
    return data


def submit(client: Client, files: Files, options: Mapping[str, Any] | None = None, **headers: str) -> Answer:
    """Post the files as one job; headers are given with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/v1/jobs", data=form(files, options), headers=named)


def submitted(client: Client, files: Files, options: Mapping[str, Any] | None = None) -> str:
    """The address of a new job with these files."""
    response = submit(client, files, options)
    assert response.status_code == 202, response.text
    return response.headers["Location"]


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """The response is a complete problem document; return it."""
    problem: dict[str, Any] = response.get_json() if isinstance(response, TestResponse) else response.json()
    assert response.status_code == status, problem
    assert response.headers["Content-Type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["type"] == f"/docs#errors-{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"].endswith((".", "?"))
    return problem


@dataclass
class Server:
    """A web server in a process of its own; see ``serve.py``."""

    process: subprocess.Popen[bytes]
    url: str
    var: Path
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        url = httpx.URL(self.url)
        return url.host, url.port or 80

    def turn(self) -> None:
        """Let the worker begin to work, for good."""
        (self.var / "turning").touch()

    def turn_once(self) -> None:
        """Let the worker do one chunk, and wait until it has."""
        (self.var / "turn").touch()
        wait_until(lambda: not (self.var / "turn").exists())

    def spooled(self) -> list[Path]:
        spool = self.var / "spool"
        return list(spool.iterdir()) if spool.is_dir() else []

    def worker_pid(self) -> int:
        """The process that answers, a child of gunicorn's parent."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def stop(self) -> int:
        """Ask it to stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with small limits, for the tests of a module that leave it as it was."""
    var = tmp_path_factory.mktemp("server")
    with serving(var, chunk_images=2, max_upload_bytes=300 << 20, web_threads=8, max_files=50) as started:
        yield started


@contextmanager
def serving(var: Path, **settings: Any) -> Iterator[Server]:
    """A web server with these settings, by name, until the end of the ``with`` block."""
    started = _start(var, settings)
    try:
        yield started
    finally:
        _end(started)


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def rss(pid: int) -> int:
    """Resident bytes of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:"))


def peak_rss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def _start(var: Path, settings: Mapping[str, Any]) -> Server:
    var.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    named = {f"DIGITMILL_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
    # in memory, what one process holds no other sees
    environment |= {"DIGITMILL_VAR": str(var), "DIGITMILL_PORT": str(port), "DIGITMILL_WEB_PROCESSES": "1", **named}
    log = var / "web.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.web.serve"], cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    server = Server(process, f"http://127.0.0.1:{port}", var, log)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(f"{server.url}/healthz", trust_env=False).raise_for_status()
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"the web server did not start:\n{log.read_text()}")
            time.sleep(0.05)
        else:
            return server


def _end(server: Server) -> None:
    if server.process.poll() is None:
        server.process.terminate()
        try:
            server.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()
