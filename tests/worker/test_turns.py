"""Processes that take turns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from worker.turns import MachineTurn

HOLDER = """
import sys, time
from pathlib import Path
from worker.turns import MachineTurn
turn = MachineTurn(Path(sys.argv[1]))
assert turn.take(60)
print("inside", flush=True)
sys.stdin.readline()
turn.give()
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


def test_one_process_has_its_turn_at_a_time(lock: Path) -> None:
    other, turn = holder(lock), MachineTurn(lock)
    assert not turn.take(0)
    assert not turn.take(0.2)
    assert other.stdin is not None
    other.stdin.write("\n")
    other.stdin.flush()
    assert turn.take(60)
    last = MachineTurn(lock)
    assert not last.take(0)
    turn.give()
    assert last.take(0)
    last.give()
    other.communicate("\n")


def test_the_turn_of_a_process_that_was_killed_is_over(lock: Path) -> None:
    other, turn = holder(lock), MachineTurn(lock)
    assert not turn.take(0)
    other.kill()
    other.communicate()
    assert turn.take(60)
    turn.give()


def test_without_a_place_for_its_file_a_turn_is_free_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    turn = MachineTurn(tmp_path / "file" / "lock")
    assert turn.take(0)
    turn.give()
    assert "no_turn" in capsys.readouterr().out
