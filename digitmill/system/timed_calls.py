"""Calls that may hang, made in a thread of their own: a storage whose server is away, say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from digitmill.errors import StorageUnavailable

Result = TypeVar("Result")


class TimedCalls:
    """Makes one call at a time. One that hangs is left to itself, and awaited first when the next is to be made: a
    thread for each would fill the process with threads that hang."""

    def __init__(self) -> None:
        self._left: Future[Any] | None = None

    def result(
        self, call: Callable[[], Result], *, seconds: float, meanwhile: Callable[[], None], every: float
    ) -> Result:
        """What ``call`` returns or raises; ``meanwhile`` is called every so many seconds until then.

        Raises:
            StorageUnavailable: nothing came within ``seconds``. The call may still be under way.
        """
        deadline = time.monotonic() + seconds

        def wait_for(outcome: Future[Any]) -> None:
            while not _over(outcome, every):
                if time.monotonic() >= deadline:
                    raise StorageUnavailable(
                        f"The storage of uploads has not answered for {seconds:g} s; try again later."
                    )
                meanwhile()

        if self._left is not None:
            wait_for(self._left)
        self._left = outcome = _started(call)
        wait_for(outcome)
        self._left = None
        return outcome.result()


def _started(call: Callable[[], Result]) -> Future[Result]:
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 (the caller gets it)
            outcome.set_exception(error)

    # a daemon, so that a process can end whose storage hangs for ever
    threading.Thread(target=run, daemon=True).start()
    return outcome


def _over(outcome: Future[Any], seconds: float) -> bool:
    try:
        # what the call raised is returned here, so a TimeoutError of its own is none of the waiting
        outcome.exception(seconds)
    except TimeoutError:
        return False
    return True
