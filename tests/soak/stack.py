"""The service of a soak: Redis behind a proxy that may lose answers, workers whose models may load slowly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.odd_process import SLOW_FILE
from tests.soak.proxy import Proxy

SETTINGS = {"DIGITMILL_WORKER_CONCURRENCY": "2", "DIGITMILL_CHUNK_IMAGES": "50"}
ODD_WORKER = ("-m", "tests.end_to_end.odd_process", "worker", "slow-model")


@dataclass
class SoakStack(Stack):
    """``proxy`` stands between Redis and all others."""

    proxy: Proxy = field(init=False)

    def __post_init__(self) -> None:
        self.proxy = Proxy(self.redis_port)
        self.settings["DIGITMILL_REDIS_URL"] = f"redis://127.0.0.1:{self.proxy.port}/0"

    def start(self, name: str, *arguments: str) -> None:
        super().start(name, *(ODD_WORKER if name == "worker" else arguments))

    def set_default(self, version: str) -> None:
        """Make this built-in model the default, as an upgrade to a release that ships it would."""
        models = self.folder / "var" / "models"
        models.mkdir(parents=True, exist_ok=True)
        beside = models / f"default.{os.getpid()}"
        beside.write_text(f"digits@{version}\n")
        beside.replace(models / "default")

    def slow_models_down(self, seconds: float) -> None:
        """Each load of a model takes so much longer from now on."""
        (self.folder / SLOW_FILE).write_text(str(seconds))


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
