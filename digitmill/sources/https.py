"""One file from a web server: by a GET to a checked address, which is followed nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from urllib.parse import unquote

from digitmill.errors import SourceFailed, SourceUnavailable
from digitmill.outside.addresses import Target
from digitmill.outside.calling import FAILURES, USER_AGENT, Caller, Deadline, NotCalled, explained
from digitmill.outside.places import Place

BLOCK_BYTES = 1 << 20
# packed on its way, a file would not be what it is
HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
SERVER = "server"
LEAST_SECONDS = 5
_SECONDS = re.compile("[0-9]{1,6}")
NOT_NOW = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class HttpsFile:
    """``told`` is its address without the query; ``field`` names it as the caller wrote it."""

    size: int | None = None

    def __init__(self, place: Place, target: Target, field: str, caller: Caller) -> None:
        self.name = unquote(place.path, errors="replace").rpartition("/")[2] or target.host
        self.told = place.told
        self.field = field
        self._target = target
        self._caller = caller

    def fetch(self, write: Callable[[bytes], None], seconds: float) -> None:
        """``write`` the file, block by block, within so many seconds.

        Raises:
            SourceFailed: the server does not give it, or is one that is not called.
            SourceUnavailable: it may give it later.
        """
        deadline = Deadline(seconds)
        try:
            with self._caller.called(self._target, deadline) as client:
                client.request("GET", self._target.path, headers=HEADERS)
                with closing(client.getresponse()) as answer:
                    self._check(answer.status, answer.getheader("Retry-After", ""))
                    while block := answer.read(BLOCK_BYTES):
                        write(block)
                    cut = bool(answer.length)
            if cut or deadline.passed:
                raise SourceUnavailable(f"{self.told}: the file broke off before its end.")
        except NotCalled as error:
            raise SourceFailed(f"{self.told}: {error}") from error
        except FAILURES as error:
            raise SourceUnavailable(f"{self.told}: {explained(error, deadline, SERVER)}") from error

    def _check(self, status: int, retry_after: str) -> None:
        if status == HTTPStatus.OK:
            return
        if status in NOT_NOW or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise SourceUnavailable(f"{self.told}: the server answers {status}.", retry_after=_seconds(retry_after))
        if 300 <= status < 400:
            raise SourceFailed(
                f"{self.told}: the server answers {status}, and leads elsewhere. Send the address to which it leads."
            )
        raise SourceFailed(f"{self.told}: the server answers {status}. Check the address, and that it may be read.")


def _seconds(retry_after: str) -> int:
    """When a server says to come again, in seconds; a time of the clock, or nothing, is a guess of ours."""
    return max(LEAST_SECONDS, int(retry_after)) if _SECONDS.fullmatch(retry_after) else LEAST_SECONDS
