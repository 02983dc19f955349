"""Strangers without a key, each in its own way of being a burden: ``python -m tests.hostile.crowd PORT CONNECTIONS``.

They come from addresses of this machine's loopback, 20 connections each, come again a second after they were turned
away, and go on until the process ends.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

OF_ONE_ADDRESS = 20
PAUSE_SECONDS = 1.0
FORM = "Content-Type: application/x-www-form-urlencoded"
IMAGE = "Content-Type: image/png"
CHUNKED = "Transfer-Encoding: chunked"

Burden = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def head(method: str, path: str, *fields: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode("latin-1")


def trickling(beginning: bytes, seconds: float) -> Burden:
    async def burden(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while not reader.at_eof() and not writer.is_closing():
            writer.write(b"a")
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1 << 16), seconds)

    return burden


def repeating(request: bytes) -> Burden:
    """The same again and again, each answer read."""

    async def burden(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(request)
            await writer.drain()
            if not await reader.read(1 << 16):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    return burden


async def large_form(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """60 MB to the sign-in, as far as the server takes them."""
    writer.write(head("POST", "/sign-in", FORM, "Content-Length: 60000000"))
    for _ in range(60):
        writer.write(b"key=" + b"a" * 999_996)
        await writer.drain()
        await asyncio.sleep(PAUSE_SECONDS / 100)
    await reader.read(1 << 16)


async def never_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Many answers asked for, none taken."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(head("GET", "/openapi.json") * 100)
    await asyncio.sleep(30)


async def half_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Many answers asked for, nothing more to say, and none taken."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(head("GET", "/openapi.json") * 100)
    writer.write_eof()
    await asyncio.sleep(30)


async def endless_extension(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A chunk of one byte, the line of whose length does not end."""
    writer.write(head("POST", "/sign-in", FORM, CHUNKED) + b"1;")
    for _ in range(60):
        writer.write(b"a" * 100_000)
        await writer.drain()
        await asyncio.sleep(PAUSE_SECONDS / 10)
    await reader.read(1 << 16)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)


BURDENS: tuple[Burden, ...] = (
    trickling(b"GET /healthz HTTP/1.1\r\nX-A: ", 2),
    trickling(head("POST", "/sign-in", FORM, "Content-Length: 60000"), 2),
    trickling(head("POST", "/v1/jobs", IMAGE, "Content-Length: 60000000"), 2),
    trickling(head("POST", "/v1/jobs", IMAGE, CHUNKED) + b"ffff\r\n", 5),
    never_reading,
    half_closed,
    endless_extension,
    silent,
    large_form,
    repeating(b"\x01" * 8000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    repeating(head("POST", "/sign-in", FORM, CHUNKED) + b"no number\r\n"),
    repeating(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
    repeating(head("POST", "/sign-in", FORM, CHUNKED) + b"1\r\na\r\n0\r\n" + b"X-Trailer: a\r\n" * 1000),
    repeating(head("GET", "/v1/jobs", "Authorization: Bearer dm_0123456789ab_" + "0" * 48)),
)


async def guest(port: int, number: int) -> None:
    """One connection after the other, from one address, with one burden."""
    burden = BURDENS[number % len(BURDENS)]
    spread = 1 + number // OF_ONE_ADDRESS
    for _ in itertools.count():
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(f"127.1.{spread // 250}.{spread % 250 + 1}", 0), family=socket.AF_INET
            )
            try:
                await burden(reader, writer)
            finally:
                writer.close()
        await asyncio.sleep(PAUSE_SECONDS)


async def main(port: int, connections: int) -> None:
    await asyncio.gather(*(guest(port, number) for number in range(connections)))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
