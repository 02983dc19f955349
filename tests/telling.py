"""A server that tells of jobs, and a job for it to tell of."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digitmill.client import Client
from tests.pictures import drawn_digit, png
from tests.web.conftest import Server, serving


@contextmanager
def running_teller(var: Path) -> Iterator[Server]:
    """A server whose worker works and sends webhooks to this machine."""
    with serving(var, webhook_private_addresses=True) as server:
        server.turn()
        yield server


def one_job(client: Client, **metadata: str) -> str:
    """The id of a job that is done."""
    scans = [("1.png", io.BytesIO(png(drawn_digit(1))))]
    return client.wait(client.submit(scans, metadata=metadata).id, timeout=60).id
