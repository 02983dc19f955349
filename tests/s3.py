"""A server that speaks S3's protocol, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from digitmill.embedded.claims import free_port

BUCKET = "uploads"
START_SECONDS = 60.0


@dataclass(frozen=True)
class S3:
    """``environment``: by what variables boto finds the server."""

    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]

    def hang(self) -> None:
        """Answer nothing any more, until ``go_on``; connections are still taken."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def running_s3(log: Path) -> Iterator[S3]:
    """A server with an empty ``BUCKET`` until the block ends."""
    host, port = "127.0.0.1", free_port("127.0.0.1", 0)
    url = f"http://{host}:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)], stdout=output, stderr=output
        )
    try:
        _wait_for(url, process, log)
        httpx.put(f"{url}/{BUCKET}", timeout=START_SECONDS).raise_for_status()
        names = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
        yield S3(process, names | {"AWS_ACCESS_KEY_ID": "anyone", "AWS_SECRET_ACCESS_KEY": "anything"})
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(url, timeout=START_SECONDS)
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server of S3 did not start:\n{log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
