"""Processes that take turns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from worker.turns import in_turn

HOLDER = """
import sys, time
from pathlib import Path
from worker.turns import in_turn
with in_turn(Path(sys.argv[1]), 60):
    print("inside", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "lock"


def holder(lock: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    return process


def test_a_process_waits_for_its_turn(lock: Path) -> None:
    first = holder(lock)
    second = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with pytest.raises(subprocess.TimeoutExpired):
        second.communicate("", timeout=2)
    assert first.communicate("\n")[0] == ""
    assert second.communicate()[0] == "inside\n"


def test_the_turn_of_a_process_that_was_killed_is_over(lock: Path) -> None:
    first = holder(lock)
    first.kill()
    first.communicate()
    with in_turn(lock, 60):
        pass


def test_who_waited_too_long_goes_on_and_says_so(lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = holder(lock)
    with in_turn(lock, 0.1):
        pass
    assert "no_turn" in capsys.readouterr().out
    first.communicate("\n")


def test_without_a_place_for_the_lock_it_goes_on_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with in_turn(tmp_path / "file" / "lock", 60):
        pass
    assert "no_turn" in capsys.readouterr().out
