"""Serve the HTTP API until SIGTERM or SIGINT; requests at hand are answered before it stops."""

from __future__ import annotations

import os
import sys
import tempfile

from digitmill.errors import DigitmillError
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.telemetry import configure_logging
from web.auth import require_safe_address


def main() -> int:
    # uploads and logs are for this user alone to read
    os.umask(0o077)
    try:
        settings = Settings.load()
        require_safe_address(settings, Service.open(settings).keys)
    except DigitmillError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    configure_logging(settings)
    if settings.web_processes > 1:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="digitmill-metrics-")
    # prometheus-client reads the variable when it is imported
    from web.server import run  # noqa: PLC0415

    run(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
