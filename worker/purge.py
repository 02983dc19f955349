"""The purge, in the background of the children.

In a thread, because the storage of uploads may be slow; of a child, because the parent must have none when it forks.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

import structlog

from digitmill.errors import StorageUnavailable, StoreReplaced
from digitmill.settings import Settings
from digitmill.store.blobs import BlobStore
from digitmill.store.connection import connect
from digitmill.store.redis import RedisJobStore
from digitmill.store.redis_mark import StoreMark
from digitmill.upkeep.purge import Purge

_log = structlog.get_logger(__name__)


class BackgroundPurge:
    """Every child asks as often as a worker sweeps; one at a time does it, over a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, **_: Any) -> None:
        """Celery's worker_process_init."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        client, blobs = connect(self._settings.redis), BlobStore(self._settings.blobs)
        mark = StoreMark(client, blobs)
        purge = Purge(self._settings, RedisJobStore(client), blobs, partial(mark.check, now=True))
        while True:
            began = time.monotonic()
            self._purge(purge)
            # from one beginning to the next: in a backlog a round takes nearly all of the time between
            time.sleep(max(0.0, began + self._settings.sweep_seconds - time.monotonic()))

    @staticmethod
    def _purge(purge: Purge) -> None:
        try:
            purge.run()
        except (StorageUnavailable, StoreReplaced) as error:
            _log.warning("purge_failed", reason=error.detail)
        except Exception:  # noqa: BLE001
            # the thread must outlive whatever is wrong with one batch, which is taken again later
            _log.exception("purge_failed")
