"""Calls that may hang, made in a thread of their own: a storage whose server is away, say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from digitmill.errors import StorageUnavailable

Result = TypeVar("Result")


def awaited(call: Callable[[], Result], *, seconds: float, meanwhile: Callable[[], None], every: float) -> Result:
    """What ``call`` returns or raises; ``meanwhile`` is called each time that so many seconds have passed without.

    Raises:
        StorageUnavailable: nothing came within ``seconds``. The call may still be under way.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 (the caller gets it)
            outcome.set_exception(error)

    # a daemon, so that a process can end whose storage hangs for ever
    threading.Thread(target=run, daemon=True).start()
    deadline = time.monotonic() + seconds
    while not _over(outcome, every):
        if time.monotonic() >= deadline:
            raise StorageUnavailable(f"The storage of uploads has not answered for {seconds:g} s; try again later.")
        meanwhile()
    return outcome.result()


def _over(outcome: Future[Result], seconds: float) -> bool:
    try:
        # what the call raised is returned here, so a TimeoutError of its own is none of the waiting
        outcome.exception(seconds)
    except TimeoutError:
        return False
    return True
