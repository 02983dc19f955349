"""Kills processes as a power cut would, starts them again, and measures how long the service takes to come back."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.end_to_end.conftest import Stack

VICTIMS = ("child", "child", "worker", "web", "redis")


class Chaos:
    """``probe`` returns once the service has answered an image."""

    def __init__(self, stack: Stack, chance: random.Random, probe: Callable[[], None]) -> None:
        self._stack = stack
        self._chance = chance
        self._probe = probe
        self._seconds: dict[str, list[float]] = defaultdict(list)

    @property
    def kills(self) -> int:
        return sum(map(len, self._seconds.values()))

    def kill_one(self) -> None:
        """After a pause, kill somebody; return when the service answers again."""
        victim, pause = self._chance.choice(VICTIMS), self._chance.uniform(0.2, 3)
        time.sleep(pause)
        began = time.monotonic()
        if victim == "child":
            self._kill_a_child()
        else:
            self._stack.kill(victim)
            self._stack.start(victim)
        self._probe()
        self._seconds[victim].append(time.monotonic() - began)

    def _kill_a_child(self) -> None:
        parent = self._stack.processes["worker"].pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children:
            # it may have ended by itself meanwhile
            with suppress(ProcessLookupError):
                os.kill(int(self._chance.choice(children)), signal.SIGKILL)

    def report(self, say: Callable[[str], None]) -> None:
        for victim, seconds in sorted(self._seconds.items()):
            middle, most = statistics.median(seconds), max(seconds)
            say(f"killed {len(seconds)} x {victim}; next answer after {middle:.1f} s (median), {most:.1f} s (most)")
