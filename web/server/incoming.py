"""A request while it comes in: whether enough of it is there for a thread to begin."""

from __future__ import annotations

import re

HEAD_BYTES = 32 << 10
"""The most that the head of a request may have."""
BODY_BYTES = 64 << 10
"""A body of up to so many bytes is waited for before a thread is taken."""

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r", re.IGNORECASE)
_OTHERWISE = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue[ \t]*\r", re.IGNORECASE)
_PROBE = re.compile(rb"(?:GET|HEAD) /(?:healthz|readyz|metrics) ")


class HeadTooLarge(Exception):
    """The head of the request has more than HEAD_BYTES."""


class Incoming:
    """The bytes of one request, and what the client sent after it, in ``data``."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray()
        self._searched = 0
        self._needed: int | None = None
        if data:
            self.take(data)

    def take(self, block: bytes) -> None:
        """Raises HeadTooLarge."""
        # empty lines before a request are no part of it (RFC 9112, section 2.2)
        self.data += block if self.data else block.lstrip(b"\r\n")
        if self._needed is None:
            self._look_for_end()

    @property
    def ready(self) -> bool:
        """The head is there, and so is the body if it is small."""
        return self._needed is not None and len(self.data) >= self._needed

    @property
    def head_done(self) -> bool:
        return self._needed is not None

    @property
    def is_probe(self) -> bool:
        """It asks for the liveness, the readiness or the figures of this process."""
        return _PROBE.match(self.data) is not None

    def _look_for_end(self) -> None:
        end = self.data.find(_END, self._searched)
        self._searched = max(0, len(self.data) - len(_END) + 1)
        if (len(self.data) if end < 0 else end) > HEAD_BYTES:
            raise HeadTooLarge
        if end < 0:
            return
        head = self.data[: end + len(_END)]
        lengths = _LENGTH.findall(head)
        # what is framed in any other way, or wrongly, is for the thread to judge
        size = int(lengths[0]) if len(lengths) == 1 and not _OTHERWISE.search(head) else 0
        # who waits to be told to go on is refused, or told so, by the thread
        waited_for = size <= BODY_BYTES and not _EXPECTS.search(head)
        self._needed = len(head) + (size if waited_for else 0)
