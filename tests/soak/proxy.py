"""A proxy before Redis that loses answers: what was asked is done, and who asked never hears of it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

BLOCK = 1 << 16


class Proxy:
    """Passes everything on to 127.0.0.1:``target``, until it is told to ``cut``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._to_cut = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._listener.getsockname()[1])
        self.cut_answers = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, answers: int) -> None:
        """Lose the next so many answers of Redis, each with its connection."""
        with self._lock:
            self._to_cut += answers

    def mend(self) -> None:
        """Lose no more."""
        with self._lock:
            self._to_cut = 0

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
        self._pass(server, client, True)

    def _pass(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError):
            while (data := source.recv(BLOCK)) and not (answers and self._loses()):
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        if answers:
            source.close()
            sink.close()

    def _loses(self) -> bool:
        with self._lock:
            if self._to_cut == 0:
                return False
            self._to_cut -= 1
            self.cut_answers += 1
            return True
