"""A real web server over a service in its own memory, for tests.

A thread of the web process is the worker. It works while the file ``VAR/turning`` exists, and on one chunk
whenever ``VAR/turn`` appears, which it then removes. It sends webhooks where they may go to this machine.
"""

from __future__ import annotations

import threading
import time

from flask import Flask

from digitmill.readers import READERS
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.upkeep import WorkerInfo
from digitmill.system.telemetry import configure_logging
from digitmill.work.loading import Models
from tests.core.conftest import publish
from tests.in_process import HeldQueue, in_process, take_once
from tests.web.fakes import WideMeansSeven
from tests.web.letter_reader import WordReader
from web.app import create_app
from web.server.server import run

BEAT_SECONDS = 0.5


def make_app(settings: Settings) -> Flask:
    mill = in_process(settings)
    threading.Thread(target=turn, args=(mill.service, mill.queue), daemon=True).start()
    return create_app(mill.service)


def turn(service: Service, queue: HeldQueue) -> None:
    model = WideMeansSeven()
    work = service.work(Models(lambda _: model))
    turning, once = service.settings.var / "turning", service.settings.var / "turn"
    beats = 0.0
    while True:
        # each time, it would take half of the time that this process has
        if time.monotonic() >= beats:
            service.store.upkeep.beat([WorkerInfo("test/1", "none", "cpu", "float32", "digits@1")])
            beats = time.monotonic() + BEAT_SECONDS
        while queue.events and service.settings.webhook_private_addresses:
            service.webhooks.deliver(queue.events.popleft())
        if (turning.exists() or once.exists()) and any(service.store.chunks.waiting().values()):
            if take_once(work):
                once.unlink(missing_ok=True)
            continue
        time.sleep(0.01)


def main() -> None:
    settings = Settings.load(env_file=None)
    configure_logging(settings)
    publish(settings.var / "models")
    READERS[WordReader.name] = WordReader()
    run(settings, lambda: make_app(settings))
