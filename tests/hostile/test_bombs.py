"""Files that ask for far more than they are: each costs its own row, little time and bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.bombs import BOMBS

ROOT = Path(__file__).parents[2]
SECONDS = 10.0
"""A bomb that takes longer would hold up a worker. Each takes a tenth of a second; this machine may be busy."""


def decoded_behind_a_wall(*arguments: str) -> tuple[dict[str, Any], dict[str, int]]:
    """What became of each bomb in a process whose memory is bounded, and the memory that it took."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.wall", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *answers, memory = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["name"]: answer for answer in answers}, memory


@pytest.fixture(scope="module")
def answers() -> tuple[dict[str, Any], dict[str, int]]:
    return decoded_behind_a_wall()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_in_its_failure(answers: tuple[dict[str, Any], dict[str, int]], name: str) -> None:
    expected = BOMBS[name][1]
    assert answers[0][name]["failure"] == (expected and expected.value)
    assert answers[0][name]["seconds"] < SECONDS


def test_all_bombs_together_stay_within_the_wall(answers: tuple[dict[str, Any], dict[str, int]]) -> None:
    memory = answers[1]
    assert 0 < memory["peak"] < memory["wall"]


def test_a_decoder_that_takes_too_much_memory_costs_the_row_and_not_the_process() -> None:
    answers, memory = decoded_behind_a_wall("--heavy")
    pictures = {name for name, (_, failure) in BOMBS.items() if failure is None}
    assert {answers[name]["failure"] for name in pictures} == {"image_too_large"}
    assert memory["peak"] < memory["wall"]
