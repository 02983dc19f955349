"""The composition root: builds stores, models and queue from Settings, once in each process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from digitmill.jobs import Jobs
from digitmill.keys import Keys
from digitmill.labelled import Labelled
from digitmill.models.registry import Registry
from digitmill.queue import CeleryQueue, Queue, celery_app
from digitmill.recovery import Recovery
from digitmill.results import Results
from digitmill.retrying import Retrying
from digitmill.review import Review
from digitmill.sampling import Sampling
from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.blobs import BlobStore
from digitmill.store.connection import connect
from digitmill.store.key_store import KeyStore
from digitmill.store.memory_key_store import MemoryKeyStore
from digitmill.store.redis import RedisJobStore
from digitmill.store.redis_key_store import RedisKeyStore
from digitmill.store.redis_line import Line
from digitmill.store.redis_mark import StoreMark
from digitmill.webhooks.deliveries import Webhooks
from digitmill.work import Models, Watchdog, Work


@dataclass(frozen=True)
class Service:
    """Everything a process needs. Building it sends nothing: connections open at first use."""

    settings: Settings
    store: JobStore
    blobs: BlobStore
    registry: Registry
    queue: Queue
    keys: Keys
    jobs: Jobs
    results: Results
    retrying: Retrying
    review: Review
    labelled: Labelled
    sampling: Sampling
    webhooks: Webhooks
    recovery: Recovery
    mark: StoreMark | None

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Raises SettingsError when no Redis is named."""
        client = connect(settings.redis)
        queue = CeleryQueue(celery_app(settings.redis), Line(client))
        mark = StoreMark(client, BlobStore(settings.blobs))
        return cls.assemble(settings, RedisJobStore(client), queue, RedisKeyStore(client), mark)

    @classmethod
    def assemble(
        cls,
        settings: Settings,
        store: JobStore,
        queue: Queue,
        key_store: KeyStore | None = None,
        mark: StoreMark | None = None,
    ) -> Self:
        """Put the parts together over a store and a queue of one's own. Without ``key_store``, keys are in memory.

        Args:
            mark: makes sure of the store, where that may be replaced under a running service.
        """
        blobs = BlobStore(settings.blobs)
        registry = Registry(settings.published_models, settings.var / "cache" / "models")
        webhooks = Webhooks(settings, store.webhooks)
        jobs = Jobs(settings, store, blobs, registry, queue, webhooks)
        results = Results(settings, store, blobs, jobs)
        return cls(
            settings=settings,
            store=store,
            blobs=blobs,
            registry=registry,
            queue=queue,
            keys=Keys(settings, key_store or MemoryKeyStore(), verify=partial(mark.check, now=True) if mark else _sure),
            jobs=jobs,
            results=results,
            retrying=Retrying(settings, store, blobs, jobs),
            review=Review(store, jobs, results),
            labelled=Labelled(settings, store, blobs, jobs),
            sampling=Sampling(jobs, results),
            webhooks=webhooks,
            recovery=Recovery(settings, store, queue),
            mark=mark,
        )

    def work(
        self,
        models: Models[Any],
        watchdog: Watchdog | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Work:
        """The worker's side, with the models of this process."""
        return Work(self.settings, self.store, self.blobs, self.queue, models, watchdog or Watchdog(), stopping)


def _sure() -> None:
    """A store in memory is not replaced."""
