"""What a walled-in process cannot do, threads that ran before the walls included."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, socket, subprocess, threading, time
from digitmill.system.walls import shut_in
up, results = threading.Event(), []
def later():
    up.wait()
    results.append(attempt())
def attempt():
    try:
        {attempt}
    except (OSError, PermissionError) as error:
        return type(error).__name__
    return "done"
thread = threading.Thread(target=later)
thread.start()
shut_in(seconds=60, file_bytes=4096)
up.set()
thread.join()
print(attempt(), *results)
"""


def run(attempt: str) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(attempt=attempt)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone filters calls")
@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "subprocess.run(['/bin/true'])",
        "os.kill(os.getppid(), 0)",
    ],
)
def test_it_reaches_nobody(attempt: str) -> None:
    assert run(attempt) == "PermissionError PermissionError"


def test_it_goes_on_with_its_own_work(tmp_path: object) -> None:
    assert run(f"open('{tmp_path}/small', 'wb').write(bytes(4096))") == "done done"


def test_it_writes_no_large_file(tmp_path: object) -> None:
    assert run(f"file = open('{tmp_path}/large', 'wb', buffering=0); file.write(bytes(4096)); file.write(b'x')") == (
        "OSError OSError"
    )


def test_it_computes_for_so_long_and_no_longer() -> None:
    program = "from digitmill.system.walls import shut_in\nshut_in(seconds=1, file_bytes=1)\nwhile True: pass"
    assert subprocess.run([sys.executable, "-c", program]).returncode < 0
