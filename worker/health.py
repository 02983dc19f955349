"""Whether this machine's worker is alive, with its model loaded: ``python -m worker.health``."""

from __future__ import annotations

import socket
import sys

from digitmill.domain.roles import Role
from digitmill.errors import DigitmillError, ServiceUnavailable
from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.connection import connect
from digitmill.store.redis import RedisJobStore

SILENT_SECONDS = 30.0
"""Six beats of ``worker/process.py``, which is not imported here: a check that runs often has to be cheap."""


def check(store: JobStore, hostname: str, role: Role = Role.READER) -> None:
    """Raises ServiceUnavailable unless the store has heard of a worker process of this host lately."""
    if not any(worker.name.startswith(f"{hostname}:") for worker in store.upkeep.workers(SILENT_SECONDS, role)):
        raise ServiceUnavailable(f"No worker process of {hostname} was heard of for {SILENT_SECONDS:.0f} s.")


def main() -> int:
    try:
        settings = Settings.load()
        check(RedisJobStore(connect(settings.redis)), socket.gethostname(), settings.worker_role)
    except DigitmillError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
