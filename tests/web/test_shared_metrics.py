"""The folder of counts that the processes of a web server share lives as long as they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.web.conftest import ROOT
from web.server.in_memory import folder_in_memory

PROGRAM = """
import os, sys, time
from web.server.shared_metrics import VARIABLE, remove_shared_metrics, share_metrics
share_metrics()
print(os.environ[VARIABLE], flush=True)
child = os.fork() if "fork" in sys.argv else None
if child:
    print(child, flush=True)
if child == 0:
    time.sleep(600)
sys.stdin.readline()
remove_shared_metrics()
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other servers' folders stay where they are."""
    if folder_in_memory() is None:
        monkeypatch.setenv("TMPDIR", str(tmp_path))


def told(process: subprocess.Popen[str]) -> str:
    """The next line of what it says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that shares, and tells its folder."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def sharing(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Such a process, and its folder."""
    with started(*arguments) as process:
        yield process, Path(told(process))


def test_what_a_killed_server_left_is_removed_by_the_next_and_nothing_of_one_that_lives() -> None:
    with sharing() as (_, living), sharing() as (killed, left):
        killed.kill()
        killed.wait()
        assert left.is_dir()
        with sharing() as (_, folder):
            assert folder.is_dir()
            assert living.is_dir()
            assert not left.exists()


def test_servers_that_start_at_once_leave_each_other_their_folders() -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(started()) for _ in range(6)]
        folders = [Path(told(process)) for process in processes]
        assert all(folder.is_dir() for folder in folders)


def test_it_stays_while_a_process_of_the_server_lives() -> None:
    with sharing("fork") as (parent, folder):
        child = int(told(parent))
        parent.kill()
        parent.wait()
        with sharing():
            assert folder.is_dir()
        os.kill(child, signal.SIGKILL)


def test_a_server_that_ends_removes_its_own() -> None:
    with sharing() as (process, folder):
        assert folder.is_dir()
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
        assert not folder.exists()
