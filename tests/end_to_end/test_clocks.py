"""Web servers and workers whose clocks are wrong: all times are Redis'."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.test_webhooks import secret, submit
from tests.receiver import receiving

pytestmark = pytest.mark.service

WEB_AHEAD, WORKER_AHEAD = 3 * 3600, -20 * 60
WITH_CLOCK = """import runpy, time
told = time.time
time.time = lambda: told() + {ahead}
runpy.run_module("{module}", run_name="__main__", alter_sys=True)
"""
"""libfaketime breaks the sleep of Python 3.11."""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A web server whose clock is three hours ahead, and a worker whose clock is twenty minutes behind."""
    stack = new_stack(tmp_path, DIGITMILL_WEBHOOK_PRIVATE_ADDRESSES="true", DIGITMILL_WORKER_CONCURRENCY="1")
    try:
        stack.start("redis")
        for name, ahead in (("web", WEB_AHEAD), ("worker", WORKER_AHEAD)):
            stack.start(name, "-c", WITH_CLOCK.format(ahead=ahead, module=name))
        stack.wait_until_ready()
        yield stack
    finally:
        stack.close()


def test_jobs_end_after_they_began_and_receivers_take_signatures(stack: Stack) -> None:
    signing = secret(stack)
    with receiving() as receiver:
        job_id = submit(stack, receiver)
        stack.wait_for(lambda: len(receiver.received) > 0, "the webhook")
        (received,) = receiver.received[:1]
        # it refuses what was signed more than five minutes ago
        Webhook(signing).verify(received.body, received.headers)
    job = httpx.get(f"{stack.url}/v1/jobs/{job_id}").json()
    times = [datetime.fromisoformat(job[name]) for name in ("created_at", "started_at", "finished_at", "expires_at")]
    assert times == sorted(times)
    seconds, _ = stack.redis.time()
    assert abs(times[0].timestamp() - seconds) < 600
