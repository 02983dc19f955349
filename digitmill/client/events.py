"""Server-sent events, as the HTML standard's section "Server-sent events" describes their lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    kind: str
    data: str


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a body, without their line feeds; the last one also where it has none.

    Only a line feed ends a line: a name may hold any of the other characters that ``splitlines`` cuts at.
    """
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        yield rest


def events(body: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream. One that was cut off before its empty line is dropped, as the standard says."""
    kind, data = "message", list[str]()
    for raw in lines(body):
        line = raw.decode("utf-8", "replace").rstrip("\r")
        if not line:
            if data:
                yield Event(kind, "\n".join(data))
            kind, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
