"""A real web server over a service in its own memory, for tests: ``python -m tests.web.serve``.

A thread of the web process is the worker. It works while the file ``VAR/turning`` exists, and on one chunk
whenever ``VAR/turn`` appears, which it then removes.
"""

from __future__ import annotations

import threading
import time

from flask import Flask

from digitmill.queue import MemoryQueue
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.base import WorkerInfo
from digitmill.store.memory import MemoryJobStore
from digitmill.telemetry import configure_logging
from digitmill.work import Models
from tests.core.conftest import publish
from tests.web.fakes import WideMeansSeven
from web.app import create_app
from web.server import run


def make_app(settings: Settings) -> Flask:
    store, queue = MemoryJobStore(), MemoryQueue()
    service = Service.assemble(settings, store, queue)
    threading.Thread(target=turn, args=(service, queue), daemon=True).start()
    return create_app(service)


def turn(service: Service, queue: MemoryQueue) -> None:
    model = WideMeansSeven()
    work = service.work(Models(lambda _: model))
    turning, once = service.settings.var / "turning", service.settings.var / "turn"
    while True:
        service.store.beat([WorkerInfo("test/1", "none", "cpu", "float32", "digits@1")])
        if turning.exists() or once.exists():
            message = queue.take()
            if message is not None:
                if work.run_chunk(*message):
                    once.unlink(missing_ok=True)
                continue
        time.sleep(0.01)


def main() -> None:
    settings = Settings.load(env_file=None)
    configure_logging(settings)
    publish(settings.var / "models")
    run(settings, lambda: make_app(settings))


if __name__ == "__main__":
    main()
