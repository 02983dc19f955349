"""Kills processes as a power cut would, starts them again, and measures how long the service takes to come back.

What ends by itself is started again as well, as Compose and ``digitmill up`` do, and told of.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.end_to_end.conftest import Stack
from tests.soak.measures import children

VICTIMS = ("child", "child", "redis", "redis", "worker", "web")
TWICE = 0.3
"""How often a second one is killed before the service has come back from the first."""
PAUSE_SECONDS = 1.0
TWO = "two at once"
LOOK_SECONDS = 0.5


class Chaos:
    """``probe`` returns once the service has answered an image."""

    def __init__(self, stack: Stack, chance: random.Random, probe: Callable[[], None]) -> None:
        self._stack = stack
        self._chance = chance
        self._probe = probe
        self._killed: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    @contextmanager
    def supervising(self) -> Iterator[None]:
        """While it lasts, start again what ends by itself."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(LOOK_SECONDS):
                with self._lock:
                    for name, process in list(self._stack.processes.items()):
                        if process.poll() is not None:
                            self._ended[f"{name} with status {process.returncode}"] += 1
                            self._stack.start(name)

        supervisor = threading.Thread(target=look)
        supervisor.start()
        try:
            yield
        finally:
            over.set()
            supervisor.join()

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
        for ended, times in sorted(self._ended.items()):
            say(f"ended by itself: {ended}, {times} x")
        for struck, seconds in sorted(self._seconds.items()):
            middle, most = statistics.median(seconds), max(seconds)
            say(f"next answer after {struck}: {middle:.1f} s (median), {most:.1f} s (most)")

    def _pause(self) -> None:
        time.sleep(self._chance.uniform(0, PAUSE_SECONDS))

    def _kill_one(self) -> str:
        """Kill somebody, start it again, and tell who it was."""
        victim = self._chance.choice(VICTIMS)
        with self._lock:
            if victim == "child":
                self._kill_a_child()
            else:
                self._stack.kill(victim)
                self._stack.start(victim)
        self._killed[victim] += 1
        return victim

    def _kill_a_child(self) -> None:
        if pids := children(self._stack.processes["worker"].pid):
            # it may have ended by itself meanwhile
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(pids), signal.SIGKILL)
