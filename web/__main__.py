"""Serve the HTTP API until SIGTERM or SIGINT; requests at hand are answered before it stops."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from digitmill.errors import DigitmillError, StorageUnavailable
from digitmill.programs import loading


def main() -> int:
    with loading():
        from digitmill.service import Service  # noqa: PLC0415
        from digitmill.settings import Settings  # noqa: PLC0415
        from digitmill.system.telemetry import configure_logging  # noqa: PLC0415
        from digitmill.system.tracing import configure_tracing  # noqa: PLC0415
        from web.server.addresses import require_safe_address  # noqa: PLC0415
        from web.server.shared_metrics import share_metrics  # noqa: PLC0415
    # uploads and logs are for this user alone to read
    os.umask(0o077)
    try:
        settings = Settings.load()
        keys = Service.open(settings).keys
        require_safe_address(settings, keys)
        # where the store is away now, each process does so before it answers
        with suppress(StorageUnavailable):
            keys.carry_over()
    except DigitmillError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    configure_logging(settings)
    configure_tracing(settings, "web")
    if settings.web_processes > 1:
        share_metrics()
    # prometheus-client reads the variable when it is imported, as nearly all of web does
    with loading():
        from web.server.server import run  # noqa: PLC0415

    run(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
