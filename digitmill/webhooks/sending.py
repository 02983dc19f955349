"""One POST to a stranger's server: to a checked address, within a time, without following it anywhere."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping

from digitmill.outside.addresses import Resolve, Target, resolve
from digitmill.outside.calling import FAILURES, USER_AGENT, Caller, Deadline, NotCalled, explained, too_late
from digitmill.store.webhook_store import Attempt

TOTAL_SECONDS = 15.0
"""However slowly bytes trickle in. Looking up the name comes before it, and takes what the system's resolver takes."""

RECEIVER = "receiver"
TOO_LATE = too_late(RECEIVER)
HEADERS = {"Content-Type": "application/json", "User-Agent": USER_AGENT, "Connection": "close"}


class Poster:
    """``resolve_name`` looks up names; ``tls`` makes the context that says whom to trust."""

    def __init__(
        self,
        *,
        private_addresses: bool,
        resolve_name: Resolve = resolve,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._caller = Caller(private_addresses=private_addresses, resolve_name=resolve_name, tls=tls)
        self._total_seconds = total_seconds

    def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send the body and wait for the status; whatever the answer holds besides is not read."""
        at, began = time.time(), time.monotonic()
        status, error = self._tried(target, headers, body)
        return Attempt(at=at, seconds=round(time.monotonic() - began, 3), status=status, error=error)

    def _tried(self, target: Target, headers: Mapping[str, str], body: bytes) -> tuple[int | None, str | None]:
        deadline = Deadline(self._total_seconds)
        try:
            with self._caller.called(target, deadline) as client:
                client.request("POST", target.path, body, {**HEADERS, **headers})
                status = client.getresponse().status
            # cut off within the headers, an answer reads as if it were whole
            return (None, TOO_LATE) if deadline.passed else (status, None)
        except NotCalled as error:
            return None, str(error)
        except FAILURES as error:
            return None, explained(error, deadline, RECEIVER)
