"""A TCP proxy on one link between two processes, which can be cut for a while: silently, or with a hang-up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BLOCK = 1 << 16


class Link:
    """Leads from ``port`` to 127.0.0.1:``target``. Whole at first."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self._listener.getsockname()[1])
        self._whole = threading.Event()
        self._whole.set()
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.held = 0
        """Pieces that came while the link was silent."""
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self) -> None:
        """Pass nothing on, as a cable that was pulled: connections stand, and new ones get no answer."""
        self._whole.clear()

    def hang_up(self) -> None:
        """End all connections, and pass nothing on of new ones."""
        self._whole.clear()
        with self._lock:
            ends, self._ends = self._ends, set()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self.mend()
        self._listener.close()
        self.hang_up()
        self.mend()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        self._pass_when_whole()
        try:
            far = socket.create_connection(("127.0.0.1", self._target), timeout=10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        with self._lock:
            self._ends |= {near, far}
        threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
        self._pass(far, near)
        for end in (near, far):
            with self._lock:
                self._ends.discard(end)
            end.close()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(BLOCK):
                self._pass_when_whole()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass_when_whole(self) -> None:
        if not self._whole.is_set():
            self.held += 1
        self._whole.wait()


@contextmanager
def link(target: int) -> Iterator[Link]:
    made = Link(target)
    try:
        yield made
    finally:
        made.close()
