"""The service of a soak: a Redis whose clock may be moved, a proxy before it that may lose answers, slow models."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.odd_process import LOADS_FILE, SLOW_FILE
from tests.moved_clock import LIBRARY, movable, set_clock
from tests.soak.proxy import Proxy

SETTINGS = {"DIGITMILL_WORKER_CONCURRENCY": "2", "DIGITMILL_CHUNK_IMAGES": "50"}
OF_A_LOAD = 3
"""Words of a line that tells of a load's end."""
ODD_WORKER = ("-m", "tests.end_to_end.odd_process", "worker", "slow-model")


@dataclass
class SoakStack(Stack):
    """``proxy`` stands between Redis and all others; ``clock`` tells how far Redis' clock is ahead."""

    proxy: Proxy = field(init=False)
    clock: Path = field(init=False)

    def __post_init__(self) -> None:
        self.proxy = Proxy(self.redis_port)
        self.settings["DIGITMILL_REDIS_URL"] = f"redis://127.0.0.1:{self.proxy.port}/0"
        self.clock = self.folder / "clock"
        set_clock(self.clock, 0)
        if LIBRARY is not None:
            self.redis_environment = movable(self.clock)

    def start(self, name: str, *arguments: str) -> None:
        super().start(name, *(ODD_WORKER if name == "worker" else arguments))

    def digitmill(self, *arguments: str) -> bool:
        """Run the command line; whether it says that all went well."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
        with (self.folder / "commands.log").open("ab") as log:
            done = subprocess.run(
                [sys.executable, "-m", "digitmill.cli", *arguments],
                env=others | {"PYTHONPATH": str(Path(__file__).parents[2])} | self.settings,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                check=False,
            )
        return done.returncode == 0

    def set_default(self, version: str) -> None:
        """Make this built-in model the default, as an upgrade to a release that ships it would."""
        models = self.folder / "var" / "models"
        models.mkdir(parents=True, exist_ok=True)
        beside = models / f"default.{os.getpid()}"
        beside.write_text(f"digits@{version}\n")
        beside.replace(models / "default")

    def slow_models_down(self, seconds: float) -> None:
        """Each load of a model takes so much longer from now on."""
        (self.folder / LOADS_FILE).unlink(missing_ok=True)
        (self.folder / SLOW_FILE).write_text(str(seconds))

    def loads(self) -> int:
        """Loads that ended since then."""
        loads = self.folder / LOADS_FILE
        return sum(len(line.split()) == OF_A_LOAD for line in loads.read_text().splitlines()) if loads.exists() else 0


@contextmanager
def running(folder: Path) -> Iterator[SoakStack]:
    plain = new_stack(folder, **SETTINGS)
    stack = SoakStack(folder, plain.redis_port, plain.web_port, plain.settings)
    try:
        for name in ("redis", "worker", "web"):
            stack.start(name)
        stack.wait_until_ready()
        yield stack
    finally:
        stack.close()
        stack.proxy.close()
