"""Run one worker until SIGTERM or SIGINT; it finishes the chunks at hand before it stops."""

from __future__ import annotations

import os
import sys

from digitmill.errors import DigitmillError
from digitmill.programs import loading


def main() -> int:
    # the processes of a worker share the cores already, and numpy's algebra reads this once, when it is imported
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with loading():
        from digitmill.settings import Settings  # noqa: PLC0415
        from digitmill.system.telemetry import configure_logging  # noqa: PLC0415
        from digitmill.system.tracing import configure_tracing  # noqa: PLC0415
        from worker.app import build, run  # noqa: PLC0415

    # uploads and logs are for this user alone to read
    os.umask(0o077)
    try:
        settings = Settings.load()
        configure_logging(settings)
        configure_tracing(settings, "worker")
        app = build(settings)
    except DigitmillError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    return run(app, settings)


if __name__ == "__main__":
    sys.exit(main())
