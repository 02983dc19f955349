"""A TCP proxy before Redis that passes every call on and cuts the connection before some answers."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CuttingProxy:
    """Cuts one answer in ``one_in``, none while that is 0. ``cuts`` counts them."""

    def __init__(self, port: int, seed: int) -> None:
        self._target = port
        self._chance = random.Random(seed)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.one_in = 0
        self.cuts = 0

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._server.accept()
                try:
                    redis = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    caller.close()
                    continue
                threading.Thread(target=self._pass_on, args=(caller, redis), daemon=True).start()
                threading.Thread(target=self._answer, args=(redis, caller), daemon=True).start()

    def close(self) -> None:
        self._server.close()

    @staticmethod
    def _pass_on(caller: socket.socket, redis: socket.socket) -> None:
        with suppress(OSError):
            while data := caller.recv(1 << 16):
                redis.sendall(data)
        _end(redis, caller)

    def _answer(self, redis: socket.socket, caller: socket.socket) -> None:
        with suppress(OSError):
            while data := redis.recv(1 << 16):
                if self.one_in and self._chance.randrange(self.one_in) == 0:
                    self.cuts += 1
                    break
                caller.sendall(data)
        _end(redis, caller)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def cutting_proxy(port: int, *, seed: int = 1) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(port, seed)
    threading.Thread(target=proxy.serve, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()
