"""Chromium over a whole service of these tests' own."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from digitmill.client import Client, Job
from tests.browser.watching import Watch
from tests.web.conftest import Server, serving

PROGRAM = "import sys; from digitmill.cli import main; sys.exit(main())"
READY = "Digitmill is ready at "
KEY = "correct-horse"
PATIENCE_MS = 15_000
TRAINER = {"TRAINING_NICENESS": "0", "TRAINING_THREADS": "1"}
"""On a busy machine a training that gives way to all others waits for ever."""
# containers give no room in /dev/shm, and root no sandbox
ARGUMENTS = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    path = chromium_path()
    # a busy machine answers a drawing after more than the usual five seconds
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def chromium_path() -> str:
    path = shutil.which("chromium")
    if path is None:
        reason = "There is no chromium in PATH, so NO PAGE IS TESTED; install it with `apt-get install chromium`."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@contextmanager
def running_up(folder: Path, **settings: str) -> Iterator[str]:
    """``digitmill up`` with its data in ``folder``, and its address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
    own = {"VAR": str(folder / "var"), "PORT": "0", "WORKER_CONCURRENCY": "1", **TRAINER, **settings}
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "up"],
            env=environment | {f"DIGITMILL_{name}": value for name, value in own.items()},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith(READY), (folder / "errors").read_text()
            yield line.removeprefix(READY).strip()
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``digitmill up``."""
    with running_up(tmp_path_factory.mktemp("up")) as address:
        yield address


@pytest.fixture(scope="package")
def guarded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of ``digitmill up`` that asks for KEY."""
    with running_up(tmp_path_factory.mktemp("guarded"), ADMIN_KEY=KEY) as address:
        yield address


@pytest.fixture
def api(url: str) -> Iterator[Client]:
    with Client(url) as client:
        yield client


def send(client: Client, files: Iterable[tuple[str, bytes]], **options: Any) -> Job:
    """A new job with these files."""
    return client.submit([(name, io.BytesIO(content)) for name, content in files], **options)


@contextmanager
def browsing(chromium: Browser, url: str, **properties: Any) -> Iterator[tuple[BrowserContext, Watch]]:
    """A browser at one service. Whatever no page may do fails the test at the end of the ``with`` block."""
    watch = Watch(url)
    context = chromium.new_context(base_url=url, **{"locale": "en-GB", **properties})
    context.set_default_timeout(PATIENCE_MS)
    watch.over(context)
    yield context, watch
    context.close()
    assert watch.faults == []


@pytest.fixture
def browsed(chromium: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[tuple[BrowserContext, Watch]]:
    """Parametrize a test with ``browsed`` indirectly to give the browser properties, such as a viewport."""
    with browsing(chromium, url, **getattr(request, "param", {})) as found:
        yield found


@pytest.fixture
def context(browsed: tuple[BrowserContext, Watch]) -> BrowserContext:
    return browsed[0]


@pytest.fixture
def watch(browsed: tuple[BrowserContext, Watch]) -> Watch:
    return browsed[1]


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def resting(tmp_path: Path) -> Iterator[Server]:
    """A service whose worker rests until it is told to turn."""
    with serving(tmp_path / "resting", chunk_images=2) as server:
        yield server


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Server]:
    """A service that asks for KEY."""
    with serving(tmp_path / "guarded", admin_key=KEY) as server:
        yield server
