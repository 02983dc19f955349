"""A trainer gives way to all else: by the niceness that it is told, also where sessions share the cores first."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from digitmill.settings import Settings
from tests.house.sources import ROOT
from worker.niceness import AUTOGROUP

# a child of the worker, as a process of its pool is, and what it starts
PROGRAM = """
import os, subprocess, sys
from pathlib import Path
if os.fork() == 0:
    from worker.niceness import AUTOGROUP, give_way
    give_way(7)
    own = AUTOGROUP.read_text() if AUTOGROUP.exists() else ""
    started = subprocess.check_output([sys.executable, "-c", "import os; print(os.nice(0))"], text=True)
    print(json.dumps([os.nice(0), int(started), own]))
    os._exit(0)
os.wait()
"""


def nice(*, alone: bool) -> Any:
    """How nice a process of the pool is, one that it starts, and its session: ``alone`` in one of the worker's own."""
    program = f"import json{PROGRAM}"
    worker = [sys.executable, "-c", program]
    if not alone:
        worker = [sys.executable, "-c", f"import subprocess; subprocess.check_call({worker})"]
    return json.loads(subprocess.check_output(worker, text=True, cwd=ROOT, start_new_session=True))


def test_a_trainer_and_what_it_starts_are_nice() -> None:
    expected = os.nice(0) + 7
    assert nice(alone=True)[:2] == [expected, expected]
    assert nice(alone=False)[:2] == [expected, expected]


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not share cores among sessions")
def test_its_session_is_as_nice_where_nobody_else_works_in_it() -> None:
    assert re.search(r"nice 7\b", nice(alone=True)[2])
    assert re.search(r"nice 0\b", nice(alone=False)[2])


def test_a_training_waits_for_work_unless_somebody_says_otherwise() -> None:
    assert Settings.model_fields["training_niceness"].default == 19
    before, trainer = (ROOT / "docker-compose.yml").read_text().split("\n  trainer:\n")
    trainer, *behind = re.split(r"\n  (?=\w)", trainer)
    assert "\n    cpu_shares: 2\n" in trainer
    assert not any("cpu_shares" in service for service in (before, *behind))
