"""Following a job to its end: server-sent events while they come, polling where they do not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx

from digitmill.client.documents import Job, parse
from digitmill.client.errors import (
    Busy,
    ServiceError,
    UnexpectedAnswer,
    Unreachable,
    WaitTimeout,
    retry_after,
)
from digitmill.client.events import events
from digitmill.client.transport import Transport

POLL_SECONDS = 1.0
"""The pause between polls where the service names none."""

PATIENCE_SECONDS = 120.0
"""A service that restarts for an upgrade is waited for so long."""


def follow(transport: Transport, path: str, timeout: float | None) -> Iterator[Job]:
    """The job as it gets on; the last one is final.

    Raises:
        WaitTimeout: the job was not final within ``timeout`` seconds.
    """
    deadline = Deadline(timeout)
    job = transport.read(Job.read, "GET", path)
    yield job
    if job.final:
        return
    for job in _listen(transport, path, deadline):
        yield job
    if not job.final:
        yield from _poll(transport, path, deadline)


class Deadline:
    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._end = float("inf") if timeout is None else time.monotonic() + timeout

    @property
    def left(self) -> float:
        """Seconds, never below zero."""
        return max(self._end - time.monotonic(), 0.0)

    def check(self, path: str) -> None:
        if not self.left:
            job_id = path.rpartition("/")[2]
            raise WaitTimeout(f"Job {job_id} is not done after {self._timeout:g} s; it goes on, so wait again.")


def _listen(transport: Transport, path: str, deadline: Deadline) -> Iterator[Job]:
    """The job of every event, up to the last; ends early, without an error, where the stream breaks off."""
    silence = min(transport.timeout, max(deadline.left, 0.1))
    try:
        with transport.stream(
            f"{path}/events", accept="text/event-stream", patient=False, read_timeout=silence
        ) as response:
            for event in events(_pieces(response, path, deadline)):
                if event.kind == "done":
                    yield transport.read(Job.read, "GET", path)
                    return
                if event.kind == "progress":
                    yield parse(Job.read, json.loads(event.data))
    except (Unreachable, ServiceError, UnexpectedAnswer, ValueError):
        return


def _pieces(response: httpx.Response, path: str, deadline: Deadline) -> Iterator[bytes]:
    """The service sends something now and then to keep the stream open, so every piece is a look at the clock."""
    for piece in response.iter_bytes():
        yield piece
        deadline.check(path)


def _poll(transport: Transport, path: str, deadline: Deadline) -> Iterator[Job]:
    tag = None
    last_answer = time.monotonic()
    while True:
        deadline.check(path)
        pause = POLL_SECONDS
        try:
            response = transport.request("GET", path, headers={"If-None-Match": tag} if tag else {})
        except (Unreachable, Busy) as error:
            if time.monotonic() - last_answer > PATIENCE_SECONDS:
                raise
            pause = error.retry_after or POLL_SECONDS
        else:
            last_answer = time.monotonic()
            tag = response.headers.get("etag")
            if response.status_code != 304:
                job = parse(lambda answer: Job.read(answer.json()), response)
                yield job
                if job.final:
                    return
            pause = retry_after(response) or POLL_SECONDS
        time.sleep(min(pause, deadline.left))
