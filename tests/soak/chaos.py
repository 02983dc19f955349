"""Kills processes as a power cut would, starts them again, and measures how long the service takes to come back."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.end_to_end.conftest import Stack

VICTIMS = ("child", "child", "worker", "web", "redis")
TWICE = 0.3
"""How often a second one is killed before the service has come back from the first."""
PAUSE_SECONDS = 1.0
TWO = "two at once"


class Chaos:
    """``probe`` returns once the service has answered an image."""

    def __init__(self, stack: Stack, chance: random.Random, probe: Callable[[], None]) -> None:
        self._stack = stack
        self._chance = chance
        self._probe = probe
        self._killed: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = defaultdict(list)

    @property
    def kills(self) -> int:
        return self._killed.total()

    def strike(self) -> None:
        """After a pause, kill somebody, or two shortly one after the other; return when the service answers again."""
        self._pause()
        began = time.monotonic()
        struck = self._kill_one()
        if self._chance.random() < TWICE:
            self._pause()
            self._kill_one()
            struck = TWO
        self._probe()
        self._seconds[struck].append(time.monotonic() - began)

    def report(self, say: Callable[[str], None]) -> None:
        say("killed " + ", ".join(f"{times} x {victim}" for victim, times in sorted(self._killed.items())))
        for struck, seconds in sorted(self._seconds.items()):
            middle, most = statistics.median(seconds), max(seconds)
            say(f"next answer after {struck}: {middle:.1f} s (median), {most:.1f} s (most)")

    def _pause(self) -> None:
        time.sleep(self._chance.uniform(0, PAUSE_SECONDS))

    def _kill_one(self) -> str:
        """Kill somebody, start it again, and tell who it was."""
        victim = self._chance.choice(VICTIMS)
        if victim == "child":
            self._kill_a_child()
        else:
            self._stack.kill(victim)
            self._stack.start(victim)
        self._killed[victim] += 1
        return victim

    def _kill_a_child(self) -> None:
        parent = self._stack.processes["worker"].pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children:
            # it may have ended by itself meanwhile
            with suppress(ProcessLookupError):
                os.kill(int(self._chance.choice(children)), signal.SIGKILL)
