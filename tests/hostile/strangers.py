"""What strangers without a key can do to a service of real processes: ``python -m tests.hostile.strangers``.

A paying caller's jobs are counted in a quiet time, and then while a crowd (``crowd.py``) stands at the door. Ends with
status 0 if the probes answered in time, the caller got half the quiet speed, and memory, disk and log stayed bounded.
"""

from __future__ import annotations

import argparse
import io
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from digitmill.client import Client
from tests.end_to_end.conftest import Stack, running_stack
from tests.web.fakes import one

ROOT = Path(__file__).parents[2]
KEY = "the-key-of-the-strangers-harness"
IMAGES_OF_JOB = 50
MOST_HEALTHZ_SECONDS = 0.25
LEAST_SHARE = 0.5
MOST_MEMORY = 1 << 30
"""What docker-compose.yml gives the container of the web server."""
MOST_GROWTH = 50_000_000


@dataclass(frozen=True)
class Seen:
    """``healthz`` in seconds, infinite where none came; ``memory`` of all web processes and ``growth`` in bytes."""

    images: int
    seconds: float
    healthz: Sequence[float]
    memory: int
    growth: int

    @property
    def speed(self) -> float:
        return self.images / self.seconds

    @property
    def p99(self) -> float:
        return sorted(self.healthz)[math.ceil(0.99 * len(self.healthz)) - 1]


class Watch:
    """Asks /healthz (``probing.py``), and looks at memory, spool, temporary files and log once a second."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._stop = threading.Event()
        self._written = self._bytes()
        self.healthz: Sequence[float] = ()
        self.memory = self.growth = 0
        self._looking = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._looking.start()
        command = [sys.executable, "-m", "tests.hostile.probing", str(self._stack.web_port)]
        self._probing = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._looking.join()
        self._probing.terminate()
        out = self._probing.communicate()[0]
        # the last one may be cut off
        self.healthz = [float(line) for line in out.split("\n")[:-1]]

    def _look(self) -> None:
        while not self._stop.wait(1):
            self.memory = max(self.memory, sum(map(_resident, _family(self._stack.processes["web"].pid))))
            self.growth = max(self.growth, self._bytes() - self._written)

    def _bytes(self) -> int:
        places = (self._stack.folder / "tmp", self._stack.folder / "var" / "spool", self._stack.folder / "web.log")
        files = (file for place in places for file in (place.rglob("*") if place.is_dir() else [place]))
        return sum(_size(file) for file in files)


def watched(stack: Stack, seconds: float) -> Seen:
    """A caller's jobs, one after the other, for so long."""
    image, images, began = one(), 0, time.monotonic()
    with Watch(stack) as watch, Client(stack.url, KEY) as client:
        while time.monotonic() - began < seconds:
            files = [(f"{number}.png", io.BytesIO(image)) for number in range(IMAGES_OF_JOB)]
            rows = list(client.results(client.submit(files).id))
            assert len(rows) == IMAGES_OF_JOB
            images += len(rows)
        spent = time.monotonic() - began
    return Seen(images, spent, watch.healthz, watch.memory, watch.growth)


@contextmanager
def crowd(stack: Stack, connections: int) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.crowd", str(stack.web_port), str(connections)],
        cwd=ROOT,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def guarded_stack(folder: Path) -> Iterator[Stack]:
    (folder / "tmp").mkdir()
    with running_stack(
        folder, DIGITMILL_ADMIN_KEY=KEY, DIGITMILL_WORKER_CONCURRENCY="1", TMPDIR=str(folder / "tmp")
    ) as stack:
        yield stack


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="digitmill-strangers-") as name, guarded_stack(Path(name)) as stack:
        watched(stack, 3)  # the first jobs wait for what is loaded once
        quiet = watched(stack, options.quiet)
        _say("quiet", quiet)
        with crowd(stack, options.connections):
            attacked = watched(stack, options.seconds)
        _say(f"{options.connections} strangers", attacked)
    checks = {
        f"/healthz p99 under {MOST_HEALTHZ_SECONDS * 1000:.0f} ms": attacked.p99 < MOST_HEALTHZ_SECONDS,
        f"{LEAST_SHARE:.0%} of the quiet speed": attacked.speed >= LEAST_SHARE * quiet.speed,
        f"memory of web under {MOST_MEMORY >> 20} MiB": attacked.memory < MOST_MEMORY,
        f"disk and log grow by less than {MOST_GROWTH // 10**6} MB": attacked.growth < MOST_GROWTH,
    }
    for what, holds in checks.items():
        sys.stdout.write(f"{'holds' if holds else 'FAILS'}: {what}\n")
    return 0 if all(checks.values()) else 1


def _say(what: str, seen: Seen) -> None:
    sys.stdout.write(
        f"{what}: {seen.seconds:.0f} s, {seen.speed:.0f} images/s, /healthz p50 {_middle(seen.healthz) * 1000:.0f} ms, "
        f"p99 {seen.p99 * 1000:.0f} ms of {len(seen.healthz)}, web at most {seen.memory >> 20} MiB, "
        f"disk and log +{seen.growth / 1e6:.1f} MB\n"
    )
    sys.stdout.flush()


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *map(int, children.read_text().split())] if children.exists() else [pid]


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS:")), 0)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600, help="how long the strangers stand there")
    parser.add_argument("--quiet", type=float, default=60, help="how long the caller is alone before")
    parser.add_argument("--connections", type=int, default=500, help="of the strangers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
