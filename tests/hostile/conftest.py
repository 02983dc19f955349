"""A whole service in memory, which lives through all examples of a property: what one leaves behind, the next meets."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from digitmill.settings import Settings
from digitmill.work.loading import Models
from tests.core.conftest import publish
from tests.in_process import in_process
from tests.web.conftest import Client, Mill, client_of, submitted
from tests.web.fakes import WideMeansSeven, one, seven

HANGS_AFTER = 30
"""Seconds after which an upload is believed to hang. It takes thousandths."""


@dataclass
class Besieged:
    """The service, a client of it, and the job of somebody who does no harm."""

    mill: Mill
    client: Client
    neighbour: str
    rows: Any


@pytest.fixture(scope="module")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Besieged:
    settings = Settings(
        var=tmp_path_factory.mktemp("besieged"),
        max_upload_bytes=1 << 20,
        max_member_bytes=1 << 20,
        max_image_pixels=500_000,
        max_images=500,
        max_files=20,
        max_pages=20,
        chunk_images=7,
    )
    publish(settings.var / "models")
    here = in_process(settings)
    worker = here.service.work(Models(lambda _: WideMeansSeven()))
    mill = Mill(here.service, here.store, here.queue, worker, lambda _: None)
    client = client_of(here.service)
    neighbour = submitted(client, [("1.png", one()), ("7.png", seven())])
    mill.turn()
    return Besieged(mill, client, neighbour, client.get(f"{neighbour}/results").json)


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(_: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {HANGS_AFTER} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANGS_AFTER)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
