"""What libtiff, inside Pillow, complains about: kept out of standard error, and told to who decodes.

It writes a line a row of a damaged page: a file of 6 kB once filled a log with half a gigabyte.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from PIL import _imaging

MOST = 100
"""Of one page so many complaints are counted; then libtiff is not listened to any more."""
UNSUPPORTED = ("not configured", "not implemented", "can not handle", "unsupported jpeg", "value %d not supported")
OF_TAGS = (
    "TIFFReadDirectory",
    "TIFFReadCustomDirectory",
    "TIFFFetch",
    "TIFFSetField",
    "TIFFVSetField",
    "_TIFFVSetField",
)
"""Parts of libtiff that read tags. What they complain about, such as an orientation of 0, is no damage to pixels, or
costs the page anyway."""

_Handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
"""Takes the part of libtiff that complains, a format as for printf, and its arguments."""
_turn = threading.Lock()


class Complaints:
    """``damage`` counts complaints about pixels; ``unsupported`` says that one was of a kind that is not read."""

    def __init__(self) -> None:
        self.damage = 0
        self.unsupported = False

    def add(self, part: bytes | None, text: bytes | None) -> None:
        if (part or b"").decode("latin-1").startswith(OF_TAGS):
            return
        self.damage += 1
        self.unsupported |= any(word in (text or b"").decode("latin-1").lower() for word in UNSUPPORTED)


@contextmanager
def heard() -> Iterator[Complaints]:
    """Complaints of libtiff within the ``with`` block; one thread at a time, since it has one handler for all."""
    complaints = Complaints()
    set_handler = _library().TIFFSetErrorHandler

    def complain(part: bytes | None, text: bytes | None, _: int | None) -> None:
        complaints.add(part, text)
        if complaints.damage >= MOST:
            set_handler(None)

    handler = _Handler(complain)
    with _turn:
        set_handler(handler)
        try:
            yield complaints
        finally:
            # nobody listens outside such a block, and nothing is to be written there
            set_handler(None)


@cache
def _library() -> ctypes.CDLL:
    """Pillow's own libtiff: names are looked up in what its module is linked with too."""
    library = ctypes.CDLL(_imaging.__file__)
    library.TIFFSetErrorHandler.restype = ctypes.c_void_p
    return library
