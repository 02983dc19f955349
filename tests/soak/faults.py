"""What befalls the service of a soak, by kind. A further kind is a function here and a line in ``FAULTS``.

Each function is called with the stack, chance, and a caller to send jobs with; it returns when the fault is over, but
not before all is in place again that it changed. Faults may overlap.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from digitmill.models.registry import BUILT_IN
from digitmill.models.repository import version_order
from tests.moved_clock import LIBRARY, clock_of, set_clock
from tests.soak.gate import Gate
from tests.soak.measures import children
from tests.soak.stack import SoakStack
from tests.soak.submitting import Submitter

VERSIONS = sorted((folder.name for folder in BUILT_IN.glob("digits/*")), key=version_order)
DELETED_JOBS = 4
REDIS_FILES = "appendonly*"
SLOW_SECONDS = 6.0
"""Two leases of a soak."""
REPEAT_SECONDS = 0.2
HOUR = 3600.0


@dataclass
class Scene:
    """``restarting`` is held while a process is replaced: nobody else starts it meanwhile; ``emptying`` while Redis is
    empty. While ``gate`` is closed no caller asks for anything. ``seen`` counts what shows that a fault was one."""

    stack: SoakStack
    chance: random.Random
    caller: Submitter
    gate: Gate
    restarting: threading.Lock = field(default_factory=threading.Lock)
    emptying: threading.Lock = field(default_factory=threading.Lock)
    seen: Counter[str] = field(default_factory=Counter)


def kill_child(scene: Scene) -> None:
    with scene.restarting:
        if pids := children(scene.stack.processes["worker"].pid):
            # it may have ended by itself meanwhile
            with suppress(ProcessLookupError):
                os.kill(scene.chance.choice(pids), signal.SIGKILL)


def kill(name: str) -> Callable[[Scene], None]:
    def kill_it(scene: Scene) -> None:
        with scene.restarting:
            scene.stack.kill(name)
            scene.stack.start(name)

    return kill_it


def lose_answers(scene: Scene) -> None:
    """Redis does what it is asked, and up to 40 answers in two seconds are lost on their way."""
    scene.stack.proxy.cut(scene.chance.randint(1, 40))
    time.sleep(2)
    scene.stack.proxy.mend()


def stop_redis(scene: Scene) -> None:
    """Redis stands still for some seconds, and then goes on as if nothing had been."""
    process = scene.stack.processes["redis"]
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(scene.chance.uniform(1, 8))
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGCONT)


def fill_redis(scene: Scene) -> None:
    """Redis is full, and callers delete and cancel jobs all the same."""
    jobs = [scene.caller.begin() for _ in range(DELETED_JOBS)]
    with _full(scene.stack):
        for number, address in enumerate(jobs):
            if number % 2:
                scene.caller.attempt("POST", f"{address}/cancel")
            scene.caller.attempt("DELETE", address)
        time.sleep(scene.chance.uniform(0, 3))
        with suppress(redis.RedisError):
            scene.seen["commands that a full Redis refused"] += refused_when_full(scene.stack)
    for address in jobs:
        scene.caller.delete(address)


def refused_when_full(stack: SoakStack) -> int:
    """Since Redis started, or was made full."""
    with redis.Redis(port=stack.redis_port, socket_timeout=2) as client:
        found: Any = client.info("errorstats")
    return int(found.get("errorstat_OOM", {}).get("count", 0))


@contextmanager
def _full(stack: SoakStack) -> Iterator[None]:
    _configure(stack, "1mb")
    try:
        yield
    finally:
        _configure(stack, "0")


def _configure(stack: SoakStack, limit: str) -> None:
    """Whatever else befalls Redis meanwhile."""
    while True:
        with suppress(redis.RedisError):
            client = redis.Redis(port=stack.redis_port, socket_timeout=2)
            client.config_set("maxmemory", limit)
            client.config_resetstat()
            client.close()
            return
        time.sleep(REPEAT_SECONDS)


def empty_redis(scene: Scene) -> None:
    """Redis comes up without its files, and some seconds later with them: somebody has found its volume again."""
    folder = scene.stack.folder
    with scene.emptying, tempfile.TemporaryDirectory(dir=folder) as volume, tempfile.TemporaryDirectory() as away:
        with _stopped_redis(scene):
            _move(folder, Path(volume))
        time.sleep(scene.chance.uniform(1, 5))
        with _stopped_redis(scene):
            _move(folder, Path(away))
            _move(Path(volume), folder)


def restore_backup(scene: Scene) -> None:
    """Redis comes up without its files, and what it held is restored from a backup, taken when no caller was there."""
    folder = scene.stack.folder
    with scene.emptying, tempfile.TemporaryDirectory(dir=folder) as away:
        file = Path(away) / "backup.zip"
        with scene.gate.closed():
            while not scene.stack.digitmill("backup", str(file)):
                time.sleep(REPEAT_SECONDS)
            with _stopped_redis(scene):
                _move(folder, Path(away))
        time.sleep(scene.chance.uniform(1, 5))
        while not scene.stack.digitmill("restore", str(file)):
            time.sleep(REPEAT_SECONDS)


@contextmanager
def _stopped_redis(scene: Scene) -> Iterator[None]:
    with scene.restarting:
        scene.stack.kill("redis")
        yield
        scene.stack.start("redis")


def move_clock(scene: Scene) -> None:
    """Redis' clock is moved by one to three hours, either way."""
    now = clock_of(scene.stack.clock)
    hours = scene.chance.uniform(1, 3)
    set_clock(scene.stack.clock, now - HOUR * hours if now > 0 else now + HOUR * hours)
    time.sleep(scene.chance.uniform(0, 3))
    with suppress(redis.RedisError), redis.Redis(port=scene.stack.redis_port, socket_timeout=2) as client:
        found: Any = client.time()
        ahead = found[0] - time.time()
        scene.seen["times that Redis told another time"] += abs(ahead - now) > HOUR / 2


def _move(source: Path, sink: Path) -> None:
    """The files of Redis, a folder of its own included."""
    for file in source.glob(REDIS_FILES):
        shutil.move(file, sink)


def change_model(scene: Scene) -> None:
    """As an upgrade does: web and worker are restarted, and another built-in model is the default."""
    with scene.restarting:
        for name in ("worker", "web"):
            scene.stack.kill(name)
        scene.stack.set_default(scene.chance.choice(VERSIONS))
        for name in ("worker", "web"):
            scene.stack.start(name)


def slow_models(scene: Scene) -> None:
    """The worker is restarted, with another default model, and for a while each load takes longer than two leases."""
    scene.stack.slow_models_down(SLOW_SECONDS)
    with scene.restarting:
        scene.stack.kill("worker")
        scene.stack.set_default(scene.chance.choice(VERSIONS))
        scene.stack.start("worker")
    scene.caller.probe()
    scene.seen["models that were loaded slowly"] += scene.stack.loads()
    scene.stack.slow_models_down(0)


FAULTS: dict[str, tuple[int, Callable[[Scene], None]]] = {
    "kill-child": (4, kill_child),
    "kill-redis": (4, kill("redis")),
    "kill-worker": (2, kill("worker")),
    "kill-web": (2, kill("web")),
    "lose-answers": (4, lose_answers),
    "stop-redis": (2, stop_redis),
    "full-redis": (2, fill_redis),
    "empty-redis": (2, empty_redis),
    "restore-backup": (2, restore_backup),
    "move-clock": (3, move_clock),
    "change-model": (2, change_model),
    "slow-models": (2, slow_models),
}
"""How often each comes, by weight."""
USUAL = [kind for kind in FAULTS if kind != "move-clock" or LIBRARY is not None]
"""Those that can be brought here."""
