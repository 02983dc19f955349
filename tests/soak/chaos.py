"""Brings faults over the service at random, one or two at once, and measures how long it takes to answer again.

What ends by itself is started again as well, as Compose and ``digitmill up`` do, and told of.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.soak.faults import FAULTS, Scene

TWICE = 0.3
"""How often a second fault comes before the service has come back from the first."""
PAUSE_SECONDS = 1.0
TWO = "two at once"
ANSWERS = "answers of Redis that were lost"
LOOK_SECONDS = 0.5


class Chaos:
    """``kinds`` are the faults that may come; ``probe`` returns once the service has answered an image."""

    def __init__(self, scene: Scene, kinds: Sequence[str], probe: Callable[[], None]) -> None:
        self._scene = scene
        self.stack = scene.stack
        self._kinds = kinds
        self._probe = probe
        self._brought: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def supervising(self) -> Iterator[None]:
        """While it lasts, start again what ends by itself."""
        over = threading.Event()
        stack = self._scene.stack

        def look() -> None:
            while not over.wait(LOOK_SECONDS):
                with self._scene.restarting:
                    for name, process in list(stack.processes.items()):
                        if process.poll() is not None:
                            self._ended[f"{name} with status {process.returncode}"] += 1
                            stack.start(name)

        supervisor = threading.Thread(target=look)
        supervisor.start()
        try:
            yield
        finally:
            over.set()
            supervisor.join()

    @property
    def faults(self) -> int:
        return self._brought.total()

    def strike(self) -> str:
        """After a pause, bring a fault, or two shortly after each other; tell which once the service answers again."""
        self._pause()
        began = time.monotonic()
        first = self._begin()
        struck, second = first.name, None
        if self._scene.chance.random() < TWICE:
            self._pause()
            struck, second = TWO, self._begin()
        for fault in (first, second):
            if fault is not None:
                fault.join()
        self._probe()
        self._seconds[struck].append(time.monotonic() - began)
        return struck if second is None else f"{first.name} and {second.name}"

    def report(self, say: Callable[[str], None]) -> None:
        say("faults: " + ", ".join(f"{times} x {kind}" for kind, times in sorted(self._brought.items())))
        for what, times in sorted({**self._scene.seen, ANSWERS: self.stack.proxy.cut_answers}.items()):
            say(f"{what}: {times}")
        for ended, times in sorted(self._ended.items()):
            say(f"ended by itself: {ended}, {times} x")
        for struck, seconds in sorted(self._seconds.items()):
            middle, most = statistics.median(seconds), max(seconds)
            say(f"next answer after {struck}: {middle:.1f} s (median), {most:.1f} s (most)")

    def _pause(self) -> None:
        time.sleep(self._scene.chance.uniform(0, PAUSE_SECONDS))

    def _begin(self) -> threading.Thread:
        """A fault of some kind, which is the thread's name, under way."""
        weights = [FAULTS[kind][0] for kind in self._kinds]
        (kind,) = self._scene.chance.choices(self._kinds, weights)
        self._brought[kind] += 1
        fault = threading.Thread(target=FAULTS[kind][1], args=(self._scene,), name=kind)
        fault.start()
        return fault
