"""Stand-ins for the worker and the web server: ``python stand_ins.py web|worker [how to behave]``.

They note their process numbers in DIGITMILL_VAR/<role>.pids, one line for each start, and what happens when they
stop in DIGITMILL_VAR/order.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import Any

import redis

VAR = Path(os.environ["DIGITMILL_VAR"])


def note(file: str, text: str) -> None:
    with (VAR / file).open("a") as log:
        log.write(f"{text}\n")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ready = self.path == "/readyz" and (VAR / "worker.pids").exists()
        self.send_response(200 if ready else 503)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        pass


def main() -> None:
    role, *behaviour = sys.argv[1:]
    if "fails" in behaviour:
        sys.exit("the model is not here")

    def on_stop(number: int, frame: FrameType | None) -> None:
        with redis.Redis.from_url(os.environ["DIGITMILL_REDIS_URL"]) as client:
            note("order", f"{role} stops, Redis answers {client.ping()}")
        if "stubborn" not in behaviour:
            sys.exit(0)

    signal.signal(signal.SIGTERM, on_stop)
    if "talks" in behaviour:
        for _ in range(30):
            sys.stderr.write("a" * (1 << 20) + "\n")
            sys.stderr.flush()
            time.sleep(0.05)
        note("said", "all")
    if "forks" in behaviour:
        grandchild = subprocess.Popen(["sleep", "600"])
        note("grandchild.pids", str(grandchild.pid))
    note(f"{role}.pids", str(os.getpid()))
    if role == "web":
        server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["DIGITMILL_PORT"])), Handler)
        server.serve_forever(poll_interval=0.05)
    while True:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
